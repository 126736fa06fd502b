/* SPDX-License-Identifier: MIT */
/*
 * framer: a stream of bytes to records, in place.  However the stream was split
 * into reads, the records are the same.  Pure: the caller lends memory,
 * receives into it and takes records out of it.  One thread at a time.
 */
#ifndef PORTLOG_RECORD_FRAMER_H
#define PORTLOG_RECORD_FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next process reads these numbers: add at the end, and change none. */
enum framing {
	FRAMING_LINE,          /* ends at LF or CRLF */
	FRAMING_LF,            /* ends at LF; CR is data */
	FRAMING_NUL,           /* ends at NUL */
	FRAMING_OCTET_COUNTED, /* RFC 6587, 3.4.1: MSG-LEN SP MSG */
	FRAMING_CHUNK,         /* each read is a record */
	FRAMING_DATAGRAM,      /* UDP: without one LF, CRLF or NUL at its end */
	FRAMING_EXACT,         /* UDP: a datagram, every byte */
	FRAMING_DELIMITER,     /* ends at bytes that the user chose */
	FRAMING_LENGTH,        /* a binary number, and that many bytes */
	/* In no configuration: */
	FRAMING_REST = 254,  /* all that follows a bad frame is one record */
	FRAMING_UNSET = 255, /* the protocol's default */
};

/* Whether that number is the framing of a stream or UDP socket. */
static inline bool
framing_is_known(unsigned framing)
{
	return framing <= FRAMING_LENGTH || framing == FRAMING_REST;
}

#define FRAMING_DELIMITER_BYTES 8

enum length_order { LENGTH_BIG, LENGTH_LITTLE };

/* What two framings need to know.  Numbers have four bytes each, as options.h
 * expects. */
struct framing_settings {
	struct delimiter {
		unsigned size; /* 0: there is none */
		unsigned char bytes[FRAMING_DELIMITER_BYTES];
	} delimiter;
	unsigned length_bytes; /* 1 to 4; 0: there is none */
	enum length_order length_order;
	unsigned length_includes_itself; /* boolean */
};

enum frame {
	FRAME_NONE,  /* no record is complete */
	FRAME_WHOLE, /* a record, or the last piece of one */
	FRAME_PIECE, /* a piece, and the record goes on */
	FRAME_END,   /* the last record, which the stream's end cut off */
	FRAME_BAD,   /* no count or length here; FRAMING_REST from here on */
};

/* Bytes of the framer's memory, borrowed until the next framer_space(). */
struct slice {
	const unsigned char *data;
	size_t size;
};

struct framer {
	unsigned char *memory; /* borrowed; NULL: none is lent */
	size_t capacity;       /* of memory */
	size_t begin, end;     /* of the bytes held in memory */
	size_t searched;       /* of them: these have no terminator */
	size_t max_record;
	const struct framing_settings *settings; /* borrowed; NULL: none */
	uint64_t remaining; /* counted: bytes of the frame to come */
	enum framing framing;
	bool inside; /* a record has begun: its count or a piece was taken */
};

/* The bytes that a caller can always receive at framer_space(). */
#define FRAMER_READ 65536

/* The memory that framer_lend() needs for records of max_record bytes. */
size_t framer_capacity(size_t max_record);

/* Of the settings, only FRAMING_DELIMITER and FRAMING_LENGTH need theirs. */
void framer_init(struct framer *, enum framing, const struct framing_settings *,
		 size_t max_record);

/*
 * Continue where another framer was in the stream: these are its fields.  A
 * framing whose settings are missing by now is left as it was initialized.
 */
void framer_resume(struct framer *, enum framing, uint64_t remaining,
		   bool inside);

/* Whether a number before each frame has its size. */
static inline bool
framer_is_counted(const struct framer *f)
{
	return f->framing == FRAMING_OCTET_COUNTED ||
	       f->framing == FRAMING_LENGTH;
}

/* Lend it memory of capacity bytes, to which what it holds is copied. */
void framer_lend(struct framer *, unsigned char *memory, size_t capacity);

/*
 * How many bytes it holds: once framer_next() returns FRAME_NONE, those of an
 * unfinished record.
 */
size_t framer_held(const struct framer *);

/*
 * These bytes, borrowed until the next framer_space() or framer_lend().  NULL:
 * it holds none.
 */
const unsigned char *framer_held_bytes(const struct framer *);

/* Where to receive the next bytes, at most *capacity, which is never 0. */
unsigned char *framer_space(struct framer *, size_t *capacity);

/* Add count bytes that were received at framer_space(). */
void framer_received(struct framer *, size_t count);

/*
 * Take out the next record that is complete, or piece that is full.  Call it
 * until it returns FRAME_NONE, then receive more.
 */
enum frame framer_next(struct framer *, struct slice *);

/* After flush_timeout: take out an unfinished record as a piece. */
enum frame framer_flush(struct framer *, struct slice *);

/*
 * After the stream's end, once framer_next() returns FRAME_NONE: take out what
 * is left.  Returns FRAME_PIECE or FRAME_END, in the end FRAME_NONE.
 */
enum frame framer_end(struct framer *, struct slice *);

#endif
