/* SPDX-License-Identifier: MIT */
#include "input/udp.h"

#include <errno.h>
#include <limits.h>
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
#include "system/sockets_input.h"

#define DATAGRAM_BYTES 65536

/* Over a Unix socket what net.core.wmem_default, 212992, lets anybody send. */
#define UNIX_BYTES 262144

/* A shared socket goes on receiving: the most reads that drain it. */
#define SHARED_READS 4096

/* How often to ask for drops; with none after them, no datagram has them. */
#define CHECK_MS 1000

/*
 * The space for one datagram.  The largest record and a CRLF are enough if the
 * datagram is one record; if it has lines, all of it is needed.
 */
static size_t
slot_size(const struct listener_config *config)
{
	size_t most = config->path ? UNIX_BYTES : DATAGRAM_BYTES;
	size_t size = config->limits.max_record + 2;

	return config->framing == FRAMING_LINE || size > most ? most : size;
}

size_t
udp_input_size(const struct listener_config *config)
{
	return STATE_DATAGRAMS * slot_size(config);
}

static void
prepare(struct udp *u, struct batch *batch)
{
	size_t slot = slot_size(u->listener->config);
	size_t room =
		u->listener->config->path ? UDP_CONTROL_UNIX : UDP_CONTROL;

	for (size_t i = 0; i < STATE_DATAGRAMS; i++) {
		struct datagram *d = &u->datagrams[i];

		d->peer = (struct address){ .size = sizeof d->peer.in6 };
		d->space = (struct iovec){ batch->input + i * slot, slot };
		u->messages[i].msg_len = STATE_UNFILLED;
		u->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &d->peer.any,
			.msg_namelen = sizeof d->peer.in6,
			.msg_iov = &d->space,
			.msg_iovlen = 1,
			.msg_control = d->control,
			.msg_controllen = room,
		};
	}
	udp_progress_begin(u);
}

/* After an error of recvmmsg(2), log it and try again: never end. */
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
 * Nothing is queued: note the drops so far.  But if a datagram has arrived
 * since the count was read, it has a count of its own, for the drops before it.
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
	udp_add_drops(u, batch, &now, dropped, u->datagrams[0].lost_note);
}

/* Read and emit once, up to STATE_DATAGRAMS; false: nothing is queued any more.
 */
static bool
receive(struct udp *u)
{
	struct batch *batch = batch_borrow(&u->listener->pool);
	int count, error = 0;

	prepare(u, batch);
	/* MSG_TRUNC: return the datagram's size even if it does not fit. */
	count = recvmmsg(u->listener->socket.fd, u->messages, STATE_DATAGRAMS,
			 MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (count > 0) {
		udp_progress_read(u, (size_t)count);
		udp_add_datagrams(u, batch, (size_t)count);
	} else {
		error = count < 0 ? errno : EAGAIN;
		log_error(u, error);
		check_dropped(u, batch);
	}
	atomic_store(&u->emitting, true);
	batch_emit(batch);
	atomic_store(&u->emitting, false);
	udp_progress_done(u);
	batch_return(batch);
	return error != EAGAIN;
}

/*
 * Leave the port and read what is queued.  Later datagrams are refused, or
 * dropped and counted.  A shared socket keeps its port: later datagrams belong
 * to the next process.
 */
static void
drain(struct udp *u)
{
	int fd = u->listener->socket.fd, reads = SHARED_READS;

	if (!u->listener->is_shared) {
		if (!sockets_leave_port(fd))
			sockets_block_input(fd);
		sockets_wait_for_inflight();
	}
	while (receive(u) && (!u->listener->is_shared || reads-- > 0))
		;
}

/*
 * Where counting continues: at the state's entry of this socket; else at 0 for
 * one whose drops no process has reported yet; else at the kernel's present
 * count.
 */
static void
resume(struct udp *u)
{
	struct listener *listener = u->listener;
	struct state_listener *entry = listener->state_entry;
	const struct state_position *p = state_position(&entry->progress);

	u->progress = &entry->progress;
	u->messages = entry->messages;
	u->dropped = listener->is_known ? p->dropped
		   : !listener->is_counted
			   ? 0
			   : sockets_dropped(listener->socket.fd);
	sockets_count_drops(listener->socket.fd);
	u->records = p->records;
	u->shared_number = state_shared_number(listener->state, entry);
	if (!listener->config->path)
		sockets_tell_destination(listener->socket.fd, listener->first);
	u->lost_at_kill = p->read - p->done;
}

static void *
udp_main(void *argument)
{
	struct udp *u = argument;
	struct pollfd ready[] = {
		{ .fd = u->listener->socket.fd, .events = POLLIN },
		{ .fd = u->stop_fd, .events = POLLIN },
	};

	thread_name("recv", u->listener->name);
	/* Not in udp_start(): the main thread must not block on outputs. */
	udp_note_lost_at_kill(u);
	udp_write_summaries(u, clock_now_ms());
	do {
		poll(ready, 2, CHECK_MS);
		receive(u);
		udp_write_summaries(u, clock_now_ms());
		atomic_fetch_add(&u->rounds, 1);
	} while (!(ready[1].revents & POLLIN));
	if (atomic_load(&u->drains))
		drain(u);
	udp_write_summaries(u, LLONG_MAX);
	atomic_store(&u->done, true);
	eventfd_write(u->done_fd, 1);
	return NULL;
}

struct udp *
udp_start(struct listener *listener, int done_fd)
{
	struct udp *u = calloc(1, sizeof *u);

	if (!u)
		return NULL;
	u->listener = listener;
	u->done_fd = done_fd;
	u->self = (struct origin){ .listener = listener->name,
				   .run = listener->state->header->run,
				   .peer = "-",
				   .protocol = listener->config->protocol };
	for (size_t i = 0; i < STATE_DATAGRAMS; i++)
		u->datagrams[i].origin = u->self;
	resume(u);
	note_summary_init(&u->summary, listener, -1);
	senders_init(&u->senders);
	u->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->stop_fd >= 0) {
		errno = thread_start(&u->thread, udp_main, u);
		if (errno == 0)
			return u;
		close(u->stop_fd);
	}
	senders_destroy(&u->senders);
	note_summary_destroy(&u->summary);
	free(u);
	return NULL;
}

bool
udp_is_alive(struct udp *u)
{
	unsigned long rounds = atomic_load(&u->rounds);
	bool has_moved = rounds != u->rounds_seen;

	u->rounds_seen = rounds;
	return has_moved || udp_is_done(u) ||
	       (atomic_load(&u->emitting) &&
		output_set_is_writing(u->listener->pool.outputs));
}

void
udp_leave_open(struct udp *u)
{
	eventfd_write(u->stop_fd, 1);
}

void
udp_stop(struct udp *u)
{
	atomic_store(&u->drains, true);
	eventfd_write(u->stop_fd, 1);
}

void
udp_log_abandoned(struct udp *u)
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
	     u->listener->name, unread, lost,
	     atomic_load(&u->unframed_at_emit));
	note_summary_log_unwritten(&u->summary);
}

struct senders *
udp_senders(struct udp *u)
{
	return &u->senders;
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
	senders_destroy(&u->senders);
	note_summary_destroy(&u->summary);
	free(u);
}
