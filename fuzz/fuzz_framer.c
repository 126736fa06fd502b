/* SPDX-License-Identifier: MIT */
/*
 * fuzz_framer: cut a stream into records, and compare them with those of a
 * model that sees the whole stream at once.  The input:
 *
 *     1 byte    the framing: '0' to '7' as in framings.  From 248 on, the
 *               stream is repeated until it fills the framer's memory, and all
 *               sizes are multiplied
 *     1 byte    max_record - 1
 *     6 bytes   the sizes of reads; the top bit means: flush after this read.
 *               The first also chooses the settings of the framing
 *     the rest  the stream
 */
#include "record/framer.h"

#include "fuzz.h"
#include "fuzz_model.h"

#define STEPS 6
/* The size of a repeated stream, and the factor of its sizes. */
#define LARGE_STREAM (3 * (size_t)FRAMER_READ)
#define LARGE_UNIT 256

static const enum framing framings[] = {
	FRAMING_LINE,  FRAMING_LF,   FRAMING_NUL,       FRAMING_OCTET_COUNTED,
	FRAMING_CHUNK, FRAMING_REST, FRAMING_DELIMITER, FRAMING_LENGTH,
};

/* Add a frame to the trace; its slice must be within the framer's memory. */
static void
add_frame(struct trace *t, const struct framer *f, enum frame frame,
	  const struct slice *slice)
{
	if (frame == FRAME_BAD) {
		trace_add(t, frame, NULL, 0);
		return;
	}
	REQUIRE(slice->size <= f->max_record);
	REQUIRE(frame != FRAME_PIECE || slice->size > 0);
	REQUIRE(slice->data >= f->memory);
	REQUIRE(slice->data + slice->size <= f->memory + f->capacity);
	trace_add(t, frame, slice->data, slice->size);
}

static void
take_all(struct trace *t, struct framer *f)
{
	struct slice slice;
	enum frame frame;

	while ((frame = framer_next(f, &slice)) != FRAME_NONE) {
		REQUIRE(frame != FRAME_END);
		add_frame(t, f, frame, &slice);
	}
	REQUIRE(framer_next(f, &slice) == FRAME_NONE);
	REQUIRE(framer_held(f) < framer_capacity(f->max_record) - FRAMER_READ);
}

static void
take_flushed(struct trace *t, struct framer *f)
{
	struct slice slice;
	size_t held = framer_held(f);
	enum frame frame = framer_flush(f, &slice);

	REQUIRE(frame == FRAME_PIECE || frame == FRAME_NONE);
	if (frame == FRAME_PIECE)
		add_frame(t, f, frame, &slice);
	REQUIRE(framer_held(f) ==
		held - (frame == FRAME_PIECE ? slice.size : 0));
}

static void
take_end(struct trace *t, struct framer *f)
{
	struct slice slice;
	enum frame frame, last = FRAME_NONE;

	while ((frame = framer_end(f, &slice)) != FRAME_NONE) {
		REQUIRE(frame == FRAME_PIECE || frame == FRAME_END);
		REQUIRE(last != FRAME_END);
		add_frame(t, f, frame, &slice);
		last = frame;
	}
	REQUIRE(framer_held(f) == 0);
	REQUIRE(framer_end(f, &slice) == FRAME_NONE);
}

/* One read of at most size bytes; returns how many. */
static size_t
receive(struct framer *f, const unsigned char *data, size_t size)
{
	size_t capacity;
	unsigned char *space = framer_space(f, &capacity);

	REQUIRE(capacity >= (f->framing == FRAMING_CHUNK ? 1 : FRAMER_READ));
	if (size > capacity)
		size = capacity;
	memcpy(space, data, size);
	framer_received(f, size);
	return size;
}

/* Frame a stream, in the longest reads or in those of its steps. */
static void
run(struct trace *t, const struct stream *s, bool is_split, bool is_flushed)
{
	size_t capacity = framer_capacity(s->max_record);
	unsigned char *memory = fuzz_memory(capacity);
	unsigned char *other = fuzz_memory(capacity);
	struct framer f;

	framer_init(&f, s->framing, s->settings, s->max_record);
	framer_lend(&f, memory, capacity);
	for (size_t at = 0, step = 0; at < s->size; step++) {
		uint8_t next = s->steps[step % STEPS];
		size_t wanted = (next & 0x7f) * s->step_bytes;
		size_t size = s->size - at;

		if (is_split && wanted > 0 && wanted < size)
			size = wanted;
		at += receive(&f, s->data + at, size);
		take_all(t, &f);
		if (is_flushed && next & 0x80)
			take_flushed(t, &f);
		/* A connection returns its memory: overwrite it. */
		framer_lend(&f, other, capacity);
		memset(memory, 0xa5, s->max_record);
		other = memory;
		memory = f.memory;
	}
	take_end(t, &f);
	free(memory);
	free(other);
}

/* Frame a stream in place, as the lines of a datagram are framed. */
static void
run_in_place(struct trace *t, const struct stream *s)
{
	unsigned char *memory = fuzz_copy(s->data, s->size);
	struct framer f;

	framer_init(&f, s->framing, s->settings, s->max_record);
	framer_lend(&f, memory, s->size);
	framer_received(&f, s->size);
	take_all(t, &f);
	take_end(t, &f);
	free(memory);
}

struct walk {
	const struct stream *s;
	size_t at;   /* offset in the stream */
	size_t due;  /* counted: remaining bytes of this frame */
	bool inside; /* of a record */
	bool rest;   /* after a bad frame */
};

/* There is a count here, or the stream ends, or the frame is bad. */
static void
walk_count(struct walk *w, enum frame frame)
{
	bool is_open;
	size_t size;

	if (w->s->framing == FRAMING_LENGTH) {
		size = length_bytes(w->s, w->at, &w->due, &is_open);
	} else {
		w->at += count_between(w->s, w->at);
		size = count_digits(w->s->data + w->at, w->s->size - w->at,
				    &w->due, &is_open);
		size += size > 0;
	}
	REQUIRE((frame == FRAME_BAD) == (size == 0 && !is_open));
	w->rest = size == 0;
	w->at += size;
}

static void
walk_terminator(struct walk *w)
{
	const struct delimiter *terminator = terminator_of(w->s);
	const unsigned char *data = w->s->data;
	size_t size = terminator->size;

	if (w->s->framing == FRAMING_LINE && w->at < w->s->size &&
	    data[w->at] == '\r')
		w->at++;
	REQUIRE(size <= w->s->size - w->at);
	REQUIRE(memcmp(data + w->at, terminator->bytes, size) == 0);
	w->at += size;
}

static void
walk_frame(struct walk *w, enum frame frame, const unsigned char *data,
	   size_t size)
{
	const struct delimiter *terminator = terminator_of(w->s);
	enum framing framing = w->s->framing;
	bool is_delimited = framing == FRAMING_LINE || framing == FRAMING_LF ||
			    framing == FRAMING_NUL ||
			    framing == FRAMING_DELIMITER;
	bool is_counted = (framing == FRAMING_OCTET_COUNTED ||
			   framing == FRAMING_LENGTH) &&
			  !w->rest;

	if (is_counted && !w->inside) {
		walk_count(w, frame);
		is_counted = !w->rest;
	}
	REQUIRE(size <= w->s->size - w->at);
	REQUIRE(fuzz_same(data, size, w->s->data + w->at, size));
	REQUIRE(!is_delimited || size == 0 ||
		!memmem(data, size, terminator->bytes, terminator->size));
	if (is_counted)
		REQUIRE(frame == FRAME_WHOLE ? size == w->due : size < w->due);
	w->at += size;
	w->due -= is_counted ? size : 0;
	w->inside = frame == FRAME_PIECE;
	if (frame == FRAME_WHOLE && is_delimited)
		walk_terminator(w);
	REQUIRE(frame != FRAME_WHOLE || is_delimited || is_counted ||
		framing == FRAMING_CHUNK);
}

/*
 * The frames, with the terminators and counts between them, are the stream:
 * no byte is missing and none is there twice, wherever it was flushed.
 */
static void
check_is_stream(const struct trace *t, const struct stream *s)
{
	struct walk w = { .s = s, .rest = s->framing == FRAMING_REST };
	const unsigned char *data = t->joined;

	for (size_t i = 0; i < t->count; i++) {
		REQUIRE(t->list[i].frame != FRAME_END || i + 1 == t->count);
		walk_frame(&w, t->list[i].frame, data, t->list[i].size);
		data += t->list[i].size;
	}
	if (s->framing == FRAMING_OCTET_COUNTED && !w.rest)
		w.at += count_between(s, w.at);
	REQUIRE(w.at == s->size && !w.inside);
}

static void
check_stream(const struct stream *s)
{
	struct trace expected, found;

	trace_init(&expected, s);
	if (s->framing == FRAMING_CHUNK)
		run(&expected, s, false, false);
	else
		model(&expected, s);
	check_is_stream(&expected, s);
	for (int way = 0; way < 4; way++) {
		trace_init(&found, s);
		if (way < 3)
			run(&found, s, way > 0, way > 1);
		else if (s->framing != FRAMING_CHUNK)
			run_in_place(&found, s);
		if (way != 2 && s->framing != FRAMING_CHUNK)
			require_same(&found, &expected);
		else if (way < 3)
			check_is_stream(&found, s);
		trace_free(&found);
	}
	trace_free(&expected);
}

int
fuzz_framer(const uint8_t *data, size_t size)
{
	struct stream s;
	unsigned char *large;

	if (size < 2 + STEPS)
		return 0;
	s = (struct stream){
		.framing = framings[data[0] % 8],
		.settings = &fuzz_settings[data[2] % 8],
		.max_record = data[1] + (size_t)1,
		.steps = data + 2,
		.step_bytes = 1,
		.data = data + 2 + STEPS,
		.size = size - 2 - STEPS,
	};
	if (data[0] < 248 || s.size == 0) {
		check_stream(&s);
		return 0;
	}
	large = fuzz_memory(LARGE_STREAM);
	for (size_t i = 0; i < LARGE_STREAM; i++)
		large[i] = s.data[i % s.size];
	s.data = large;
	s.size = LARGE_STREAM;
	s.step_bytes = LARGE_UNIT;
	s.max_record *= LARGE_UNIT;
	check_stream(&s);
	free(large);
	return 0;
}
