/* SPDX-License-Identifier: MIT */
#include "udp.h"

#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "diag.h"
#include "framer.h"
#include "thread.h"
#include "utf8.h"

/* Read by one system call; more made it no faster. */
#define DATAGRAMS 64
#define DATAGRAM_BYTES 65536

/* How often the kernel is asked about drops that no datagram told of. */
#define CHECK_MS 1000

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
	int stop_fd; /* an eventfd */
	int done_fd; /* borrowed */
	atomic_bool done;
	uint32_t dropped; /* the kernel's count, as told so far */
	uint64_t records;
	struct origin self; /* of notes that are about no peer */
	struct mmsghdr messages[DATAGRAMS];
	struct datagram datagrams[DATAGRAMS];
};

/* Room for a record and a CRLF after it; a line may be any part of it. */
static size_t
slot_size(const struct listener_config *config)
{
	size_t size = (size_t)config->limits.max_record + 2;

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
add(struct udp *u, struct batch *batch, struct record *record, enum tag tag,
    const void *data, size_t size)
{
	record->tag = tag;
	record->number = tag == TAG_NOTE ? 0 : u->records + 1;
	record->data = data;
	record->size = size;
	batch_add(batch, record);
	u->records += tag != TAG_NOTE && tag != TAG_PIECE;
}

/*
 * What the kernel dropped before this moment.  A datagram may be older than
 * the count that was told last: its own is then smaller.
 */
static void
add_lost(struct udp *u, struct batch *batch, const struct timespec *time,
	 uint32_t dropped, char text[40])
{
	struct record note = { .time = *time, .origin = &u->self };
	int32_t lost = (int32_t)(dropped - u->dropped);

	if (lost <= 0)
		return;
	u->dropped = dropped;
	atomic_fetch_add(&u->listener->counters.lost, (unsigned long long)lost);
	snprintf(text, 40, "lost datagrams=%d", lost);
	add(u, batch, &note, TAG_NOTE, text, strlen(text));
}

/* Each line of a datagram is a record, the last with or without its end. */
static void
add_lines(struct udp *u, struct batch *batch, struct record *record,
	  unsigned char *data, size_t size)
{
	struct framer framer;
	struct slice slice;

	framer_init(&framer, FRAMING_LINE,
		    (size_t)u->listener->config->limits.max_record);
	framer_lend(&framer, data, size);
	framer_received(&framer, size);
	if (size == 0)
		add(u, batch, record, TAG_WHOLE, data, 0);
	for (;;) {
		enum frame frame = framer_next(&framer, &slice);

		if (frame == FRAME_NONE)
			frame = framer_end(&framer, &slice);
		if (frame == FRAME_NONE)
			return;
		add(u, batch, record,
		    frame == FRAME_PIECE ? TAG_PIECE : TAG_WHOLE, slice.data,
		    slice.size);
	}
}

/* The size of what is left without one LF or CRLF at its end. */
static size_t
trimmed(const unsigned char *data, size_t size)
{
	if (size == 0 || data[size - 1] != '\n')
		return size;
	size--;
	return size > 0 && data[size - 1] == '\r' ? size - 1 : size;
}

/* One datagram as one record; size is its own, which may not all be here. */
static void
add_whole(struct udp *u, struct batch *batch, struct record *record,
	  struct datagram *d, size_t size)
{
	const struct listener_config *config = u->listener->config;
	size_t max_record = (size_t)config->limits.max_record, kept = size;
	const unsigned char *data = d->space.iov_base;

	if (config->framing == FRAMING_DATAGRAM && size <= d->space.iov_len)
		kept = trimmed(data, size);
	if (kept <= max_record) {
		add(u, batch, record, TAG_WHOLE, data, kept);
		return;
	}
	kept = utf8_cut(data, max_record);
	add(u, batch, record, TAG_TRUNCATED, data, kept);
	atomic_fetch_add(&u->listener->counters.truncated, 1);
	snprintf(d->truncated, sizeof d->truncated,
		 "truncated size=%zu kept=%zu", size, kept);
	add(u, batch, record, TAG_NOTE, d->truncated, strlen(d->truncated));
}

/* The kernel's receive time, and its count of drops where it tells one. */
static void
read_control(struct msghdr *message, struct timespec *time, uint32_t *dropped)
{
	bool timed = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(time, CMSG_DATA(c), sizeof *time);
			timed = true;
		} else if (c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(dropped, CMSG_DATA(c), sizeof *dropped);
		}
	}
	if (!timed)
		clock_gettime(CLOCK_REALTIME, time);
}

/* A sender that goes on keeps the text that was made of its address. */
static const struct origin *
origin_of(struct udp *u, size_t i, const struct origin *previous)
{
	struct datagram *d = &u->datagrams[i];

	if (i > 0 && memcmp(&d->peer.in6, &u->datagrams[i - 1].peer.in6,
			    sizeof d->peer.in6) == 0)
		return previous;
	address_format(&d->peer, d->origin.peer);
	return &d->origin;
}

static void
add_datagrams(struct udp *u, struct batch *batch, size_t count)
{
	const struct origin *origin = NULL;
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		struct datagram *d = &u->datagrams[i];
		size_t size = u->messages[i].msg_len;
		uint32_t dropped = u->dropped;
		struct record record;

		origin = origin_of(u, i, origin);
		record.origin = origin;
		read_control(&u->messages[i].msg_hdr, &record.time, &dropped);
		add_lost(u, batch, &record.time, dropped, d->lost);
		if (u->listener->config->framing == FRAMING_LINE)
			add_lines(u, batch, &record, d->space.iov_base, size);
		else
			add_whole(u, batch, &record, d, size);
		bytes += size;
	}
	atomic_fetch_add(&u->listener->counters.bytes, bytes);
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
tell_error(const struct udp *u, int error)
{
	static struct diag_limit limit;
	const struct timespec pause = { .tv_nsec = 100000000 };

	if (error == EAGAIN || error == EINTR)
		return;
	diag_limited(&limit, LOG_ERR, "listener %s: cannot receive: %s",
		     u->listener->name, strerror(error));
	nanosleep(&pause, NULL);
}

/* Nothing waits: whatever the kernel has dropped is told now. */
static void
check_dropped(struct udp *u, struct batch *batch)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	add_lost(u, batch, &now, sockets_dropped(u->listener->socket.fd),
		 u->datagrams[0].lost);
}

/* Read and emit what there is, as much as one call takes; false: nothing. */
static bool
receive(struct udp *u)
{
	struct batch *batch = batch_borrow(&u->listener->pool);
	int count;

	prepare(u, batch);
	/* MSG_TRUNC: tell the size of the datagram, not of what fits. */
	count = recvmmsg(u->listener->socket.fd, u->messages, DATAGRAMS,
			 MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (count > 0) {
		add_datagrams(u, batch, (size_t)count);
	} else {
		tell_error(u, count < 0 ? errno : EAGAIN);
		check_dropped(u, batch);
	}
	batch_emit(batch);
	batch_return(batch);
	return count > 0;
}

static void *
udp_main(void *argument)
{
	struct udp *u = argument;
	struct pollfd ready[] = {
		{ .fd = u->listener->socket.fd, .events = POLLIN },
		{ .fd = u->stop_fd, .events = POLLIN },
	};

	do {
		poll(ready, 2, CHECK_MS);
		receive(u);
	} while (!(ready[1].revents & POLLIN));
	/* What comes from now on is dropped and counted; the rest is read. */
	sockets_close_door(u->listener->socket.fd);
	while (receive(u))
		;
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
				   .peer = "-",
				   .protocol = PROTOCOL_UDP };
	for (size_t i = 0; i < DATAGRAMS; i++)
		u->datagrams[i].origin = u->self;
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

void
udp_stop(struct udp *u)
{
	eventfd_write(u->stop_fd, 1);
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
