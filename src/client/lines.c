/* SPDX-License-Identifier: MIT */
#include "client/lines.h"

#include <errno.h>
#include <string.h>

#define BLOCK_BYTES 262144

static void
pass(struct lines *lines, size_t size)
{
	off_t *left = &lines->input->left;

	lines->begin += size;
	if (*left > 0)
		*left -= (off_t)size < *left ? (off_t)size : *left;
}

bool
lines_held(struct lines *lines, struct line *line)
{
	size_t held =
		lines->input->left == 0 ? 0 : lines->memory.size - lines->begin;
	char *text = lines->memory.data + lines->begin;
	char *lf = held > lines->searched ? memchr(text + lines->searched, '\n',
						   held - lines->searched)
					  : NULL;

	lines->searched = lf ? 0 : held;
	if (!lf && (!lines->ended || held == 0))
		return false;
	*line = (struct line){
		.text = text,
		.size = lf ? (size_t)(lf - text) : held,
		.is_whole = lf,
	};
	pass(lines, line->size + (lf ? 1 : 0));
	lines->number++;
	return true;
}

/* The size of the lines before the first that begins with "{". */
static size_t
measure_text(const char *text, size_t size)
{
	const char *at = text, *end = text + size;

	while ((at = memchr(at, '{', (size_t)(end - at)))) {
		if (at == text || at[-1] == '\n')
			return (size_t)(at - text);
		at++;
	}
	return size;
}

size_t
lines_pass(struct lines *lines, struct finder *finder)
{
	const char *text = lines->memory.data + lines->begin, *found, *lf;
	size_t held =
		lines->input->left == 0 ? 0 : lines->memory.size - lines->begin;
	size_t passed;

	if (!finder->needle || held == 0 || lines->searched > 0)
		return 0;
	if (!lines->is_tuned)
		finder_tune(finder, text, held);
	lines->is_tuned = true;
	found = finder_find(finder, text, held);
	lf = memrchr(text, '\n', found ? (size_t)(found - text) : held);
	passed = lf ? measure_text(text, (size_t)(lf + 1 - text)) : 0;
	pass(lines, passed);
	return passed;
}

/* Append a block to the bytes held, which move to the beginning of memory. */
bool
lines_read(struct lines *lines)
{
	struct buffer *memory = &lines->memory;
	ssize_t size;

	if (lines->ended || lines->input->left == 0)
		return false;
	if (lines->begin > 0) {
		memory->size -= lines->begin;
		memmove(memory->data, memory->data + lines->begin,
			memory->size);
		lines->begin = 0;
	}
	size = input_read(lines->input, buffer_reserve(memory, BLOCK_BYTES),
			  BLOCK_BYTES);
	if (size < 0)
		lines->error = errno;
	lines->ended = size <= 0;
	memory->size += size > 0 ? (size_t)size : 0;
	return true;
}

bool
lines_next(struct lines *lines, struct line *line)
{
	while (!lines_held(lines, line))
		if (!lines_read(lines))
			return false;
	return true;
}

void
lines_free(struct lines *lines)
{
	buffer_free(&lines->memory);
}
