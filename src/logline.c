/* SPDX-License-Identifier: MIT */
#include "logline.h"

#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "format_time.h"

#define TIME_SIZE (FORMAT_TIME - 1)

/* The next column, up to the space after it; NULL: there is none. */
static const char *
column(char **at, const char *end, size_t *size)
{
	char *begin = *at, *space = memchr(begin, ' ', (size_t)(end - begin));

	if (!space || space == begin)
		return NULL;
	*size = (size_t)(space - begin);
	*at = space + 1;
	return begin;
}

/*
 * The tag and a space; an editor may have taken away the space before no data.
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
logline_parse_text(struct logline *logline, char *line, size_t size)
{
	char *at = line, *end = line + size;
	size_t time_size, fault;
	long unescaped;

	*logline = (struct logline){ 0 };
	logline->time = column(&at, end, &time_size);
	if (!logline->time || time_size != TIME_SIZE ||
	    line[time_size - 1] != 'Z')
		return "a time, such as 2026-11-23T07:12:01.123456Z";
	logline->listener = column(&at, end, &logline->listener_size);
	if (!logline->listener)
		return "a listener after the time";
	logline->peer = column(&at, end, &logline->peer_size);
	if (!logline->peer)
		return "a peer after the listener";
	if (!take_tag(&at, end, &logline->tag))
		return "a tag after the peer: F, P, E, T or *";
	unescaped =
		unescape((unsigned char *)at, at, (size_t)(end - at), &fault);
	if (unescaped < 0)
		return "\\\\, \\n, \\r or \\xHH after a backslash";
	logline->data = at;
	logline->size = (size_t)unescaped;
	return NULL;
}

bool
logline_time(const struct logline *line, struct timespec *time)
{
	struct tm utc = { 0 };
	const char *dot = strptime(line->time, "%Y-%m-%dT%H:%M:%S", &utc);
	long microseconds;
	char *end;

	/* It takes single digits too. */
	if (dot != line->time + TIME_SIZE - strlen(".123456Z") || *dot != '.')
		return false;
	microseconds = strtol(dot + 1, &end, 10);
	if (end != line->time + TIME_SIZE - 1 || *end != 'Z' ||
	    microseconds < 0)
		return false;
	time->tv_sec = timegm(&utc);
	time->tv_nsec = microseconds * 1000;
	return true;
}

bool
logline_is_note(const struct logline *logline, const char *event)
{
	size_t size = strlen(event);

	return logline->tag == TAG_NOTE && logline->size >= size &&
	       memcmp(logline->data, event, size) == 0 &&
	       (logline->size == size || logline->data[size] == ' ');
}
