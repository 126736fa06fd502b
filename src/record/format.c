/* SPDX-License-Identifier: MIT */
#include "record/format.h"

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

static size_t
format_text(char *out, const struct record *record, struct prefix *prefix)
{
	size_t used, size = record->size;

	prefix_make(prefix, record);
	used = prefix->size;
	/* Whole blocks: the tag and the data overwrite what is too much. */
	for (size_t i = 0; i < used; i += BLOCK)
		memcpy(out + i, prefix->text + i, BLOCK);
	out[used++] = (char)record->tag;
	out[used++] = ' ';
	used += escape(out + used, ESCAPE_GROWTH * size, record->data, &size);
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
format_records(enum format format, char *out, size_t capacity, size_t *written,
	       const struct record *records, size_t count)
{
	struct prefix prefix = { .of = NULL };
	size_t used = 0, i;

	for (i = 0; i < count; i++) {
		const struct record *record = &records[i];

		if (capacity - used < FORMAT_BOUND(record->size))
			break;
		switch (format) {
		case FORMAT_TEXT:
			used += format_text(out + used, record, &prefix);
			break;
		case FORMAT_JSON:
			used += format_json(out + used, record);
			break;
		case FORMAT_RAW:
			used += format_raw(out + used, record);
			break;
		}
	}
	*written = used;
	return i;
}
