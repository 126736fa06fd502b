/* SPDX-License-Identifier: MIT */
/* Measures the time from send() until the line can be read in the log. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define PATIENCE_NS 1000000000LL
#define PROBE_EVERY_NS 10000000LL
#define QUIET_EVERY_NS 200000000LL
#define PROBE "probe "
#define DIGITS 7
#define READ_BYTES (1 << 20)

struct watch {
	int fd;
	long sent;           /* probes; also the number of the next */
	long long *sent_ns;  /* when each was sent */
	long long *times_ns; /* the delays, in the order of arrival */
	atomic_long seen;
	atomic_bool is_over;
};

static int
open_log(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		load_fail(path);
	return fd;
}

static long long *
make_times(long count)
{
	long long *times_ns = calloc((size_t)count, sizeof *times_ns);

	if (!times_ns)
		load_fail("calloc");
	return times_ns;
}

/* Poll without a pause for a whole line; false: none came in time. */
static bool
wait_for_line(int fd)
{
	static char text[READ_BYTES];
	long long until_ns = load_now_ns() + PATIENCE_NS;
	ssize_t size;

	do {
		size = read(fd, text, sizeof text);
		if (size > 0 && text[size - 1] == '\n')
			return true;
	} while (load_now_ns() < until_ns);
	return false;
}

void
probe_each_line(const struct load *load, struct peer *peer, const char *data)
{
	int fd = open_log(load->log);
	long long *delays_ns = make_times(load->lines);
	long count = 0;

	while (peer->sent < peer->total) {
		long long start_ns = load_now_ns();

		load_push(load, peer, data);
		if (!wait_for_line(fd))
			load_fail("a line did not come");
		delays_ns[count++] = load_now_ns() - start_ns;
	}
	load_print_delays(delays_ns, count);
	free(delays_ns);
	close(fd);
}

/* Store the delay of each probe in these lines. */
static void
store_probes(struct watch *w, const char *text, size_t size)
{
	const char *end = text + size;
	long long now_ns = load_now_ns();

	while ((text = memmem(text, (size_t)(end - text), PROBE,
			      strlen(PROBE)))) {
		text += strlen(PROBE);
		w->times_ns[w->seen++] =
			now_ns - w->sent_ns[strtol(text, NULL, 10)];
	}
}

/* Read the log as it grows, at real-time priority where that is allowed. */
static void *
watch_main(void *argument)
{
	static char text[READ_BYTES + 1];
	struct watch *w = argument;
	size_t held = 0, whole;
	const char *newline;
	ssize_t size;

	pthread_setschedparam(pthread_self(), SCHED_FIFO,
			      &(struct sched_param){ .sched_priority = 1 });
	while (!w->is_over) {
		size = read(w->fd, text + held, READ_BYTES - held);
		if (size <= 0) {
			load_pause();
			continue;
		}
		held += (size_t)size;
		newline = memrchr(text, '\n', held);
		whole = newline ? (size_t)(newline - text) + 1 : 0;
		store_probes(w, text, whole);
		held -= whole;
		memmove(text, text + whole, held);
	}
	return NULL;
}

/* Send a line that begins with a probe's number instead. */
static void
send_probe(const struct load *load, struct peer *peer, const char *data,
	   struct watch *w)
{
	char *line = malloc((size_t)load->line_bytes);

	if (!line)
		load_fail("malloc");
	memcpy(line, data, (size_t)load->line_bytes);
	snprintf(line, strlen(PROBE) + DIGITS + 1, PROBE "%0*ld", DIGITS,
		 w->sent);
	line[strlen(PROBE) + DIGITS] = ' ';
	w->sent_ns[w->sent++] = load_now_ns();
	while (!load_push(load, peer, line))
		;
	free(line);
}

/* The number of this connection among the probed ones; -1: not probed. */
static long
probed(const struct load *load, long connection)
{
	long every = load->connections / load->probes;

	return connection % every == 0 && connection / every < load->probes
		     ? connection / every
		     : -1;
}

/* Send a probe on the next quiet connection, if it is due. */
static void
send_quiet(const struct load *load, struct peer *peers, const char *data,
	   struct watch *w, long long start_ns)
{
	long long due_ns;

	if (load->quiet == 0)
		return;
	due_ns = start_ns + w->sent * QUIET_EVERY_NS / load->quiet;
	if (load_now_ns() >= due_ns)
		send_probe(load, &peers[w->sent % load->quiet], data, w);
}

/* Send a line to each connection in turn, at the rate of the load. */
static void
send_paced(const struct load *load, struct peer *peers, const char *data,
	   struct watch *w)
{
	long long *next_ns = make_times(load->probes), now_ns;
	long long start_ns = load_now_ns();
	long busy = load->connections - load->quiet;

	for (long line = 0; line < load->lines; line++) {
		long i = load->quiet + line % busy;
		long probe = load->probes > 0 ? probed(load, i) : -1;
		long long due_ns = start_ns + line * 1000000000LL / load->rate;

		send_quiet(load, peers, data, w, start_ns);

		while ((now_ns = load_now_ns()) < due_ns)
			load_pause();
		if (probe >= 0 && now_ns >= next_ns[probe]) {
			next_ns[probe] = now_ns + PROBE_EVERY_NS;
			send_probe(load, &peers[i], data, w);
			continue;
		}
		while (!load_push(load, &peers[i], data))
			load_pause();
	}
	free(next_ns);
}

void
probe_under_load(const struct load *load, struct peer *peers, const char *data)
{
	struct watch w = { .fd = open_log(load->log),
			   .sent_ns = make_times(load->lines),
			   .times_ns = make_times(load->lines) };
	long long until_ns;
	pthread_t thread;

	/* How many lines each sends is not known before: set no end. */
	for (long i = 0; i < load->connections; i++)
		peers[i].total = SIZE_MAX / 2;
	if (pthread_create(&thread, NULL, watch_main, &w) != 0)
		load_fail("pthread_create");
	send_paced(load, peers, data, &w);
	until_ns = load_now_ns() + PATIENCE_NS;
	while (w.seen < w.sent && load_now_ns() < until_ns)
		load_pause();
	w.is_over = true;
	pthread_join(thread, NULL);
	load_print_delays(w.times_ns, w.seen);
	printf("probes=%ld lost=%ld\n", w.sent, w.sent - w.seen);
	free(w.sent_ns);
	free(w.times_ns);
	close(w.fd);
}
