/* SPDX-License-Identifier: MIT */
/*
 * saved_state: what a restart saves of listeners and connections beside their
 * descriptors, as bytes for the next process.  That is portlogd on this host,
 * perhaps of another version: it refuses what it does not understand.  Pure.
 */
#ifndef PORTLOG_SYSTEM_SAVED_STATE_H
#define PORTLOG_SYSTEM_SAVED_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Room for the name and address of a listener and a NUL. */
#define SAVED_NAME 168

struct saved_listener {
	char name[SAVED_NAME];
	uint64_t records, bytes, accepted, refused, lost, truncated;
	uint64_t numbered; /* UDP: the number of its last record */
	uint32_t dropped;  /* UDP: of the kernel's count, what was reported */
	uint32_t reserved;
};

struct saved_connection {
	uint64_t number; /* counts from 1, of all listeners */
	uint64_t records, bytes;
	int64_t opened_ms; /* these on CLOCK_MONOTONIC, which goes on */
	int64_t received_ms, unfinished_ms;
	int64_t time_s, time_ns; /* of the last read */
	uint64_t due;            /* octet-counted: of this frame to come */
	uint32_t framing;        /* enum framing */
	uint8_t inside, is_bad;  /* booleans */
	uint8_t reserved[2];
	uint8_t peer[28]; /* struct sockaddr_in or sockaddr_in6 */
	uint32_t peer_size;
	uint64_t held; /* bytes of an unfinished record, which follow */
};

/* To write: first the beginning, with the number of the last connection. */
void saved_state_begin(struct buffer *, uint64_t last_number);
void saved_state_add_listener(struct buffer *, const struct saved_listener *);
void saved_state_add_connection(struct buffer *,
				const struct saved_connection *,
				const void *held);

/* To read: whether all of it is understood; the rest expects that. */
bool saved_state_is_sound(const void *data, size_t size);
uint64_t saved_state_last_number(const void *data);

/* That of this name or number; false, and *out is all zero: there is none. */
bool saved_state_find_listener(const void *data, size_t size, const char *name,
			       struct saved_listener *out);
bool saved_state_find_connection(const void *data, size_t size, uint64_t number,
				 struct saved_connection *out,
				 const unsigned char **held);

#endif
