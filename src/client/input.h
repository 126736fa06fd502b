/* SPDX-License-Identifier: MIT */
/*
 * input: what a command reads: a file, or standard input.  A regular file may
 * grow by what we send, and would never end; so its size at the start is kept,
 * and what comes later is not read.  One thread.
 */
#ifndef PORTLOG_CLIENT_INPUT_H
#define PORTLOG_CLIENT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct input {
	const char *name; /* for messages; borrowed */
	int fd;
	off_t left; /* of that size; the caller counts.  -1: until its end */
	const char *program; /* decompresses it; NULL: none */
	pid_t child;         /* which runs that program */
};

/* Open a file; "-" is standard input.  false: logged. */
bool input_open(struct input *, const char *path);

/*
 * The same for a file that gzip, xz or zstd may have compressed: it is read
 * through that program.  The content says so, not the name of the file.
 */
bool input_open_log(struct input *, const char *path);

/*
 * The same for a file that is open: it is read from its beginning, by a
 * descriptor of its own that shares the offset.
 */
bool input_open_log_at(struct input *, const char *name, int fd);

/* The program that decompresses what begins with these bytes; NULL: none. */
const char *input_program(const char *data, size_t size);

/* read(2), repeated where a signal interrupts it.  Blocks. */
ssize_t input_read(struct input *, char *data, size_t size);

/*
 * Close it, but not standard input, and wait for the program.  false: that has
 * failed, which is logged.
 */
bool input_close(struct input *);

/* Close what was not read to its end, whatever the program says. */
void input_abandon(struct input *);

#endif
