/* SPDX-License-Identifier: MIT */
/*
 * udp_records: datagrams to records and notes.  All calls are the UDP thread's.
 * Those with a batch block on outputs when it is full.
 */
#ifndef PORTLOG_INPUT_UDP_RECORDS_H
#define PORTLOG_INPUT_UDP_RECORDS_H

#include <netinet/in.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "input/batch.h"
#include "input/listener.h"
#include "input/note_summary.h"
#include "input/senders.h"
#include "system/unix_sockets.h"

#define UDP_CONTROL_UNIX (CMSG_SPACE(sizeof(struct timespec)) + UNIX_CONTROL)
#define UDP_CONTROL (UDP_CONTROL_UNIX + CMSG_SPACE(sizeof(struct in_pktinfo)))

/* The buffers of one datagram: for recvmmsg(2), and for its notes. */
struct datagram {
	struct address peer;
	struct origin origin;
	struct iovec space; /* in the batch */
	/*
	 * For the time, the count of drops or the sender, and the destination.
	 * Over a Unix socket there is room for no descriptors: the kernel would
	 * give us those that come with a datagram.
	 */
	alignas(struct cmsghdr) char control[UDP_CONTROL];
	char lost_note[40];
	char truncated_note[64];
};

struct udp {
	struct listener *listener; /* borrowed */
	pthread_t thread;
	int stop_fd;     /* an eventfd: the thread is to end */
	int done_fd;     /* an eventfd; borrowed */
	size_t unframed; /* bytes that were read and are no record yet */
	/* The same, for the main thread; stored before a batch is emitted. */
	atomic_size_t unframed_at_emit;
	atomic_bool done;
	atomic_bool drains;        /* read what is queued before the end */
	atomic_bool emitting;      /* may be waiting for outputs */
	atomic_ulong rounds;       /* how often the loop has run */
	unsigned long rounds_seen; /* by udp_is_alive() */
	_Atomic uint32_t dropped;  /* of the kernel's count, what was noted */
	uint64_t records;          /* the number of the last one */
	uint64_t begin;            /* bytes of the next one that were pieces */
	atomic_ullong *shared_number; /* see state_shared_number() */
	uint64_t lost_at_kill;        /* datagrams, not noted yet */
	struct note_summary summary;
	struct senders senders;
	struct state_progress *progress; /* in the state */
	struct origin self;              /* of notes that are about no peer */
	struct mmsghdr *messages;        /* there too */
	struct datagram datagrams[STATE_DATAGRAMS];
};

/* Add the datagrams that were read, and notes of what the kernel dropped. */
void udp_add_datagrams(struct udp *, struct batch *, size_t count);

/*
 * Say in the state that the kernel may fill the messages; that it has filled so
 * many; that all that was read is with the outputs, unless one is broken.
 */
void udp_progress_begin(struct udp *);
void udp_progress_read(struct udp *, size_t count);
void udp_progress_done(struct udp *);

/*
 * Note the datagrams that a process had read when it was killed, if there are
 * any.  Write the summaries that are due at this time.  Both block on outputs.
 */
void udp_note_lost_at_kill(struct udp *);
void udp_write_summaries(struct udp *, long long now_ms);

/*
 * Add a note if the kernel's count of drops exceeds what was noted so far. text
 * is for the note: borrowed until the batch is emitted.
 */
void udp_add_drops(struct udp *, struct batch *, const struct timespec *,
		   uint32_t dropped, char text[40]);

#endif
