/* SPDX-License-Identifier: MIT */
/* udp_records: what was read of a UDP socket, as records and notes. */
#ifndef PORTLOG_INPUT_UDP_RECORDS_H
#define PORTLOG_INPUT_UDP_RECORDS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "input/batch.h"
#include "input/listener.h"

/* Read by one system call; more made it no faster. */
#define DATAGRAMS 64

/* What the kernel tells of one datagram, and what we say of it. */
struct datagram {
	struct address peer;
	struct origin origin;
	struct iovec space;
	alignas(struct cmsghdr) char control[CMSG_SPACE(
						     sizeof(struct timespec)) +
					     CMSG_SPACE(sizeof(uint32_t))];
	char lost[40];
	char truncated[64];
};

struct udp {
	struct listener *listener;
	pthread_t thread;
	int stop_fd;           /* an eventfd */
	int done_fd;           /* borrowed */
	size_t left;           /* bytes of what was read and is no record yet */
	atomic_size_t in_hand; /* the same, for others: while the outputs have
				  the records before them */
	atomic_bool done;
	atomic_bool leaves;       /* the port, once it is to stop */
	atomic_bool emitting;     /* waits for the outputs, perhaps */
	atomic_ulong turns;       /* of its loop: it lives */
	unsigned long checked;    /* turns that udp_is_alive() has seen */
	_Atomic uint32_t dropped; /* the kernel's count, as told so far */
	uint64_t records;
	uint64_t lost; /* in a process that was killed, and not told yet */
	struct ledger_entry *entry; /* NULL: it has none */
	struct origin self;         /* of notes that are about no peer */
	struct mmsghdr messages[DATAGRAMS];
	struct datagram datagrams[DATAGRAMS];
};

/* Add the count datagrams that were read, and what was lost among them. */
void udp_add_datagrams(struct udp *, struct batch *, size_t count);

/* For the ledger: so many more were read; all of them are with the outputs. */
void udp_ledger_read(struct udp *, size_t count);
void udp_ledger_done(struct udp *);

/* Write a note of what the process before us had in hand, if it had. */
void udp_note_lost(struct udp *);

/*
 * Add a note where the kernel's count of drops is more than was told so far.
 * The text must hold until the batch is emitted.
 */
void udp_add_lost(struct udp *, struct batch *, const struct timespec *,
		  uint32_t dropped, char text[40]);

#endif
