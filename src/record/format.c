/* SPDX-License-Identifier: MIT */
#include "record/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/escape.h"
#include "record/format_json.h"
#include "record/format_time.h"

#define LISTENER_BYTES 128
#define BLOCK 16

/*
 * What lines begin with: the columns before the tag, or the members before the
 * record's number.  It is the same for all records of one read, so it is
 * rendered once and copied.  text has a block more than it needs.
 */
struct prefix {
	char text[FORMAT_MIN_LINE + BLOCK];
	size_t size;
	size_t time_at; /* where the time stands in text */
	char time_text[FORMAT_TIME];
	struct timespec time;
	const struct origin *origin; /* NULL: text is not rendered yet */
};

/* Write a column and a space.  Returns where the next one begins. */
static char *
put_column(char *out, const char *text, size_t size)
{
	memcpy(out, text, size);
	out[size] = ' ';
	return out + size + 1;
}

/* The columns of text, behind space for the time. */
static size_t
text_prefix(char *out, const struct origin *origin)
{
	char *end = out + FORMAT_TIME - 1;

	*end++ = ' ';
	end = put_column(end, origin->listener,
			 strnlen(origin->listener, LISTENER_BYTES));
	end = put_column(end, origin->peer, strlen(origin->peer));
	return (size_t)(end - out);
}

static void
prefix_set_origin(struct prefix *prefix, enum format format,
		  const struct origin *origin)
{
	bool is_json = format == FORMAT_JSON;

	prefix->origin = origin;
	prefix->time_at = is_json ? FORMAT_JSON_TIME : 0;
	prefix->size = is_json ? format_json_prefix(prefix->text, origin)
			       : text_prefix(prefix->text, origin);
}

/* The date is asked for once a second: that takes longest. */
static void
prefix_set_time(struct prefix *prefix, const struct timespec *time)
{
	if (prefix->time.tv_sec == time->tv_sec)
		format_time_fraction(prefix->time_text, time->tv_nsec);
	else
		format_time(prefix->time_text, time);
	prefix->time = *time;
}

static inline bool
prefix_is_of(const struct prefix *prefix, const struct record *record)
{
	return prefix->origin == record->origin &&
	       prefix->time.tv_nsec == record->time.tv_nsec &&
	       prefix->time.tv_sec == record->time.tv_sec;
}

/* Write the prefix of a record, in whole blocks: what is written next
 * overwrites what is too much.  Returns its size. */
static size_t
put_prefix(char *out, struct prefix *prefix, enum format format,
	   const struct record *record)
{
	if (!prefix_is_of(prefix, record)) {
		if (prefix->origin != record->origin)
			prefix_set_origin(prefix, format, record->origin);
		prefix_set_time(prefix, &record->time);
		memcpy(prefix->text + prefix->time_at, prefix->time_text,
		       FORMAT_TIME - 1);
	}
	for (size_t i = 0; i < prefix->size; i += BLOCK)
		memcpy(out + i, prefix->text + i, BLOCK);
	return prefix->size;
}

/*
 * The spaces and TABs that data ends with, for the next piece: the journal and
 * editors remove them at the end of a line.  0 if there is nothing else.
 */
static size_t
count_last_spaces(const unsigned char *data, size_t size)
{
	size_t n = 0;

	while (n < size &&
	       (data[size - 1 - n] == ' ' || data[size - 1 - n] == '\t'))
		n++;
	return n < size ? n : 0;
}

/*
 * Render data of a record from done on, behind a prefix of tag bytes: *size
 * bytes, or as many as a line of limit bytes holds.  Sets *size to these.
 */
static size_t
format_text(char *out, size_t tag, size_t limit, const struct record *record,
	    size_t done, size_t *size)
{
	size_t capacity = ESCAPE_GROWTH * *size, used = tag + 2;

	if (capacity > limit - used - 1)
		capacity = limit - used - 1;
	used += escape(out + used, capacity, record->data + done, size);
	if (done + *size < record->size) {
		size_t n = count_last_spaces(record->data + done, *size);

		*size -= n;
		used -= n;
	}
	out[tag] = (char)record_line_tag(record, done + *size);
	out[tag + 1] = ' ';
	out[used++] = '\n';
	return used;
}

static size_t
format_raw(char *out, const struct record *record)
{
	if (record->tag == TAG_NOTE)
		return 0;
	memcpy(out, record->data, record->size);
	if (record->tag == TAG_PIECE)
		return record->size;
	out[record->size] = '\n';
	return record->size + 1;
}

/* One line, as format_text() has it. */
static size_t
format_line(char *out, size_t limit, const struct rendering *r, size_t *size,
	    struct prefix *prefix)
{
	const struct record *record = r->records;
	size_t used;

	if (r->format == FORMAT_RAW)
		return format_raw(out, record);
	used = put_prefix(out, prefix, r->format, record);
	return r->format == FORMAT_JSON
		     ? format_json(out, used, limit, record, r->done, size)
		     : format_text(out, used, limit, record, r->done, size);
}

size_t
format_lines(struct rendering *r, char *out, size_t capacity, size_t *written)
{
	/* Raw has no pieces, and notes are short. */
	const bool has_limit = r->max_line > 0 && r->format != FORMAT_RAW;
	struct prefix prefix;
	size_t used = 0, lines = 0;

	prefix.origin = NULL;
	prefix.size = prefix.time_at = 0;
	prefix.time = (struct timespec){ .tv_sec = -1 };
	for (; r->count > 0; lines++) {
		const struct record *record = r->records;
		size_t left = capacity - used, size = record->size - r->done;
		size_t limit = has_limit && record->tag != TAG_NOTE
				     ? r->max_line
				     : SIZE_MAX;

		if (left < limit && left < FORMAT_BOUND(size))
			break;
		used += format_line(out + used, limit, r, &size, &prefix);
		r->done += size;
		if (r->done < record->size)
			continue;
		r->records++;
		r->count--;
		r->done = 0;
	}
	*written = used;
	return lines;
}
