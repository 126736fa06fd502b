/* SPDX-License-Identifier: MIT */
/*
 * sink: what an output writes to, one implementation for each type of output.
 * A sink writes once and returns how much was taken.  Counting, waiting and
 * trying again are the output's work.  Any thread that holds the output's lock.
 */
#ifndef PORTLOG_OUTPUT_SINK_H
#define PORTLOG_OUTPUT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config/config.h"
#include "record/record.h"

struct sink {
	const struct output_config *config; /* borrowed */
	const char *name;                   /* in messages; borrowed */
	const char *path;                   /* of a file; borrowed */
	int fd;                             /* -1: none */
	/* Of stdout and files: what they led to when they were opened. */
	mode_t type; /* S_IFREG, S_IFIFO ...; 0: unknown */
	dev_t device;
	ino_t inode;
	off_t end;          /* of a file, after our last write */
	bool ends_mid_line; /* the file ends in half a line: end it first */
	/* Where it is to be on the disk: */
	off_t synced;      /* end, when it was synced last, or opened */
	off_t doubtful;    /* bytes of syncs that failed, not noted yet */
	bool close_failed; /* close(2) failed: written bytes may be missing */
	/* For line_writer; these on CLOCK_MONOTONIC. */
	long long look_at_ms;   /* the next look */
	long long rotate_at_ms; /* not before */
	/* For free_space: how long no look is needed at what is free. */
	size_t unlooked; /* bytes */
	long long free_look_at_ms;
	bool reopen_failed; /* it was logged */
	size_t max_line;    /* bytes of one line; 0: no limit */
	size_t max_write;   /* bytes of one write; 0: no limit */
	size_t sent;        /* bytes of the present record that were sent */
	bool ends_in_nul;   /* each message: the syslog socket is a stream */
	char *buffer;       /* owned by the sink */
	size_t capacity;    /* bytes of buffer */
};

/* Bytes since the last sync; a file that others have emptied is all new. */
static inline off_t
sink_unsynced(const struct sink *sink)
{
	return sink->end >= sink->synced ? sink->end - sink->synced : sink->end;
}

enum sink_file {
	SINK_SAME,
	SINK_EMPTIED, /* others have cut what was written to it */
	SINK_REMOVED, /* it has no name any more */
};

/*
 * The output calls reopen, write and send with its lock held.  On failure a
 * function returns false or -1 and sets errno.  write and send may block.
 */
struct sink_ops {
	bool (*open)(struct sink *);
	/* The same, but change nothing.  NULL: open changes nothing. */
	bool (*try)(struct sink *);
	/* Open the path again.  On failure the old file stays.  NULL: no-op. */
	bool (*reopen)(struct sink *, bool *is_other);
	/* What has become of the file that is open.  It tells each cut once. */
	enum sink_file (*look)(struct sink *);
	/* Whether its path leads to another file or to none.  NULL: no. */
	bool (*is_elsewhere)(const struct sink *);
	/* The file is full: see rotate.h.  NULL: it has no limit. */
	bool (*rotate)(const struct sink *, bool *is_removed);
	/* Streams: write some of the bytes; how many, 0 to be called again. */
	ssize_t (*write)(struct sink *, const char *data, size_t size);
	/* Others: send a whole record.  After false, send the same again. */
	bool (*send)(struct sink *, const struct record *);
	/* After an error, or 0: whether no reader can come.  NULL: no. */
	bool (*is_gone)(const struct sink *, int error);
	void (*close)(struct sink *);
	const char *path; /* of its socket; NULL: the configuration has it */
};

/* Whether stdout is no file and has this path, such as /dev/stdout. */
bool sink_leads_to_stdout(const char *path);

extern const struct sink_ops sink_stdout, sink_file, sink_syslog;
/* Without libsystemd, open fails with ENOSYS. */
extern const struct sink_ops sink_journal;

#endif
