/* SPDX-License-Identifier: MIT */
#include "client/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES 262144

void
lines_init(struct lines *lines, int fd)
{
	*lines = (struct lines){ .fd = fd };
}

/* Read a block behind what there is; false: there is no more. */
static bool
read_block(struct lines *lines)
{
	struct buffer *memory = &lines->memory;
	ssize_t size;

	if (lines->begin > 0) {
		memory->size -= lines->begin;
		memmove(memory->data, memory->data + lines->begin,
			memory->size);
		lines->begin = 0;
	}
	do
		size = read(lines->fd, buffer_reserve(memory, BLOCK_BYTES),
			    BLOCK_BYTES);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		lines->error = errno;
	lines->ended = size <= 0;
	memory->size += size > 0 ? (size_t)size : 0;
	return size > 0;
}

bool
lines_next(struct lines *lines, struct line *line)
{
	size_t searched = 0;

	for (;;) {
		size_t held = lines->memory.size - lines->begin;
		char *text = lines->memory.data + lines->begin;
		char *lf = held > searched ? memchr(text + searched, '\n',
						    held - searched)
					   : NULL;

		if (lf || (lines->ended && held > 0)) {
			*line = (struct line){
				.text = text,
				.size = lf ? (size_t)(lf - text) : held,
				.is_whole = lf,
			};
			lines->begin += line->size + (lf ? 1 : 0);
			lines->number++;
			return true;
		}
		if (lines->ended)
			return false;
		searched = held;
		read_block(lines);
	}
}

void
lines_free(struct lines *lines)
{
	buffer_free(&lines->memory);
}
