/* SPDX-License-Identifier: MIT */
#include "client/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"

#define BLOCK_BYTES 262144

bool
lines_open(struct lines *lines, const char *path)
{
	*lines = (struct lines){ .fd = STDIN_FILENO };
	if (strcmp(path, "-") != 0)
		lines->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (lines->fd < 0)
		diag(LOG_ERR, "%s: %s", path, strerror(errno));
	return lines->fd >= 0;
}

/* Append a block to the bytes held, which move to the beginning of memory. */
static void
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
lines_close(struct lines *lines)
{
	buffer_free(&lines->memory);
	if (lines->fd != STDIN_FILENO)
		close(lines->fd);
}
