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
 * Render the rest of a record, from *done on, or as much of it as a line of
 * limit bytes holds.  Adds to *done what that is.
 */
static size_t
format_text(char *out, size_t limit, const struct record *record, size_t *done,
	    struct prefix *prefix)
{
	size_t size = record->size - *done, capacity = ESCAPE_GROWTH * size;
	size_t used, tag;

	prefix_make(prefix, record);
	tag = prefix->size;
	/* Whole blocks: the tag and the data overwrite what is too much. */
	for (size_t i = 0; i < tag; i += BLOCK)
		memcpy(out + i, prefix->text + i, BLOCK);
	used = tag + 2;
	if (capacity > limit - used - 1)
		capacity = limit - used - 1;
	used += escape(out + used, capacity, record->data + *done, &size);
	*done += size;
	out[tag] = (char)record_line_tag(record, *done);
	out[tag + 1] = ' ';
	out[used++] = '\n';
	return used;
}

static size_t
format_raw(char *out, const struct record *record, size_t *done)
{
	*done = record->size;
	if (record->tag == TAG_NOTE)
		return 0;
	memcpy(out, record->data, record->size);
	if (record->tag == TAG_PIECE)
		return record->size;
	out[record->size] = '\n';
	return record->size + 1;
}

/* The most bytes of its lines.  Notes are short, and raw has no pieces. */
static size_t
line_limit(const struct rendering *r, const struct record *record)
{
	bool has_limit = r->max_line > 0 && r->format != FORMAT_RAW &&
			 record->tag != TAG_NOTE;

	return has_limit ? r->max_line : SIZE_MAX;
}

static size_t
format_line(struct rendering *r, char *out, size_t limit, struct prefix *prefix)
{
	switch (r->format) {
	case FORMAT_TEXT:
		return format_text(out, limit, r->records, &r->done, prefix);
	case FORMAT_JSON:
		return format_json(out, limit, r->records, &r->done);
	case FORMAT_RAW:
		break;
	}
	return format_raw(out, r->records, &r->done);
}

size_t
format_lines(struct rendering *r, char *out, size_t capacity, size_t *written)
{
	struct prefix prefix = { .of = NULL };
	size_t used = 0, lines = 0;

	for (; r->count > 0; lines++) {
		size_t size = r->records->size, left = capacity - used;
		size_t limit = line_limit(r, r->records);

		if (left < limit && left < FORMAT_BOUND(size - r->done))
			break;
		used += format_line(r, out + used, limit, &prefix);
		if (r->done < size)
			continue;
		r->records++;
		r->count--;
		r->done = 0;
	}
	*written = used;
	return lines;
}
