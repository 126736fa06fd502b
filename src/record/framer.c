/* SPDX-License-Identifier: MIT */
#include "record/framer.h"

#include <string.h>

#include "base/utf8.h"

/* A larger count or length is refused: no peer sends a frame of 1 GB. */
#define COUNT_DIGITS 9
#define COUNT_MAX 999999999

size_t
framer_capacity(size_t max_record)
{
	/* Beside a full record: its delimiter, or its count and the space. */
	return max_record + FRAMER_READ + COUNT_DIGITS + 1;
}

void
framer_init(struct framer *f, enum framing framing,
	    const struct framing_settings *settings, size_t max_record)
{
	*f = (struct framer){
		.framing = framing,
		.settings = settings,
		.max_record = max_record,
	};
}

/* Whether the settings have what a framing needs. */
static bool
is_set(const struct framing_settings *settings, enum framing framing)
{
	if (framing == FRAMING_DELIMITER)
		return settings && settings->delimiter.size > 0;
	return framing != FRAMING_LENGTH ||
	       (settings && settings->length_bytes > 0);
}

void
framer_resume(struct framer *f, enum framing framing, uint64_t remaining,
	      bool inside)
{
	if (is_set(f->settings, framing))
		f->framing = framing;
	f->remaining = framer_is_counted(f) ? remaining : 0;
	f->inside = inside;
}

void
framer_lend(struct framer *f, unsigned char *memory, size_t capacity)
{
	size_t held = framer_held(f);

	if (held > 0)
		memcpy(memory, f->memory + f->begin, held);
	f->memory = memory;
	f->capacity = capacity;
	f->begin = 0;
	f->end = held;
}

size_t
framer_held(const struct framer *f)
{
	return f->end - f->begin;
}

const unsigned char *
framer_held_bytes(const struct framer *f)
{
	return f->end > f->begin ? f->memory + f->begin : NULL;
}

unsigned char *
framer_space(struct framer *f, size_t *capacity)
{
	size_t held = framer_held(f);

	if (f->begin > 0) {
		memmove(f->memory, f->memory + f->begin, held);
		f->begin = 0;
		f->end = held;
	}
	*capacity = f->capacity - f->end;
	if (f->framing == FRAMING_CHUNK && *capacity > f->max_record)
		*capacity = f->max_record;
	return f->memory + f->end;
}

void
framer_received(struct framer *f, size_t count)
{
	f->end += count;
}

/* Take size bytes out as a record, and skip its terminator. */
static enum frame
take(struct framer *f, struct slice *out, size_t size, size_t terminator)
{
	out->data = f->memory + f->begin;
	out->size = size;
	f->begin += size + terminator;
	f->searched = 0;
	f->remaining -= framer_is_counted(f) ? size : 0;
	f->inside = false;
	return FRAME_WHOLE;
}

/* Take at most size bytes out, and leave the record open. */
static enum frame
take_piece(struct framer *f, struct slice *out, size_t size)
{
	size_t searched = f->searched;

	take(f, out, utf8_cut(f->memory + f->begin, size), 0);
	/* A long record must not be searched again after each piece. */
	f->searched = searched > out->size ? searched - out->size : 0;
	f->inside = true;
	return FRAME_PIECE;
}

static const struct delimiter *
terminator_of(const struct framer *f)
{
	static const struct delimiter lf = { 1, "\n" }, nul = { 1, "" };

	if (f->framing == FRAMING_DELIMITER)
		return &f->settings->delimiter;
	return f->framing == FRAMING_NUL ? &nul : &lf;
}

/* For one byte memmem(3) is a memchr(3) that begins 2 ns later: for each line.
 */
static const void *
find(const void *data, size_t size, const struct delimiter *terminator)
{
	return terminator->size == 1
		     ? memchr(data, terminator->bytes[0], size)
		     : memmem(data, size, terminator->bytes, terminator->size);
}

/*
 * How many of the first size bytes that are held may begin the terminator, at
 * their end; of a line, the CR of a CRLF.
 */
static size_t
begun_terminator(const struct framer *f, size_t size)
{
	const unsigned char *end = f->memory + f->begin + size;
	const struct delimiter *terminator;
	size_t begun;

	if (f->framing == FRAMING_LINE)
		return size > 0 && end[-1] == '\r';
	terminator = terminator_of(f);
	begun = terminator->size - 1;
	if (begun > size)
		begun = size;
	while (begun > 0 && memcmp(end - begun, terminator->bytes, begun) != 0)
		begun--;
	return begun;
}

static enum frame
next_delimited(struct framer *f, struct slice *out)
{
	const unsigned char *start = f->memory + f->begin, *found = NULL;
	const struct delimiter *terminator = terminator_of(f);
	size_t held = framer_held(f), size = held, begun = 0;

	if (held > f->searched)
		found = find(start + f->searched, held - f->searched,
			     terminator);
	if (found)
		size = (size_t)(found - start);
	/* Most lines have no CR: they take no call. */
	if (!found ||
	    (f->framing == FRAMING_LINE && size > 0 && start[size - 1] == '\r'))
		begun = begun_terminator(f, size);
	f->searched = found ? size : size - begun;
	if (size - begun > f->max_record)
		return take_piece(f, out, f->max_record);
	if (!found)
		return FRAME_NONE;
	return take(f, out, size - begun, begun + terminator->size);
}

/*
 * Some senders count their frames and end them with a line end or a NUL all
 * the same, and Cisco's ASA now and then puts a space after that.
 */
static void
skip_between_frames(struct framer *f)
{
	static const char skipped[] = { '\n', '\r', '\0', ' ' };

	while (f->begin < f->end &&
	       memchr(skipped, f->memory[f->begin], sizeof skipped))
		f->begin++;
}

/* Behind size bytes that say so, a frame of count bytes begins. */
static enum frame
begin_frame(struct framer *f, size_t size, uint64_t count)
{
	f->begin += size;
	f->remaining = count;
	f->inside = true;
	return FRAME_WHOLE;
}

static enum frame
begin_rest(struct framer *f)
{
	f->framing = FRAMING_REST;
	return FRAME_BAD;
}

/*
 * Read the count before a frame (RFC 6587, 3.4.1): a digit other than 0, more
 * digits, a space.  FRAME_WHOLE: it is complete, and in f->remaining.
 */
static enum frame
next_count(struct framer *f)
{
	const unsigned char *start;
	size_t held, i = 0;
	uint64_t count = 0;

	skip_between_frames(f);
	start = f->memory + f->begin;
	held = framer_held(f);
	for (; i < held && i < COUNT_DIGITS; i++) {
		if (start[i] < (i == 0 ? '1' : '0') || start[i] > '9')
			break;
		count = count * 10 + (uint64_t)(start[i] - '0');
	}
	if (i == held)
		return FRAME_NONE;
	if (i == 0 || start[i] != ' ')
		return begin_rest(f);
	return begin_frame(f, i + 1, count);
}

/* The same for a binary number. */
static enum frame
next_length(struct framer *f)
{
	const unsigned char *start = f->memory + f->begin;
	const struct framing_settings *s = f->settings;
	size_t size = s->length_bytes;
	uint64_t length = 0, own = s->length_includes_itself ? size : 0;

	if (framer_held(f) < size)
		return FRAME_NONE;
	for (size_t i = 0; i < size; i++)
		length =
			length << 8 |
			start[s->length_order == LENGTH_BIG ? i : size - 1 - i];
	if (length < own || length - own > COUNT_MAX)
		return begin_rest(f);
	return begin_frame(f, size, length - own);
}

static enum frame
next_counted(struct framer *f, struct slice *out)
{
	size_t held;

	if (f->remaining == 0) {
		enum frame frame = f->framing == FRAMING_LENGTH ? next_length(f)
								: next_count(f);

		if (frame != FRAME_WHOLE)
			return frame;
	}
	held = framer_held(f);
	if (f->remaining > f->max_record)
		return held < f->max_record ? FRAME_NONE
					    : take_piece(f, out, f->max_record);
	return held < f->remaining ? FRAME_NONE
				   : take(f, out, (size_t)f->remaining, 0);
}

static enum frame
next_rest(struct framer *f, struct slice *out)
{
	return framer_held(f) > f->max_record
		     ? take_piece(f, out, f->max_record)
		     : FRAME_NONE;
}

enum frame
framer_next(struct framer *f, struct slice *out)
{
	switch (f->framing) {
	case FRAMING_LINE:
	case FRAMING_LF:
	case FRAMING_NUL:
	case FRAMING_DELIMITER:
		return next_delimited(f, out);
	case FRAMING_OCTET_COUNTED:
	case FRAMING_LENGTH:
		return next_counted(f, out);
	case FRAMING_REST:
		return next_rest(f, out);
	case FRAMING_CHUNK:
	case FRAMING_DATAGRAM:
	case FRAMING_EXACT:
	case FRAMING_UNSET:
		break;
	}
	return framer_held(f) == 0 ? FRAME_NONE
				   : take(f, out, framer_held(f), 0);
}

enum frame
framer_flush(struct framer *f, struct slice *out)
{
	size_t size = framer_held(f);

	if (size == 0 || (framer_is_counted(f) && f->remaining == 0))
		return FRAME_NONE;
	/* Hold back a CR that may begin a CRLF, unless it is all there is. */
	if (f->framing == FRAMING_DELIMITER ||
	    (f->framing == FRAMING_LINE && size > 1))
		size -= begun_terminator(f, size);
	return size == 0 ? FRAME_NONE : take_piece(f, out, size);
}

enum frame
framer_end(struct framer *f, struct slice *out)
{
	size_t held = framer_held(f);

	if (held == 0 && !f->inside)
		return FRAME_NONE;
	/* A full record, and a CR that no LF followed. */
	if (held > f->max_record)
		return take_piece(f, out, f->max_record);
	take(f, out, held, 0);
	f->remaining = 0;
	return FRAME_END;
}
