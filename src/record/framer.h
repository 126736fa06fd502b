/* SPDX-License-Identifier: MIT */
/*
 * framer: a stream of bytes to records, in place.  No I/O, no clock and no
 * allocation: the caller lends memory, receives into it and takes records out
 * of it.  However the stream was split into reads, the records are the same.
 */
#ifndef PORTLOG_RECORD_FRAMER_H
#define PORTLOG_RECORD_FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing {
	FRAMING_LINE,          /* ends at LF or CRLF */
	FRAMING_LF,            /* ends at LF; CR is data */
	FRAMING_NUL,           /* ends at NUL */
	FRAMING_OCTET_COUNTED, /* RFC 6587, 3.4.1: MSG-LEN SP MSG */
	FRAMING_CHUNK,         /* each read is a record */
	FRAMING_DATAGRAM, /* UDP: a datagram, one trailing LF or CRLF off */
	FRAMING_EXACT,    /* UDP: a datagram, every byte */
	FRAMING_REST,     /* what follows a bad frame: one last record */
	FRAMING_UNSET,    /* of a configuration: the default of its protocol */
};

enum frame {
	FRAME_NONE,  /* nothing to take out now */
	FRAME_WHOLE, /* a record, or the last piece of one */
	FRAME_PIECE, /* a piece: the record goes on */
	FRAME_END,   /* the stream ended in this record */
	FRAME_BAD,   /* not a frame; all that follows is FRAMING_REST */
};

/* Bytes of the framer's memory, borrowed until the next framer_space(). */
struct slice {
	const unsigned char *data;
	size_t size;
};

struct framer {
	unsigned char *memory; /* lent; NULL while nothing is held */
	size_t capacity;
	size_t begin, end; /* what is held */
	size_t searched;   /* held bytes known to hold no terminator */
	size_t max_record;
	uint64_t due; /* octet-counted: bytes of this frame to come */
	enum framing framing;
	bool inside; /* of a record that has shown pieces or its count */
};

/* Bytes of one read for which there is always room. */
#define FRAMER_READ 65536

/* What framer_lend() needs for records of max_record bytes. */
size_t framer_capacity(size_t max_record);

void framer_init(struct framer *, enum framing, size_t max_record);

/* Lend memory of capacity bytes to a framer that holds none. */
void framer_lend(struct framer *, unsigned char *memory, size_t capacity);

/* Bytes held: those of an unfinished record once framer_next() gives none. */
size_t framer_held(const struct framer *);

/* These bytes, to be read until the next framer_space(); NULL: there are none.
 */
const unsigned char *framer_rest(const struct framer *);

/* Where to receive the next bytes, at most *room, which is never 0. */
unsigned char *framer_space(struct framer *, size_t *room);

/* Count bytes were received at framer_space(). */
void framer_received(struct framer *, size_t count);

/*
 * The next record that is complete, or piece that is full.  Call it until it
 * returns FRAME_NONE, then receive more.
 */
enum frame framer_next(struct framer *, struct slice *);

/* Time is up for an unfinished record: what there is of it, as a piece. */
enum frame framer_flush(struct framer *, struct slice *);

/*
 * The stream has ended, and framer_next() has given all: FRAME_PIECE or
 * FRAME_END, then FRAME_NONE.
 */
enum frame framer_end(struct framer *, struct slice *);

#endif
