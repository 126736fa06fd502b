/* SPDX-License-Identifier: MIT */
#include "record/log_line.h"

#include <string.h>

#include "base/escape.h"
#include "record/format_time.h"

#define TIME_SIZE (FORMAT_TIME - 1)

/* The numbers of a time: digits, the character after them, their range. */
static const struct {
	int digits;
	char after;
	int min, max;
} parts[] = {
	{ 4, '-', 0, 9999 },   { 2, '-', 1, 12 }, { 2, 'T', 1, 31 },
	{ 2, ':', 0, 23 },     { 2, ':', 0, 59 }, { 2, '.', 0, 59 },
	{ 6, 'Z', 0, 999999 },
};

#define PARTS (sizeof parts / sizeof *parts)

static int
days_of(int year, int month)
{
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 ? 28 + is_leap : 30 + ((month + month / 8) & 1);
}

/* By hand, since strptime() has no microseconds and skips spaces. */
static bool
parse_time(const char *text, int values[PARTS])
{
	for (size_t i = 0; i < PARTS; i++) {
		values[i] = 0;
		for (int digit = 0; digit < parts[i].digits; digit++, text++) {
			if (*text < '0' || *text > '9')
				return false;
			values[i] = 10 * values[i] + *text - '0';
		}
		if (*text++ != parts[i].after || values[i] < parts[i].min ||
		    values[i] > parts[i].max)
			return false;
	}
	return values[2] <= days_of(values[0], values[1]);
}

/* Take the next column and the space after it.  NULL: there is none. */
static const char *
take_column(char **at, const char *end, size_t *size)
{
	char *begin = *at, *space = memchr(begin, ' ', (size_t)(end - begin));

	if (!space || space == begin)
		return NULL;
	*size = (size_t)(space - begin);
	*at = space + 1;
	return begin;
}

/*
 * Take the tag and the space after it.  Where no data follows, an editor may
 * have removed that space.
 */
static bool
take_tag(char **at, const char *end, enum tag *tag)
{
	static const char tags[] = { 'F', 'P', 'E', 'T', '*' };

	if (*at == end || !memchr(tags, **at, sizeof tags))
		return false;
	*tag = (enum tag)(*at)[0];
	if (++*at == end)
		return true;
	return *(*at)++ == ' ';
}

const char *
log_line_parse_text(struct log_line *log_line, char *line, size_t size)
{
	char *at = line, *end = line + size;
	int values[PARTS];
	size_t time_size, bad_offset;
	long unescaped;

	*log_line = (struct log_line){ 0 };
	log_line->time = take_column(&at, end, &time_size);
	if (!log_line->time || time_size != TIME_SIZE ||
	    !parse_time(line, values))
		return "a time, such as 2026-11-23T07:12:01.123456Z";
	log_line->listener = take_column(&at, end, &log_line->listener_size);
	if (!log_line->listener)
		return "a listener after the time";
	log_line->peer = take_column(&at, end, &log_line->peer_size);
	if (!log_line->peer)
		return "a peer after the listener";
	if (!take_tag(&at, end, &log_line->tag))
		return "a tag after the peer: F, P, E, T or *";
	unescaped = unescape((unsigned char *)at, at, (size_t)(end - at),
			     &bad_offset);
	if (unescaped < 0)
		return "a backslash, n, r or xHH after a backslash";
	log_line->data = at;
	log_line->size = (size_t)unescaped;
	return NULL;
}

bool
log_line_time(const struct log_line *line, struct timespec *time)
{
	int values[PARTS];
	struct tm utc;

	if (!parse_time(line->time, values))
		return false;
	utc = (struct tm){ .tm_year = values[0] - 1900,
			   .tm_mon = values[1] - 1,
			   .tm_mday = values[2],
			   .tm_hour = values[3],
			   .tm_min = values[4],
			   .tm_sec = values[5] };
	time->tv_sec = timegm(&utc);
	time->tv_nsec = values[6] * 1000L;
	return true;
}

bool
log_line_is_note(const struct log_line *log_line, const char *event)
{
	size_t size = strlen(event);

	return log_line->tag == TAG_NOTE && log_line->size >= size &&
	       memcmp(log_line->data, event, size) == 0 &&
	       (log_line->size == size || log_line->data[size] == ' ');
}
