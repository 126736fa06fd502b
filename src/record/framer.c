/* SPDX-License-Identifier: MIT */
#include "record/framer.h"

#include <string.h>

#include "base/utf8.h"

/* A count with more digits is refused: no peer sends a frame of 1 GB. */
#define COUNT_DIGITS 9

size_t
framer_capacity(size_t max_record)
{
	/* Beside a full record: its CR and LF, or its count and the space. */
	return max_record + FRAMER_READ + COUNT_DIGITS + 1;
}

void
framer_init(struct framer *f, enum framing framing, size_t max_record)
{
	*f = (struct framer){
		.framing = framing,
		.max_record = max_record,
	};
}

void
framer_lend(struct framer *f, unsigned char *memory, size_t capacity)
{
	f->memory = memory;
	f->capacity = capacity;
	f->begin = f->end = f->searched = 0;
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
	f->remaining -= f->framing == FRAMING_OCTET_COUNTED ? size : 0;
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

static enum frame
next_delimited(struct framer *f, struct slice *out)
{
	const unsigned char *start = f->memory + f->begin;
	int terminator = f->framing == FRAMING_NUL ? '\0' : '\n';
	size_t held = framer_held(f), size = held;
	const unsigned char *found = NULL;
	size_t carriage_return;

	if (held > f->searched)
		found = memchr(start + f->searched, terminator,
			       held - f->searched);
	if (found)
		size = (size_t)(found - start);
	f->searched = size;
	/* The last CR of an unfinished record may be that of a CRLF. */
	carriage_return = f->framing == FRAMING_LINE && size > 0 &&
			  start[size - 1] == '\r';
	if (size - carriage_return > f->max_record)
		return take_piece(f, out, f->max_record);
	if (!found)
		return FRAME_NONE;
	return take(f, out, size - carriage_return, carriage_return + 1);
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

/*
 * Read the count before a frame (RFC 6587, 3.4.1): a digit other than 0, more
 * digits, a space.  FRAME_WHOLE: it is complete, and in f->remaining.
 */
static enum frame
next_count(struct framer *f)
{
	const unsigned char *start = f->memory + f->begin;
	size_t held = framer_held(f), i = 0;
	uint64_t count = 0;

	for (; i < held && i < COUNT_DIGITS; i++) {
		if (start[i] < (i == 0 ? '1' : '0') || start[i] > '9')
			break;
		count = count * 10 + (uint64_t)(start[i] - '0');
	}
	if (i == held)
		return FRAME_NONE;
	if (i == 0 || start[i] != ' ') {
		f->framing = FRAMING_REST;
		return FRAME_BAD;
	}
	f->begin += i + 1;
	f->remaining = count;
	f->inside = true;
	return FRAME_WHOLE;
}

static enum frame
next_counted(struct framer *f, struct slice *out)
{
	size_t held;

	if (f->remaining == 0) {
		enum frame frame;

		skip_between_frames(f);
		frame = next_count(f);
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
		return next_delimited(f, out);
	case FRAMING_OCTET_COUNTED:
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
	size_t held = framer_held(f);
	bool in_count =
		f->framing == FRAMING_OCTET_COUNTED && f->remaining == 0;

	if (held == 0 || in_count)
		return FRAME_NONE;
	/* Hold back a CR that may begin a CRLF, unless it is all there is. */
	if (f->framing == FRAMING_LINE && held > 1 &&
	    f->memory[f->end - 1] == '\r')
		held--;
	return take_piece(f, out, held);
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
