/* SPDX-License-Identifier: MIT */
#include "input/udp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"
#include "input/udp_records.h"
#include "record/framer.h"

#define DATAGRAM_BYTES 65536

/* Reads of a socket whose end cannot be seen, since it goes on. */
#define SHARED_TURNS 4096

/* How often the kernel is asked about drops that no datagram told of. */
#define CHECK_MS 1000

/* Room for a record and a CRLF after it; a line may be any part of it. */
static size_t
slot_size(const struct listener_config *config)
{
	size_t size = config->limits.max_record + 2;

	return config->framing == FRAMING_LINE || size > DATAGRAM_BYTES
		     ? DATAGRAM_BYTES
		     : size;
}

size_t
udp_input_size(const struct listener_config *config)
{
	return DATAGRAMS * slot_size(config);
}

static void
prepare(struct udp *u, struct batch *batch)
{
	size_t slot = slot_size(u->listener->config);

	for (size_t i = 0; i < DATAGRAMS; i++) {
		struct datagram *d = &u->datagrams[i];

		d->peer = (struct address){ .size = sizeof d->peer.in6 };
		d->space = (struct iovec){ batch->input + i * slot, slot };
		u->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &d->peer.any,
			.msg_namelen = sizeof d->peer.in6,
			.msg_iov = &d->space,
			.msg_iovlen = 1,
			.msg_control = d->control,
			.msg_controllen = sizeof d->control,
		};
	}
}

/* No error of recvmmsg() is a reason to end: tell it, and go on. */
static void
log_error(const struct udp *u, int error)
{
	static struct diag_limit limit;

	if (error == EAGAIN || error == EINTR)
		return;
	diag_limited(&limit, LOG_ERR, "listener %s: cannot receive: %s",
		     u->listener->name, strerror(error));
	clock_sleep_ms(100);
}

/*
 * Nothing waits: whatever the kernel has dropped is told now, unless something
 * came meanwhile, which tells what was dropped before it.
 */
static void
check_dropped(struct udp *u, struct batch *batch)
{
	int fd = u->listener->socket.fd;
	uint32_t dropped = sockets_dropped(fd);
	struct timespec now;

	if (recv(fd, NULL, 0, MSG_PEEK | MSG_DONTWAIT) >= 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	udp_add_lost(u, batch, &now, dropped, u->datagrams[0].lost);
}

/* Read and emit what there is, as much as one call takes; false: no more. */
static bool
receive(struct udp *u)
{
	struct batch *batch = batch_borrow(&u->listener->pool);
	int count, error = 0;

	prepare(u, batch);
	/* MSG_TRUNC: tell the size of the datagram, not of what fits. */
	count = recvmmsg(u->listener->socket.fd, u->messages, DATAGRAMS,
			 MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (count > 0) {
		udp_ledger_read(u, (size_t)count);
		udp_add_datagrams(u, batch, (size_t)count);
	} else {
		error = count < 0 ? errno : EAGAIN;
		log_error(u, error);
		check_dropped(u, batch);
	}
	atomic_store(&u->emitting, true);
	batch_emit(batch);
	atomic_store(&u->emitting, false);
	udp_ledger_done(u);
	batch_return(batch);
	return error != EAGAIN;
}

/*
 * What came is read; what comes is refused, or dropped and counted.  A socket
 * that others share is left as it is: what comes is theirs.
 */
static void
drain(struct udp *u)
{
	int fd = u->listener->socket.fd, turns = SHARED_TURNS;

	if (!u->listener->is_shared) {
		if (!sockets_leave_port(fd))
			sockets_block_input(fd);
		sockets_wait_for_inflight();
	}
	while (receive(u) && (!u->listener->is_shared || turns-- > 0))
		;
}

/*
 * What is known of the socket: what the ledger has, which is never older than
 * what a restart has kept; or that, unless the socket is a new one; or nothing,
 * so that only what it drops from now on counts.
 */
static void
resume(struct udp *u, const struct saved_listener *kept)
{
	struct listener *listener = u->listener;
	uint64_t key = ledger_key(listener->key);
	struct ledger_entry *e = ledger_find(listener->ledger, key);

	/* Of another socket, which had its port before. */
	if (e && !listener->is_counted) {
		ledger_clear(listener->ledger, e);
		e = NULL;
	}
	u->entry = e ? e : ledger_claim(listener->ledger, key);
	u->dropped = e                     ? (uint32_t)e->dropped
		   : !listener->is_counted ? 0
		   : kept                  ? kept->dropped
			  : sockets_dropped(listener->socket.fd);
	u->records = e ? e->records : kept ? kept->numbered : 0;
	u->lost = e ? e->read - e->done : 0;
}

static void *
udp_main(void *argument)
{
	struct udp *u = argument;
	struct pollfd ready[] = {
		{ .fd = u->listener->socket.fd, .events = POLLIN },
		{ .fd = u->stop_fd, .events = POLLIN },
	};

	/* Here and not at the start: an output that stalls would hold it up. */
	udp_note_lost(u);
	do {
		poll(ready, 2, CHECK_MS);
		receive(u);
		atomic_fetch_add(&u->turns, 1);
	} while (!(ready[1].revents & POLLIN));
	if (atomic_load(&u->leaves))
		drain(u);
	atomic_store(&u->done, true);
	eventfd_write(u->done_fd, 1);
	return NULL;
}

struct udp *
udp_start(struct listener *listener, int done_fd,
	  const struct saved_listener *kept)
{
	struct udp *u = calloc(1, sizeof *u);

	if (!u)
		return NULL;
	u->listener = listener;
	u->done_fd = done_fd;
	u->self = (struct origin){ .listener = listener->name,
				   .peer = "-",
				   .protocol = PROTOCOL_UDP };
	for (size_t i = 0; i < DATAGRAMS; i++)
		u->datagrams[i].origin = u->self;
	resume(u, kept);
	u->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->stop_fd >= 0) {
		errno = thread_start(&u->thread, udp_main, u);
		if (errno == 0)
			return u;
		close(u->stop_fd);
	}
	free(u);
	return NULL;
}

bool
udp_is_alive(struct udp *u)
{
	unsigned long turns = atomic_load(&u->turns);
	bool moved = turns != u->checked;

	u->checked = turns;
	return moved || udp_is_done(u) ||
	       (atomic_load(&u->emitting) &&
		output_set_is_writing(u->listener->pool.outputs));
}

void
udp_save(const struct udp *u, struct saved_listener *kept)
{
	kept->dropped = u->dropped;
	kept->numbered = u->records;
}

void
udp_leave_open(struct udp *u)
{
	eventfd_write(u->stop_fd, 1);
}

void
udp_stop(struct udp *u)
{
	atomic_store(&u->leaves, true);
	eventfd_write(u->stop_fd, 1);
}

void
udp_log_abandoned(const struct udp *u)
{
	int fd = u->listener->socket.fd;
	unsigned long long unread = 0;
	uint32_t lost;

	if (!sockets_leave_port(fd))
		sockets_block_input(fd);
	sockets_wait_for_inflight();
	while (recv(fd, NULL, 0, MSG_DONTWAIT) >= 0)
		unread++;
	lost = sockets_dropped(fd) - atomic_load(&u->dropped);
	diag(LOG_ERR,
	     "abandoned: listener %s: %llu datagrams unread, %u lost, %zu "
	     "bytes read and not yet records",
	     u->listener->name, unread, lost, atomic_load(&u->in_hand));
}

bool
udp_is_done(const struct udp *u)
{
	return atomic_load(&u->done);
}

void
udp_join(struct udp *u)
{
	pthread_join(u->thread, NULL);
	close(u->stop_fd);
	free(u);
}
