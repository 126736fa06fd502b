/* SPDX-License-Identifier: MIT */
/*
 * fuzz_log_line: any bytes are parsed or refused as a line of a log, as text
 * and as JSON.  The fields of a line of text are those that the line shows.
 */
#include "fuzz.h"

#include "base/escape.h"
#include "record/format.h"
#include "record/log_line.h"

static bool
is_column(const char *begin, size_t size)
{
	return size > 0 && memchr(begin, ' ', size) == NULL;
}

/* Compare with the original line: parsing has unescaped the data in place. */
static void
check_text(const struct log_line *log_line, const char *line, size_t size)
{
	size_t before =
		27 + 1 + log_line->listener_size + 1 + log_line->peer_size + 1;
	size_t taken = log_line->size;
	char *escaped = fuzz_memory(ESCAPE_GROWTH * log_line->size);

	REQUIRE(is_column(log_line->listener, log_line->listener_size));
	REQUIRE(is_column(log_line->peer, log_line->peer_size));
	REQUIRE(before < size);
	REQUIRE(line[before] == (char)log_line->tag);
	if (before + 2 <= size) {
		const char *data = line + before + 2;
		size_t rest = size - before - 2;
		char *again = fuzz_memory(rest);
		size_t fault;

		REQUIRE(unescape((unsigned char *)again, data, rest, &fault) ==
			(long)log_line->size);
		REQUIRE(fuzz_same(again, log_line->size, log_line->data,
				  log_line->size));
		free(again);
	} else {
		REQUIRE(log_line->size == 0);
	}
	escape(escaped, ESCAPE_GROWTH * log_line->size,
	       (const unsigned char *)log_line->data, &taken);
	REQUIRE(taken == log_line->size);
	free(escaped);
}

static void
check_time(const struct log_line *log_line)
{
	struct timespec time;

	if (log_line_time(log_line, &time))
		REQUIRE(time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
}

int
fuzz_log_line(const uint8_t *data, size_t size)
{
	char *line = fuzz_copy(data, size), *copy = fuzz_copy(data, size);
	struct log_line log_line;

	if (!log_line_parse_text(&log_line, line, size)) {
		check_text(&log_line, copy, size);
		check_time(&log_line);
	}
	if (!log_line_parse_json(&log_line, copy, size)) {
		check_time(&log_line);
		REQUIRE(log_line.peer_size > 0);
	}
	log_line_free(&log_line);
	free(line);
	free(copy);
	return 0;
}
