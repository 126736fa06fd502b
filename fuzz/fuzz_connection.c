/* SPDX-License-Identifier: MIT */
/*
 * fuzz_connection: serve a peer with the daemon's own code, from the socket to
 * the lines of the log, then read the log back.  The records must be those of a
 * model of the stream.  The layout of the input is that of fuzz_framer, without
 * its repeated streams.  The socket is a SOCK_SEQPACKET, so that each packet is
 * one read.
 */
#include "fuzz.h"
#include "fuzz_log.h"
#include "fuzz_model.h"
#include "input/connection_progress.h"
#include "input/connection_thread.h"

#define STEPS 6
/* So many fit into any socket buffer, however small they are. */
#define PACKETS 150
#define PEER "[::]:0"

static const enum framing framings[] = {
	FRAMING_LINE,  FRAMING_LF,        FRAMING_NUL,    FRAMING_OCTET_COUNTED,
	FRAMING_CHUNK, FRAMING_DELIMITER, FRAMING_LENGTH,
};

static struct {
	struct fuzz_log log;
	struct inflight inflight;
	struct registry registry;
	struct state state;
} host;

static void
host_open(void)
{
	if (host.log.outputs)
		return;
	log_open(&host.log);
	host.inflight.send_fd = -1;
	registry_init(&host.registry, &host.inflight, -1, -1, 64);
}

/* Send the stream in packets of the sizes in its steps, and close. */
static void
send_stream(int fd, struct stream *s, struct trace *chunks)
{
	size_t at = 0;

	for (size_t step = 0; at < s->size && step < PACKETS; step++) {
		size_t size = s->steps[step % STEPS] * s->step_bytes;

		if (size == 0 || size > s->size - at)
			size = s->size - at;
		if (s->framing == FRAMING_CHUNK && size > s->max_record)
			size = s->max_record;
		REQUIRE(send(fd, s->data + at, size, 0) == (ssize_t)size);
		trace_add(chunks, FRAME_WHOLE, s->data + at, size);
		at += size;
	}
	s->size = at;
	close(fd);
}

/* Serve a peer that has already sent all of the stream and closed. */
static void
serve(struct stream *s, struct trace *chunks)
{
	struct listener_config config = {
		.framing = s->framing,
		.framing_settings = *s->settings,
		.limits = { .max_record = (unsigned)s->max_record,
			    .connection_notes = NOTES_ALL },
	};
	struct listener listener = { .config = &config,
				     .name = "fuzz",
				     .registry = &host.registry };
	struct connection *c;
	int pair[2];

	REQUIRE(state_open(&host.state, 1, 1, 1));
	REQUIRE(listener_enter_state(&listener, &host.state));
	c = connection_new(&listener);
	REQUIRE(c);
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	send_stream(pair[0], s, chunks);
	pool_init(&listener.pool, host.log.outputs, 3, listener.state_entry,
		  framer_capacity(s->max_record), s->max_record);
	c->entry.fd = pair[1];
	c->entry.peer = (struct address){ .size = sizeof c->entry.peer.in6 };
	c->entry.peer.in6.sin6_family = AF_INET6;
	connection_accepted(c, 1);
	REQUIRE(connection_progress_begin(c, NULL));
	registry_add(&host.registry, &c->entry);
	connection_main(c);
	REQUIRE(registry_count(&host.registry) == 0);
	REQUIRE(atomic_load(&listener.counters->bytes) == s->size);
	pool_destroy(&listener.pool);
	state_close(&host.state);
}

static enum frame
frame_of(enum tag tag)
{
	return tag == TAG_WHOLE ? FRAME_WHOLE
	     : tag == TAG_PIECE ? FRAME_PIECE
				: FRAME_END;
}

struct found {
	struct trace trace;
	uint8_t first; /* byte of the stream; 0: it has none */
	bool is_bad;
};

/* Before the records, what it looks like; the last says of a bad frame. */
static void
check_note(struct found *found, const char *line, size_t size)
{
	bool is_opened = memmem(line, size, "opened", 6);
	bool is_look = memmem(line, size, "looks", 5);

	if (is_opened || is_look) {
		REQUIRE(found->trace.count == 0);
		REQUIRE(!is_look || memchr("\x16\rP", found->first, 3));
		return;
	}
	REQUIRE(memmem(line, size, "closed", 6));
	found->is_bad = memmem(line, size, "bad-frame", 9);
}

static void
take_line(void *context, const struct log_line *parsed, const char *line,
	  size_t size)
{
	struct found *found = context;

	REQUIRE(fuzz_same(parsed->peer, parsed->peer_size, PEER, strlen(PEER)));
	if (parsed->tag == TAG_NOTE)
		check_note(found, line, size);
	else
		trace_add(&found->trace, frame_of(parsed->tag), parsed->data,
			  parsed->size);
}

/* The log has no line for a bad frame, but the note says so. */
static void
check_log(const struct trace *expected, const struct stream *s, int number)
{
	struct trace logged = *expected;
	struct found found = { .first = s->size > 0 ? s->data[0] : 0 };
	bool was_bad = false;

	trace_init(&found.trace, s);
	log_read(&host.log, number, take_line, &found);
	logged.count = 0;
	logged.list = fuzz_memory(expected->limit * sizeof *logged.list);
	for (size_t i = 0; i < expected->count; i++)
		if (expected->list[i].frame == FRAME_BAD)
			was_bad = true;
		else
			logged.list[logged.count++] = expected->list[i];
	REQUIRE(found.is_bad == was_bad);
	require_same(&found.trace, &logged);
	free(logged.list);
	trace_free(&found.trace);
}

int
fuzz_connection(const uint8_t *data, size_t size)
{
	struct trace expected, chunks;
	struct stream s;

	if (size < 2 + STEPS)
		return 0;
	s = (struct stream){
		.framing = framings[data[0] % 7],
		.settings = &fuzz_settings[data[2] % 8],
		.max_record = data[1] + (size_t)1,
		.steps = data + 2,
		.step_bytes = 1,
		.data = data + 2 + STEPS,
		.size = size - 2 - STEPS,
	};
	host_open();
	trace_init(&expected, &s);
	trace_init(&chunks, &s);
	serve(&s, &chunks);
	if (s.framing != FRAMING_CHUNK)
		model(&expected, &s);
	for (int i = 0; i < 2; i++)
		check_log(s.framing == FRAMING_CHUNK ? &chunks : &expected, &s,
			  i);
	trace_free(&expected);
	trace_free(&chunks);
	return 0;
}
