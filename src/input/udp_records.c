/* SPDX-License-Identifier: MIT */
#include "input/udp_records.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "config/networks.h"
#include "config/peer_names.h"
#include "input/rates.h"
#include "record/framer.h"

/* Of the record that is to be added, or of which a piece was. */
static uint64_t
next_number(struct udp *u)
{
	if (u->shared_number && u->begin == 0)
		u->records = atomic_fetch_add(u->shared_number, 1);
	return u->records + 1;
}

static void
add(struct udp *u, struct batch *batch, struct record *record, enum tag tag,
    const void *data, size_t size)
{
	record->tag = tag;
	record->number = tag == TAG_NOTE ? 0 : next_number(u);
	record->begin = tag == TAG_NOTE ? 0 : u->begin;
	record->data = data;
	record->size = size;
	/* batch_add() emits a full batch, and may block. */
	if (batch_is_nearly_full(batch))
		atomic_store(&u->unframed_at_emit, u->unframed);
	batch_add(batch, *record);
	if (tag == TAG_NOTE)
		return;
	u->records += tag != TAG_PIECE;
	u->begin = tag == TAG_PIECE ? u->begin + size : 0;
}

/*
 * Each datagram has the kernel's count of the drops before it.  It may be lower
 * than what was noted: check_dropped() may have noted later drops already.
 */
void
udp_add_drops(struct udp *u, struct batch *batch, const struct timespec *time,
	      uint32_t dropped, char text[40])
{
	struct record note = { .time = *time, .origin = &u->self };
	int32_t lost = (int32_t)(dropped - u->dropped);

	if (lost <= 0)
		return;
	u->dropped = dropped;
	atomic_fetch_add(&u->listener->counters->lost,
			 (unsigned long long)lost);
	snprintf(text, 40, "lost datagrams=%d", lost);
	add(u, batch, &note, TAG_NOTE, text, strlen(text));
}

/* It did not fit, or is longer than a record may be. */
static void
note_truncated(struct udp *u, struct batch *batch, struct record *record,
	       struct datagram *d, size_t size, size_t kept)
{
	atomic_fetch_add(&u->listener->counters->truncated, 1);
	snprintf(d->truncated_note, sizeof d->truncated_note,
		 "truncated size=%zu kept=%zu", size, kept);
	add(u, batch, record, TAG_NOTE, d->truncated_note,
	    strlen(d->truncated_note));
}

/* A rest without a line end is whole, unless the datagram was cut there. */
static enum tag
tag_of(enum frame frame, bool is_cut)
{
	if (frame == FRAME_PIECE)
		return TAG_PIECE;
	return frame == FRAME_END && is_cut ? TAG_TRUNCATED : TAG_WHOLE;
}

/* Each line is a record; so is a rest without a line end. */
static void
add_lines(struct udp *u, struct batch *batch, struct record *record,
	  struct datagram *d, size_t size)
{
	struct framer framer;
	struct slice slice;
	size_t after = u->unframed - size;
	bool is_cut = size > d->space.iov_len;
	size_t kept = is_cut ? d->space.iov_len : size;

	framer_init(&framer, FRAMING_LINE, NULL,
		    u->listener->config->limits.max_record);
	framer_lend(&framer, d->space.iov_base, kept);
	framer_received(&framer, kept);
	if (size == 0)
		add(u, batch, record, TAG_WHOLE, d->space.iov_base, 0);
	for (;;) {
		enum frame frame = framer_next(&framer, &slice);

		if (frame == FRAME_NONE)
			frame = framer_end(&framer, &slice);
		if (frame == FRAME_NONE)
			break;
		u->unframed = after + framer_held(&framer);
		add(u, batch, record, tag_of(frame, is_cut), slice.data,
		    slice.size);
	}
	u->unframed = after;
	if (is_cut)
		note_truncated(u, batch, record, d, size, kept);
}

/* The size without one LF, CRLF or NUL at the end. */
static size_t
trimmed(const unsigned char *data, size_t size)
{
	if (size > 0 && data[size - 1] == '\0')
		return size - 1;
	if (size == 0 || data[size - 1] != '\n')
		return size;
	size--;
	return size > 0 && data[size - 1] == '\r' ? size - 1 : size;
}

/*
 * One datagram is one record.  size is the datagram's; d->space has no more of
 * it than fits.
 */
static void
add_whole(struct udp *u, struct batch *batch, struct record *record,
	  struct datagram *d, size_t size)
{
	const struct listener_config *config = u->listener->config;
	size_t max_record = config->limits.max_record, kept = size;
	const unsigned char *data = d->space.iov_base;

	u->unframed -= size;
	if (config->framing == FRAMING_DATAGRAM && size <= d->space.iov_len)
		kept = trimmed(data, size);
	if (kept <= max_record) {
		add(u, batch, record, TAG_WHOLE, data, kept);
		return;
	}
	kept = utf8_cut(data, max_record);
	add(u, batch, record, TAG_TRUNCATED, data, kept);
	note_truncated(u, batch, record, d, size, kept);
}

/*
 * A broadcast goes to each socket of a port, and the first has it: the address
 * is not the one of this host at which it arrived.  Without that (0) the kernel
 * was not asked yet.  What is sent to a group goes to the first or, as Linux
 * 6.18 does, to one that a hash chooses, but never to two.
 */
static bool
is_broadcast(const struct cmsghdr *c)
{
	struct in_pktinfo info;

	if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
		return false;
	memcpy(&info, CMSG_DATA(c), sizeof info);
	return info.ipi_spec_dst.s_addr != 0 &&
	       info.ipi_spec_dst.s_addr != info.ipi_addr.s_addr &&
	       !IN_MULTICAST(ntohl(info.ipi_addr.s_addr));
}

/*
 * Get the kernel's receive time, its count of drops if there is one, and the
 * sender where that is no address.  false: another thread has the datagram too.
 */
static bool
read_control(struct msghdr *message, struct timespec *time, uint32_t *dropped,
	     struct address *sender)
{
	bool timed = false, is_copy = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET) {
			is_copy |= is_broadcast(c);
			continue;
		}
		if (c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(time, CMSG_DATA(c), sizeof *time);
			timed = true;
		} else if (c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(dropped, CMSG_DATA(c), sizeof *dropped);
		} else {
			unix_read_sender(c, sender);
		}
	}
	if (!timed)
		clock_gettime(CLOCK_REALTIME, time);
	return !is_copy;
}

/*
 * Format the address only if the sender is another than that of the datagram
 * before, which is NULL for the first.
 */
static const struct origin *
origin_of(struct udp *u, struct datagram *d, const struct datagram *before,
	  const struct origin *previous)
{
	if (before &&
	    memcmp(&d->peer.in6, &before->peer.in6, sizeof d->peer.in6) == 0)
		return previous;
	address_format(&d->peer, d->origin.peer);
	d->origin.name =
		peer_names_find(u->listener->config->peer_names, &d->peer);
	return &d->origin;
}

static void
refuse(struct udp *u, const struct address *peer, size_t size)
{
	const struct note_event refused = { .event = EVENT_REFUSED,
					    .reason = "network" };

	u->unframed -= size;
	atomic_fetch_add(&u->listener->counters->refused, 1);
	note_summary_count(&u->summary, &refused, peer);
}

/* How many records it will be; what of it did not fit is of the last one. */
static uint64_t
count_records(const struct udp *u, const struct datagram *d, size_t size)
{
	const char *data = d->space.iov_base;
	size_t kept = size < d->space.iov_len ? size : d->space.iov_len;
	size_t lines;

	if (u->listener->config->framing != FRAMING_LINE || kept == 0)
		return 1;
	lines = bytes_count_newlines(data, kept);
	return lines + (data[kept - 1] != '\n');
}

/* Whether its source has sent too much: then it is counted, and no record. */
static bool
limit(struct udp *u, struct datagram *d, size_t size, long long now_ms)
{
	struct rates *rates = u->listener->rates;
	const struct note_event limited = { .event = EVENT_LIMITED,
					    .bytes = size };
	struct rate_amount amount = { .bytes = size };
	struct address source;

	if (!rates)
		return false;
	amount.records = count_records(u, d, size);
	if (rates_admit(rates, &d->peer, amount, now_ms, &source))
		return false;
	u->unframed -= size;
	atomic_fetch_add(&u->listener->counters->limited, 1);
	note_summary_count(&u->summary, &limited, &source);
	return true;
}

/* For the table of senders; returns how many there are of this batch now. */
static size_t
count_sent(struct sent *sent, size_t senders, bool is_same,
	   const struct address *peer, size_t size)
{
	if (!is_same || senders == 0)
		sent[senders++] = (struct sent){ .peer = peer };
	sent[senders - 1].datagrams++;
	sent[senders - 1].bytes += size;
	return senders;
}

void
udp_add_datagrams(struct udp *u, struct batch *batch, size_t count)
{
	const struct datagram *before = NULL;
	const struct origin *origin = NULL;
	struct sent sent[STATE_DATAGRAMS];
	size_t bytes = 0, senders = 0;
	long long now_ms = u->listener->rates ? clock_now_ms() : 0;

	for (size_t i = 0; i < count; i++)
		bytes += u->messages[i].msg_len;
	u->unframed = bytes;
	for (size_t i = 0; i < count; i++) {
		struct datagram *d = &u->datagrams[i];
		size_t size = u->messages[i].msg_len;
		uint32_t dropped = u->dropped;
		struct record record;
		bool is_mine = read_control(&u->messages[i].msg_hdr,
					    &record.time, &dropped, &d->peer);

		udp_add_drops(u, batch, &record.time, dropped, d->lost_note);
		if (!is_mine) {
			u->unframed -= size;
			bytes -= size;
			continue;
		}
		if (!networks_allow(u->listener->config, &d->peer)) {
			refuse(u, &d->peer, size);
			bytes -= size;
			continue;
		}
		if (limit(u, d, size, now_ms)) {
			bytes -= size;
			continue;
		}
		record.origin = origin_of(u, d, before, origin);
		senders = count_sent(sent, senders, record.origin == origin,
				     &d->peer, size);
		origin = record.origin;
		before = d;
		if (u->listener->config->framing == FRAMING_LINE)
			add_lines(u, batch, &record, d, size);
		else
			add_whole(u, batch, &record, d, size);
	}
	senders_add(&u->senders, sent, senders);
	atomic_store(&u->unframed_at_emit, 0);
	atomic_fetch_add(&u->listener->counters->bytes, bytes);
}

void
udp_progress_begin(struct udp *u)
{
	atomic_store_explicit(&u->listener->state_entry->messages_turn,
			      state_position(u->progress)->turn + 1,
			      memory_order_release);
}

void
udp_progress_read(struct udp *u, size_t count)
{
	struct state_position *p = state_next(u->progress);

	p->read += count;
	p->turn++;
	state_publish(u->progress);
}

void
udp_progress_done(struct udp *u)
{
	const struct pool *pool = &u->listener->pool;
	struct state_position *p;

	if (output_set_is_broken(pool->outputs, pool->output_mask))
		return;
	p = state_next(u->progress);
	p->dropped = u->dropped;
	p->records = u->records;
	p->done = p->read;
	memcpy(p->unnoted, u->summary.unnoted, sizeof p->unnoted);
	p->unnoted_bytes = u->summary.unnoted_bytes;
	state_publish(u->progress);
}

void
udp_note_lost_at_kill(struct udp *u)
{
	if (u->lost_at_kill > 0) {
		char text[40];

		snprintf(text, sizeof text, "lost datagrams%s%llu",
			 pool_lost_sign(&u->listener->pool),
			 (unsigned long long)u->lost_at_kill);
		atomic_fetch_add(&u->listener->counters->lost, u->lost_at_kill);
		atomic_store(&u->emitting, true);
		listener_note(u->listener, text);
		atomic_store(&u->emitting, false);
	}
	/* Only now: if we are killed before, the next process notes it. */
	udp_progress_done(u);
}

void
udp_write_summaries(struct udp *u, long long now_ms)
{
	if (note_summary_deadline_ms(&u->summary) > now_ms)
		return;
	atomic_store(&u->emitting, true);
	note_summary_write(&u->summary, now_ms);
	atomic_store(&u->emitting, false);
	udp_progress_done(u);
}
