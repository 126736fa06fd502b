/* SPDX-License-Identifier: MIT */
/*
 * fuzz_udp: what recvmmsg(2) may return becomes records and notes, which are
 * read back from the log.  Each byte of each datagram is there, or a note says
 * how many are not; so is each one that the kernel dropped.
 *
 * Of an input the first byte is the framing, the second max_record, less one,
 * the third the highest byte of the kernel's count of drops.  Then come
 * datagrams: a byte of flags, a signed one that is added to that count, one for
 * the bytes of data that follow, one for how many more the datagram has.
 */
#include <arpa/inet.h>

#include "fuzz.h"
#include "fuzz_log.h"
#include "fuzz_model.h"
#include "input/udp.h"
#include "input/udp_records.h"

#define HEAD 3
#define DATAGRAM_HEAD 4
#define NAME "udp/1"
#define LINE_SLOT 65536 /* any datagram fits */

enum {
	FLAG_PEER = 3, /* one of four */
	FLAG_TIME = 4,
	FLAG_DROPS = 8,
	FLAG_LAST = 16, /* the read ends here */
};

/* A line of the log that has to come. */
struct expected {
	enum tag tag;
	char peer[64];
	time_t second; /* 0: the time of now */
	unsigned char *data;
	size_t size;
};

/* One input: what was read of it, and what the log must say. */
struct run {
	const uint8_t *data;
	size_t size;
	struct listener_config config;
	struct listener listener;
	struct state state;
	struct udp *udp;
	struct batch *batch;
	uint32_t count, noted; /* of drops: the kernel's, in the log */
	uint64_t datagrams, bytes, truncated, records;
	struct expected *list;
	size_t expected, seen;
	struct timespec begin;
};

static struct fuzz_log host_log;

static void
expect(struct run *r, const char *peer, time_t second, enum tag tag,
       const void *data, size_t size)
{
	struct expected *e;

	/* Twice as large whenever it is full, as a power of 2. */
	if ((r->expected & (r->expected - 1)) == 0) {
		r->list = realloc(r->list,
				  (r->expected * 2 + 1) * sizeof *r->list);
		REQUIRE(r->list);
	}
	e = &r->list[r->expected++];
	*e = (struct expected){ .tag = tag,
				.second = second,
				.data = fuzz_copy(data, size),
				.size = size };
	snprintf(e->peer, sizeof e->peer, "%s", peer);
	r->records += tag != TAG_NOTE && tag != TAG_PIECE;
}

static void
expect_note(struct run *r, const char *peer, time_t second, const char *text)
{
	expect(r, peer, second, TAG_NOTE, text, strlen(text));
}

static void
expect_lines(struct run *r, const char *peer, time_t second,
	     const unsigned char *data, size_t size)
{
	struct stream s = { .framing = FRAMING_LINE,
			    .max_record = r->config.limits.max_record,
			    .data = data,
			    .size = size };
	struct trace t;
	size_t at = 0;

	if (size == 0)
		expect(r, peer, second, TAG_WHOLE, data, 0);
	trace_init(&t, &s);
	model(&t, &s);
	for (size_t i = 0; i < t.count; i++) {
		expect(r, peer, second,
		       t.list[i].frame == FRAME_PIECE ? TAG_PIECE : TAG_WHOLE,
		       t.joined + at, t.list[i].size);
		at += t.list[i].size;
	}
	trace_free(&t);
}

/* Without one LF, CRLF or NUL. */
static size_t
trimmed(const unsigned char *data, size_t size)
{
	static const char *const ends[] = { "\r\n", "\n", "" };

	for (size_t i = 0; i < 3; i++) {
		size_t end = strlen(ends[i]) > 0 ? strlen(ends[i]) : 1;

		if (size >= end && memcmp(data + size - end, ends[i], end) == 0)
			return size - end;
	}
	return size;
}

static void
expect_whole(struct run *r, const char *peer, time_t second,
	     const unsigned char *data, size_t size)
{
	size_t max_record = r->config.limits.max_record, kept = size;
	char note[64];

	if (r->config.framing == FRAMING_DATAGRAM && size <= max_record + 2)
		kept = trimmed(data, size);
	if (kept <= max_record) {
		expect(r, peer, second, TAG_WHOLE, data, kept);
		return;
	}
	kept = fuzz_cut(data, max_record);
	expect(r, peer, second, TAG_TRUNCATED, data, kept);
	snprintf(note, sizeof note, "truncated size=%zu kept=%zu", size, kept);
	expect_note(r, peer, second, note);
	r->truncated++;
}

static void
expect_drops(struct run *r, time_t second)
{
	char note[40];

	if ((int32_t)(r->count - r->noted) <= 0)
		return;
	snprintf(note, sizeof note, "lost datagrams=%u", r->count - r->noted);
	expect_note(r, "-", second, note);
	r->noted = r->count;
}

static void
add_control(struct msghdr *m, int type, const void *value, size_t size)
{
	void *end = (char *)m->msg_control + m->msg_controllen;
	struct cmsghdr *c = end;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), value, size);
	m->msg_controllen += CMSG_SPACE(size);
}

/* As the kernel fills it; two peers are IPv4, of which one as IPv6 has it. */
static void
set_peer(struct address *peer, unsigned which, char text[64])
{
	static const char *const hosts[] = { "192.0.2.7", "::ffff:192.0.2.7",
					     "2001:db8::7", "2001:db8::8" };
	const char *host = hosts[which];

	*peer = (struct address){ 0 };
	if (which == 0) {
		peer->in = (struct sockaddr_in){ .sin_family = AF_INET,
						 .sin_port = htons(700) };
		inet_pton(AF_INET, host, &peer->in.sin_addr);
	} else {
		peer->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
						   .sin6_port = htons(700) };
		inet_pton(AF_INET6, host, &peer->in6.sin6_addr);
	}
	peer->size = which == 0 ? sizeof peer->in : sizeof peer->in6;
	snprintf(text, 64, which < 2 ? "%s:700" : "[%s]:700",
		 which == 1 ? hosts[0] : host);
}

/* Take the next datagram of the input into a message; whether one more fits. */
static bool
fill(struct run *r, size_t i)
{
	const uint8_t *head = r->data;
	bool is_lines = r->config.framing == FRAMING_LINE;
	size_t slot = is_lines ? LINE_SLOT : r->config.limits.max_record + 2;
	size_t given = r->size - DATAGRAM_HEAD, size, kept;
	struct datagram *d = &r->udp->datagrams[i];
	struct mmsghdr *m = &r->udp->messages[i];
	time_t second = head[0] & FLAG_TIME ? (time_t)i + 1 : 0;
	struct timespec time = { .tv_sec = second, .tv_nsec = 1000 };
	unsigned char *data;
	char peer[64];

	given = head[2] < given ? head[2] : given;
	size = given + head[3];
	data = fuzz_memory(size);
	memset(data, 'x', size);
	memcpy(data, head + DATAGRAM_HEAD, given);
	kept = size < slot ? size : slot;
	d->space = (struct iovec){ fuzz_copy(data, kept), slot };
	m->msg_hdr = (struct msghdr){ .msg_iov = &d->space,
				      .msg_iovlen = 1,
				      .msg_control = d->control };
	m->msg_len = (unsigned)size;
	set_peer(&d->peer, head[0] & FLAG_PEER, peer);
	if (second > 0)
		add_control(&m->msg_hdr, SO_TIMESTAMPNS, &time, sizeof time);
	r->count += (uint32_t)(int8_t)head[1];
	if (head[0] & FLAG_DROPS) {
		add_control(&m->msg_hdr, SO_RXQ_OVFL, &r->count,
			    sizeof r->count);
		expect_drops(r, second);
	}
	if (is_lines)
		expect_lines(r, peer, second, data, size);
	else
		expect_whole(r, peer, second, data, size);
	free(data);
	r->bytes += size;
	r->data += DATAGRAM_HEAD + given;
	r->size -= DATAGRAM_HEAD + given;
	return i + 1 < STATE_DATAGRAMS && !(head[0] & FLAG_LAST);
}

/* One call of recvmmsg(2), and all that follows. */
static void
read_once(struct run *r)
{
	struct state_listener *entry = r->listener.state_entry;
	size_t count = 0;
	bool more = true;

	for (size_t i = 0; i < STATE_DATAGRAMS; i++)
		r->udp->messages[i].msg_len = STATE_UNFILLED;
	udp_progress_begin(r->udp);
	while (more && r->size >= DATAGRAM_HEAD)
		more = fill(r, count++);
	/* A kill here: the next process counts them. */
	REQUIRE(state_reader_uncounted(entry) == count);
	udp_progress_read(r->udp, count);
	REQUIRE(state_reader_uncounted(entry) == 0);
	udp_add_datagrams(r->udp, r->batch, count);
	REQUIRE(r->udp->unframed == 0);
	batch_emit(r->batch);
	udp_progress_done(r->udp);
	for (size_t i = 0; i < count; i++)
		free(r->udp->datagrams[i].space.iov_base);
	r->datagrams += count;
}

static void
take_line(void *context, const struct log_line *line, const char *text,
	  size_t size)
{
	struct run *r = context;
	const struct expected *e = &r->list[r->seen++];
	struct timespec time, now;

	(void)text;
	(void)size;
	REQUIRE(r->seen <= r->expected);
	REQUIRE(line->tag == e->tag);
	REQUIRE(fuzz_same(line->listener, line->listener_size, NAME,
			  strlen(NAME)));
	REQUIRE(fuzz_same(line->peer, line->peer_size, e->peer,
			  strlen(e->peer)));
	/* In JSON, the keys of a note are members: see fuzz_format. */
	if (line->tag == TAG_NOTE)
		REQUIRE(line->size <= e->size &&
			memcmp(line->data, e->data, line->size) == 0);
	if (line->tag != TAG_NOTE || !line->tree)
		REQUIRE(fuzz_same(line->data, line->size, e->data, e->size));
	clock_gettime(CLOCK_REALTIME, &now);
	REQUIRE(log_line_time(line, &time));
	if (e->second > 0)
		REQUIRE(time.tv_sec == e->second && time.tv_nsec == 1000);
	else
		REQUIRE(time.tv_sec >= r->begin.tv_sec &&
			time.tv_sec <= now.tv_sec);
}

static void
check(struct run *r)
{
	const struct state_position *p = state_position(r->udp->progress);
	const struct listener_counters *counters = r->listener.counters;

	for (int i = 0; i < LOGS; i++) {
		r->seen = 0;
		log_read(&host_log, i, take_line, r);
		REQUIRE(r->seen == r->expected);
	}
	REQUIRE(p->read == r->datagrams && p->done == r->datagrams);
	REQUIRE(p->dropped == r->noted && p->records == r->records);
	REQUIRE(atomic_load(&counters->records) == r->records);
	REQUIRE(atomic_load(&counters->bytes) == r->bytes);
	REQUIRE(atomic_load(&counters->truncated) == r->truncated);
}

static void
run_open(struct run *r)
{
	r->listener.config = &r->config;
	snprintf(r->listener.name, sizeof r->listener.name, NAME);
	REQUIRE(state_open(&r->state, 1, 1, 1));
	REQUIRE(listener_enter_state(&r->listener, &r->state));
	pool_init(&r->listener.pool, host_log.outputs, 3,
		  r->listener.state_entry, 0, r->config.limits.max_record);
	r->udp = fuzz_memory(sizeof *r->udp);
	*r->udp =
		(struct udp){ .listener = &r->listener,
			      .dropped = r->count,
			      .self = { .listener = r->listener.name,
					.peer = "-",
					.protocol = PROTOCOL_UDP },
			      .messages = r->listener.state_entry->messages,
			      .progress = &r->listener.state_entry->progress };
	for (size_t i = 0; i < STATE_DATAGRAMS; i++)
		r->udp->datagrams[i].origin = r->udp->self;
	r->batch = batch_borrow(&r->listener.pool);
	clock_gettime(CLOCK_REALTIME, &r->begin);
}

static void
run_close(struct run *r)
{
	batch_return(r->batch);
	pool_destroy(&r->listener.pool);
	state_close(&r->state);
	for (size_t i = 0; i < r->expected; i++)
		free(r->list[i].data);
	free(r->list);
	free(r->udp);
}

int
fuzz_udp(const uint8_t *data, size_t size)
{
	static const enum framing framings[] = { FRAMING_DATAGRAM,
						 FRAMING_EXACT, FRAMING_LINE };
	struct run r = { 0 };

	if (size < HEAD + DATAGRAM_HEAD)
		return 0;
	log_open(&host_log);
	r.data = data + HEAD;
	r.size = size - HEAD;
	r.config.protocol = PROTOCOL_UDP;
	r.config.framing = framings[data[0] % 3];
	r.config.limits.max_record = data[1] + 1U;
	r.count = r.noted = (uint32_t)data[2] << 24;
	run_open(&r);
	do
		read_once(&r);
	while (r.size >= DATAGRAM_HEAD);
	check(&r);
	run_close(&r);
	return 0;
}
