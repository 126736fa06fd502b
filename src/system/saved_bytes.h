/* SPDX-License-Identifier: MIT */
/*
 * saved_bytes: the bytes of unfinished records, which a restart leaves to the
 * next process in a memory of their own in the fd store.  The state says where
 * those of each connection are.
 */
#ifndef PORTLOG_SYSTEM_SAVED_BYTES_H
#define PORTLOG_SYSTEM_SAVED_BYTES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct saved_bytes {
	int fd; /* -1: there is none */
	uint64_t generation;
	atomic_ullong size;
};

/* Make it, and put it into the fd store; errors are logged.  Main thread. */
void saved_bytes_open(struct saved_bytes *, uint64_t generation);

/* Close it, and remove it from the fd store: nothing refers to it. */
void saved_bytes_discard(struct saved_bytes *);

/* Add some; *at is where.  false: they are not saved.  Any thread. */
bool saved_bytes_add(struct saved_bytes *, const void *, size_t, uint64_t *at);

/* An allocated copy of some of a file; NULL: it does not have them. */
unsigned char *saved_bytes_read(int fd, uint64_t at, uint64_t size);

#endif
