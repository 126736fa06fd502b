/* SPDX-License-Identifier: MIT */
/*
 * fuzz_connection: serve a peer with the daemon's own code, from the socket to
 * the lines of the log, then read the log back.  The records must be those of a
 * model of the stream.  The layout of the input is that of fuzz_framer, without
 * its repeated streams.  The socket is a SOCK_SEQPACKET, so that each packet is
 * one read.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_model.h"
#include "input/connection_progress.h"
#include "input/connection_thread.h"
#include "record/format.h"
#include "record/log_line.h"

#define STEPS 6
/* So many fit into any socket buffer, however small they are. */
#define PACKETS 150
#define PEER "[::]:0"

static const enum framing framings[] = {
	FRAMING_LINE,  FRAMING_LF,        FRAMING_NUL,    FRAMING_OCTET_COUNTED,
	FRAMING_CHUNK, FRAMING_DELIMITER, FRAMING_LENGTH,
};

/* Kept from one input to the next: two files and their outputs. */
static struct {
	int files[2]; /* text, JSON */
	char paths[2][32];
	struct output_config configs[2];
	struct output_set *outputs;
	struct inflight inflight;
	struct registry registry;
	struct state state;
} host;

static void
host_open(void)
{
	struct config config = { .outputs = host.configs, .output_count = 2 };

	if (host.outputs)
		return;
	for (int i = 0; i < 2; i++) {
		host.files[i] = memfd_create("log", MFD_CLOEXEC);
		snprintf(host.paths[i], sizeof host.paths[i],
			 "/proc/self/fd/%d", host.files[i]);
		host.configs[i] = (struct output_config){
			.type = OUTPUT_FILE,
			.name = host.paths[i],
			.path = host.paths[i],
			.mode = 0600,
			.format = i == 0 ? FORMAT_TEXT : FORMAT_JSON,
		};
	}
	host.outputs = output_set_open(&config, -1, -1);
	REQUIRE(host.outputs);
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
	pool_init(&listener.pool, host.outputs, 3, listener.counters,
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

/* A note may be first and last; the last says whether a frame was bad. */
static void
check_note(struct trace *t, const char *line, size_t size, bool *is_bad)
{
	if (memmem(line, size, "opened", 6)) {
		REQUIRE(t->count == 0);
		return;
	}
	REQUIRE(memmem(line, size, "closed", 6));
	*is_bad = memmem(line, size, "bad-frame", 9);
}

/* Read one line of the log back into a frame. */
static void
read_line(struct trace *t, bool is_json, char *line, size_t size, bool *is_bad)
{
	struct log_line log_line = { 0 };
	char *copy = fuzz_copy(line, size);

	REQUIRE(fuzz_is_utf8(line, size));
	REQUIRE(!(is_json ? log_line_parse_json(&log_line, copy, size)
			  : log_line_parse_text(&log_line, copy, size)));
	REQUIRE(fuzz_same(log_line.peer, log_line.peer_size, PEER,
			  strlen(PEER)));
	if (log_line.tag == TAG_NOTE)
		check_note(t, line, size, is_bad);
	else
		trace_add(t, frame_of(log_line.tag), log_line.data,
			  log_line.size);
	if (is_json)
		log_line_free(&log_line);
	free(copy);
}

static void
read_log(struct trace *t, int number, bool *is_bad)
{
	int fd = host.files[number];
	off_t size = lseek(fd, 0, SEEK_END);
	char *log = fuzz_memory((size_t)size), *line = log, *end;

	REQUIRE(pread(fd, log, (size_t)size, 0) == size && size > 0);
	REQUIRE(log[size - 1] == '\n');
	for (; line < log + size; line = end + 1) {
		end = memchr(line, '\n', (size_t)(log + size - line));
		read_line(t, number == 1, line, (size_t)(end - line), is_bad);
	}
	free(log);
	REQUIRE(ftruncate(fd, 0) == 0);
}

/* The log has no line for a bad frame, but the note says so. */
static void
check_log(const struct trace *expected, const struct stream *s, int number)
{
	struct trace found, logged = *expected;
	bool is_bad = false, was_bad = false;

	trace_init(&found, s);
	read_log(&found, number, &is_bad);
	logged.count = 0;
	logged.list = fuzz_memory(expected->limit * sizeof *logged.list);
	for (size_t i = 0; i < expected->count; i++)
		if (expected->list[i].frame == FRAME_BAD)
			was_bad = true;
		else
			logged.list[logged.count++] = expected->list[i];
	REQUIRE(is_bad == was_bad);
	require_same(&found, &logged);
	free(logged.list);
	trace_free(&found);
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
