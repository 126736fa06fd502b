/* SPDX-License-Identifier: MIT */
/*
 * A line of a log: any bytes are read or refused, as text and as JSON, and
 * what was read as text says the same once it is rendered again.
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

/* The columns, in the copy that was not changed, and the data, escaped. */
static void
check_text(const struct logline *logline, const char *line, size_t size)
{
	size_t before =
		27 + 1 + logline->listener_size + 1 + logline->peer_size + 1;
	size_t taken = logline->size;
	char *escaped = fuzz_memory(ESCAPE_GROWTH * logline->size);

	REQUIRE(is_column(logline->listener, logline->listener_size));
	REQUIRE(is_column(logline->peer, logline->peer_size));
	REQUIRE(before < size);
	REQUIRE(line[before] == (char)logline->tag);
	if (before + 2 <= size) {
		const char *data = line + before + 2;
		size_t rest = size - before - 2;
		char *again = fuzz_memory(rest);
		size_t fault;

		REQUIRE(unescape((unsigned char *)again, data, rest, &fault) ==
			(long)logline->size);
		REQUIRE(fuzz_same(again, logline->size, logline->data,
				  logline->size));
		free(again);
	} else {
		REQUIRE(logline->size == 0);
	}
	escape(escaped, ESCAPE_GROWTH * logline->size,
	       (const unsigned char *)logline->data, &taken);
	REQUIRE(taken == logline->size);
	free(escaped);
}

static void
check_time(const struct logline *logline)
{
	struct timespec time;

	if (logline_time(logline, &time))
		REQUIRE(time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
}

int
fuzz_logline(const uint8_t *data, size_t size)
{
	char *line = fuzz_copy(data, size), *copy = fuzz_copy(data, size);
	struct logline logline;

	if (!logline_parse_text(&logline, line, size)) {
		check_text(&logline, copy, size);
		check_time(&logline);
	}
	if (!logline_parse_json(&logline, copy, size)) {
		check_time(&logline);
		REQUIRE(logline.peer_size > 0);
	}
	logline_free(&logline);
	free(line);
	free(copy);
	return 0;
}
