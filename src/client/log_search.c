/* SPDX-License-Identifier: MIT */
#include "client/log_search.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "client/log_view.h"
#include "record/format_time.h"

#define BLOCK_BYTES 65536

/* How far before its result a stall is looked for. */
#define STALL_BYTES 1048576

/* A part of a file that is so small is read line by line. */
#define SEARCH_BYTES 4096

static size_t
read_at(int fd, char *data, size_t size, off_t offset)
{
	ssize_t got = pread(fd, data, size, offset);

	return got > 0 ? (size_t)got : 0;
}

/* Where there is something to read from offset on, behind a hole. */
static off_t
skip_hole(int fd, off_t offset)
{
	off_t data = lseek(fd, offset, SEEK_DATA);

	return data > offset ? data : offset;
}

/* The byte behind the first LF from offset on; -1: there is none. */
static off_t
find_line(int fd, char *block, off_t offset)
{
	size_t size;

	do {
		const char *lf;

		offset = skip_hole(fd, offset);
		size = read_at(fd, block, BLOCK_BYTES, offset);
		lf = memchr(block, '\n', size);
		if (lf)
			return offset + (lf - block) + 1;
		offset += (off_t)size;
	} while (size > 0);
	return -1;
}

/*
 * The first line that begins behind offset and has a time, which is copied.
 * -1: there is none.
 */
static off_t
find_time(int fd, char *block, off_t offset, char time[LOG_VIEW_TIME])
{
	while ((offset = find_line(fd, block, offset)) >= 0) {
		size_t size = read_at(fd, block, 64, offset);
		const char *found = log_view_time(block, size);

		if (found) {
			memcpy(time, found, LOG_VIEW_TIME);
			return offset;
		}
	}
	return -1;
}

/* Whether the line at offset has a time, and that is not before the wanted. */
static bool
is_line_of(int fd, char *block, off_t offset, const char *wanted)
{
	size_t size = read_at(fd, block, 64, offset);
	const char *time = log_view_time(block, size);

	return time && memcmp(time, wanted, LOG_VIEW_TIME) >= 0;
}

/* From a line that is too early on, the first that is not; or the last one. */
static off_t
search_lines(int fd, char *block, off_t low, const char *wanted)
{
	char time[LOG_VIEW_TIME];
	off_t line;

	if (is_line_of(fd, block, low, wanted))
		return low;
	while ((line = find_time(fd, block, low, time)) >= 0 &&
	       memcmp(time, wanted, LOG_VIEW_TIME) < 0)
		low = line;
	return line >= 0 ? line : low;
}

/* Halve the part of the file in which the line must be, until it is small. */
static off_t
search(int fd, char *block, const char *wanted)
{
	off_t low = 0, high = lseek(fd, 0, SEEK_END);

	while (high - low > SEARCH_BYTES) {
		off_t middle = low + (high - low) / 2;
		char time[LOG_VIEW_TIME];
		off_t line = find_time(fd, block, middle, time);

		if (line >= 0 && line < high &&
		    memcmp(time, wanted, LOG_VIEW_TIME) < 0)
			low = line;
		else
			high = middle;
	}
	return search_lines(fd, block, low, wanted);
}

/* The longest stall that is noted in text: its seconds. */
static long
longest_stall(const char *text, size_t size)
{
	static const char *const notes[] = {
		" * resumed seconds=",
		"\"event\":\"resumed\",\"seconds\":",
	};
	const char *end = text + size;
	long longest = 0;

	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(notes[i]);
		const char *at = text;

		while ((at = memmem(at, (size_t)(end - at), notes[i],
				    length))) {
			long seconds = strtol(at += length, NULL, 10);

			longest = seconds > longest ? seconds : longest;
		}
	}
	return longest;
}

/* The seconds that lines around this place may be out of order. */
static long
slack_at(int fd, off_t offset)
{
	off_t begin = offset > STALL_BYTES ? offset - STALL_BYTES : 0;
	char *text = memory_zeroed(STALL_BYTES + BLOCK_BYTES, 1);
	size_t size = read_at(fd, text, STALL_BYTES + BLOCK_BYTES, begin);
	long stall = longest_stall(text, size);

	free(text);
	return LOG_SEARCH_SLACK + stall;
}

static off_t
search_before(int fd, char *block, const struct timespec *time, long seconds)
{
	struct timespec begin = *time;
	char wanted[FORMAT_TIME];

	begin.tv_sec = begin.tv_sec > seconds ? begin.tv_sec - seconds : 0;
	format_time(wanted, &begin);
	return search(fd, block, wanted);
}

off_t
log_search_time(int fd, const struct timespec *time)
{
	char *block = memory_zeroed(1, BLOCK_BYTES);
	off_t found = search_before(fd, block, time, LOG_SEARCH_SLACK);
	long slack = slack_at(fd, found);

	if (slack > LOG_SEARCH_SLACK)
		found = search_before(fd, block, time, slack);
	free(block);
	return found;
}

off_t
log_search_last(int fd, size_t lines, size_t *missing)
{
	char *block = memory_zeroed(1, BLOCK_BYTES);
	off_t end = lseek(fd, 0, SEEK_END), found = 0;
	off_t last = end - 1; /* an LF there ends the last line */

	while (end > 0 && found == 0) {
		off_t begin = end > BLOCK_BYTES ? end - BLOCK_BYTES : 0;
		size_t size = read_at(fd, block, (size_t)(end - begin), begin);
		const char *lf;

		while (found == 0 && (lf = memrchr(block, '\n', size))) {
			size = (size_t)(lf - block);
			if (lines > 0 && begin + (off_t)size == last)
				continue;
			if (lines == 0 || --lines == 0)
				found = begin + (off_t)size + 1;
		}
		end = begin;
	}
	free(block);
	/* The first line has no LF before it. */
	*missing = found > 0 || last < 0 || lines == 0 ? lines : lines - 1;
	return found;
}
