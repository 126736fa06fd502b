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
 * The columns before the tag.  They are the same for all records of one read,
 * so they are rendered once and copied.  text has a block more than they need.
 */
struct prefix {
	char text[FORMAT_TIME + LISTENER_BYTES + 1 + ADDRESS_TEXT + 1 + BLOCK];
	size_t size;
	const struct record *of; /* the last that it was rendered for */
};

/* Write a column and a space.  Returns where the next one begins. */
static char *
put_column(char *out, const char *text, size_t size)
{
	memcpy(out, text, size);
	out[size] = ' ';
	return out + size + 1;
}

static void
prefix_make(struct prefix *prefix, const struct record *record)
{
	const struct origin *origin = record->origin;
	char time[FORMAT_TIME], *end = prefix->text;

	if (prefix->of && prefix->of->origin == record->origin &&
	    prefix->of->time.tv_sec == record->time.tv_sec &&
	    prefix->of->time.tv_nsec == record->time.tv_nsec)
		return;
	format_time(time, &record->time);
	end = put_column(end, time, FORMAT_TIME - 1);
	end = put_column(end, origin->listener,
			 strnlen(origin->listener, LISTENER_BYTES));
	end = put_column(end, origin->peer, strlen(origin->peer));
	prefix->size = (size_t)(end - prefix->text);
	prefix->of = record;
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
 * Render data of a record from done on: *size bytes, or as many as a line of
 * limit bytes holds.  Sets *size to these.
 */
static size_t
format_text(char *out, size_t limit, const struct record *record, size_t done,
	    size_t *size, struct prefix *prefix)
{
	size_t capacity = ESCAPE_GROWTH * *size, used, tag;

	prefix_make(prefix, record);
	tag = prefix->size;
	/* Whole blocks: the tag and the data overwrite what is too much. */
	for (size_t i = 0; i < tag; i += BLOCK)
		memcpy(out + i, prefix->text + i, BLOCK);
	used = tag + 2;
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

size_t
format_lines(struct rendering *r, char *out, size_t capacity, size_t *written)
{
	/* Raw has no pieces, and notes are short. */
	const bool has_limit = r->max_line > 0 && r->format != FORMAT_RAW;
	const struct record *record = r->records, *end = record + r->count;
	struct prefix prefix = { .of = NULL };
	size_t used = 0, lines = 0, done = r->done;

	while (record < end) {
		size_t left = capacity - used, size = record->size - done;
		size_t limit = has_limit && record->tag != TAG_NOTE
				     ? r->max_line
				     : SIZE_MAX;

		if (left < limit && left < FORMAT_BOUND(size))
			break;
		switch (r->format) {
		case FORMAT_TEXT:
			used += format_text(out + used, limit, record, done,
					    &size, &prefix);
			break;
		case FORMAT_JSON:
			used += format_json(out + used, limit, record, done,
					    &size);
			break;
		case FORMAT_RAW:
			used += format_raw(out + used, record);
			break;
		}
		lines++;
		done += size;
		if (done < record->size)
			continue;
		record++;
		done = 0;
	}
	r->records = record;
	r->count = (size_t)(end - record);
	r->done = done;
	*written = used;
	return lines;
}
