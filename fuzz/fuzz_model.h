/* SPDX-License-Identifier: MIT */
/* fuzz_model: the records that a framer must make of a stream. */
#ifndef PORTLOG_FUZZ_MODEL_H
#define PORTLOG_FUZZ_MODEL_H

#include "fuzz.h"
#include "record/framer.h"

struct stream {
	enum framing framing;
	const struct framing_settings *settings;
	size_t max_record;
	const uint8_t *steps;
	size_t step_bytes; /* the unit of a step */
	const unsigned char *data;
	size_t size;
};

/* One for each of the first steps of an input. */
static const struct framing_settings fuzz_settings[] = {
	{ { 1, "\r" }, 1, LENGTH_BIG, false },
	{ { 2, "\x1c\r" }, 1, LENGTH_BIG, true },
	{ { 3, "aab" }, 2, LENGTH_BIG, false },
	{ { 4, "abab" }, 2, LENGTH_LITTLE, false },
	{ { 8, "abcabcab" }, 2, LENGTH_BIG, true },
	{ { 2, "\r\n" }, 3, LENGTH_LITTLE, true },
	{ { 2, "\0\0" }, 4, LENGTH_BIG, false },
	{ { 3, "\xe2\x82\xac" }, 4, LENGTH_LITTLE, true },
};

/* The frames that came out, and their bytes, one after another. */
struct trace {
	struct {
		enum frame frame;
		size_t size;
	} * list;
	size_t count, limit;
	unsigned char *joined;
	size_t size, capacity; /* of joined */
};

static inline void
trace_init(struct trace *t, const struct stream *s)
{
	/* Each frame has a byte or more, except a bad one and the last. */
	*t = (struct trace){ .limit = s->size + 2, .capacity = s->size };
	t->list = fuzz_memory(t->limit * sizeof *t->list);
	t->joined = fuzz_memory(t->capacity);
}

static inline void
trace_free(struct trace *t)
{
	free(t->list);
	free(t->joined);
}

static inline void
trace_add(struct trace *t, enum frame frame, const void *data, size_t size)
{
	REQUIRE(t->count < t->limit && size <= t->capacity - t->size);
	t->list[t->count].frame = frame;
	t->list[t->count++].size = size;
	if (size > 0)
		memcpy(t->joined + t->size, data, size);
	t->size += size;
}

static inline void
require_same(const struct trace *a, const struct trace *b)
{
	REQUIRE(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		REQUIRE(a->list[i].frame == b->list[i].frame);
		REQUIRE(a->list[i].size == b->list[i].size);
	}
	REQUIRE(fuzz_same(a->joined, a->size, b->joined, b->size));
}

/*
 * How many digits the count before a frame has; 0: there is no count. *is_open:
 * the data end within what may become a count.
 */
static inline size_t
count_digits(const unsigned char *data, size_t size, size_t *count,
	     bool *is_open)
{
	size_t digits = 0;

	*count = 0;
	while (digits < size && data[digits] >= '0' && data[digits] <= '9' &&
	       digits < 9)
		*count = *count * 10 + (data[digits++] - (size_t)'0');
	*is_open = digits == size && (size == 0 || data[0] != '0');
	return size > digits && digits > 0 && data[0] != '0' &&
			       data[digits] == ' '
		     ? digits
		     : 0;
}

/* How many bytes from there on may stand between two frames. */
static inline size_t
count_between(const struct stream *s, size_t at)
{
	size_t count = 0;

	while (at + count < s->size &&
	       (s->data[at + count] == '\n' || s->data[at + count] == '\r' ||
		s->data[at + count] == ' ' || s->data[at + count] == '\0'))
		count++;
	return count;
}

/* A record in its pieces; is_open: the stream ends before the record does. */
static inline void
model_record(struct trace *t, const struct stream *s, const unsigned char *data,
	     size_t size, bool is_open)
{
	while (size > s->max_record) {
		size_t cut = fuzz_cut(data, s->max_record);

		trace_add(t, FRAME_PIECE, data, cut);
		data += cut;
		size -= cut;
	}
	trace_add(t, is_open ? FRAME_END : FRAME_WHOLE, data, size);
}

static inline const struct delimiter *
terminator_of(const struct stream *s)
{
	static const struct delimiter line = { 1, "\n" }, nul = { 1, "" };

	return s->framing == FRAMING_DELIMITER ? &s->settings->delimiter
	     : s->framing == FRAMING_NUL       ? &nul
					       : &line;
}

static inline void
model_delimited(struct trace *t, const struct stream *s)
{
	const struct delimiter *terminator = terminator_of(s);

	for (size_t at = 0; at < s->size;) {
		const unsigned char *data = s->data + at;
		const unsigned char *end =
			memmem(data, s->size - at, terminator->bytes,
			       terminator->size);
		size_t size = end ? (size_t)(end - data) : s->size - at;

		at += size + terminator->size;
		if (end && s->framing == FRAMING_LINE && size > 0 &&
		    data[size - 1] == '\r')
			size--;
		model_record(t, s, data, size, !end);
	}
}

/* A frame of count bytes; the stream has only size bytes from here on. */
static inline void
model_frame(struct trace *t, const struct stream *s, const unsigned char *data,
	    size_t count, size_t size)
{
	while (count > s->max_record && size >= s->max_record) {
		size_t cut = fuzz_cut(data, s->max_record);

		trace_add(t, FRAME_PIECE, data, cut);
		data += cut;
		count -= cut;
		size -= cut;
	}
	if (size < count)
		trace_add(t, FRAME_END, data, size);
	else
		trace_add(t, FRAME_WHOLE, data, count);
}

static inline void
model_counted(struct trace *t, const struct stream *s)
{
	for (size_t at = count_between(s, 0); at < s->size;
	     at += count_between(s, at)) {
		const unsigned char *data = s->data + at;
		size_t left = s->size - at, count, digits;
		bool is_open;

		digits = count_digits(data, left, &count, &is_open);
		if (digits == 0) {
			if (!is_open)
				trace_add(t, FRAME_BAD, NULL, 0);
			model_record(t, s, data, left, true);
			return;
		}
		data += digits + 1;
		left -= digits + 1;
		model_frame(t, s, data, count, left);
		at = count > left ? s->size : s->size - left + count;
	}
}

/*
 * The length before a frame: the size of the prefix.  0: there is none, because
 * the stream ends here (*is_open), or because it is no length.
 */
static inline size_t
length_bytes(const struct stream *s, size_t at, size_t *length, bool *is_open)
{
	const struct framing_settings *l = s->settings;
	size_t size = l->length_bytes, sum = 0;

	*is_open = s->size - at < size;
	for (size_t i = 0; i < size && !*is_open; i++)
		sum += (size_t)s->data[at + i]
		    << (l->length_order == LENGTH_LITTLE ? 8 * i
							 : 8 * (size - 1 - i));
	*length = sum - (l->length_includes_itself ? size : 0);
	return *is_open || *length > 999999999 ? 0 : size;
}

static inline void
model_lengths(struct trace *t, const struct stream *s)
{
	for (size_t at = 0; at < s->size;) {
		size_t length;
		bool is_open;
		size_t prefix = length_bytes(s, at, &length, &is_open);
		size_t left = s->size - at - prefix;

		if (prefix == 0) {
			if (!is_open)
				trace_add(t, FRAME_BAD, NULL, 0);
			model_record(t, s, s->data + at, left, true);
			return;
		}
		at += prefix;
		model_frame(t, s, s->data + at, length, left);
		at = length > left ? s->size : at + length;
	}
}

static inline void
model(struct trace *t, const struct stream *s)
{
	if (s->framing == FRAMING_OCTET_COUNTED)
		model_counted(t, s);
	else if (s->framing == FRAMING_LENGTH)
		model_lengths(t, s);
	else if (s->framing != FRAMING_REST)
		model_delimited(t, s);
	else if (s->size > 0)
		model_record(t, s, s->data, s->size, true);
}

#endif
