/* SPDX-License-Identifier: MIT */
/*
 * sender: puts one load on one receiver, over loopback.  All lines are equal,
 * so that those in the log can be counted.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "probe.h"
#include "short.h"

#define DATAGRAMS 64 /* of one sendmmsg() */
#define SETTLED_NS 150000000

/* The lines of one write. */
static char *
make_lines(const struct load *load)
{
	size_t line = (size_t)load->line_bytes;
	size_t size = line * (size_t)load->write_lines;
	char *data = malloc(size);

	if (!data)
		load_fail("malloc");
	for (size_t i = 0; i < size; i++)
		data[i] = i % line == line - 1 ? '\n'
					       : (char)('a' + i % line % 26);
	for (size_t i = line / 2; load->is_invalid && i < size; i += line)
		data[i] = (char)0xff;
	return data;
}

/* The connections share the lines; the first ones may have one more. */
static struct peer *
make_peers(const struct load *load)
{
	struct peer *peers = calloc((size_t)load->connections, sizeof *peers);
	long share = load->lines / load->connections;
	long more = load->lines % load->connections;

	if (!peers)
		load_fail("calloc");
	for (long i = 0; i < load->connections; i++) {
		peers[i].fd = load_dial(load);
		if (load->is_tls)
			peers[i].tls = tls_begin(peers[i].fd);
		load_pause(); /* some receivers have a short backlog */
		peers[i].total =
			(size_t)((share + (i < more)) * load->line_bytes);
	}
	return peers;
}

/* Wait until the kernel takes more on any connection. */
static void
wait_until_writable(struct pollfd *polled, const struct peer *peers, long count)
{
	for (long i = 0; i < count; i++) {
		polled[i].fd =
			peers[i].sent < peers[i].total ? peers[i].fd : -1;
		polled[i].events = POLLOUT;
	}
	poll(polled, (nfds_t)count, -1);
}

/* One write to each connection in turn, as fast as the kernel takes them. */
static void
send_streams(const struct load *load, struct peer *peers, const char *data)
{
	struct pollfd *polled =
		calloc((size_t)load->connections, sizeof *polled);
	bool is_done = false, is_full;

	if (!polled)
		load_fail("calloc");
	while (!is_done) {
		is_done = is_full = true;
		for (long i = 0; i < load->connections; i++) {
			if (peers[i].sent == peers[i].total)
				continue;
			is_done = false;
			if (load_push(load, &peers[i], data))
				is_full = false;
		}
		if (!is_done && is_full)
			wait_until_writable(polled, peers, load->connections);
	}
	free(polled);
}

/* How many of so many datagrams are to be sent now. */
static long
due(const struct load *load, long lines, long sent, long long start_ns)
{
	long count = lines - sent, rate = load->rate / load->connections;
	long long elapsed_us = (load_now_ns() - start_ns) / 1000;

	if (rate > 0 && rate * elapsed_us / 1000000 - sent < count)
		count = (long)(rate * elapsed_us / 1000000 - sent);
	return count < DATAGRAMS ? count : DATAGRAMS;
}

static void
send_datagrams(const struct load *load, const struct peer *peer, char *data)
{
	struct iovec line = { data, (size_t)load->line_bytes };
	struct mmsghdr messages[DATAGRAMS] = { 0 };
	long long start_ns = load_now_ns();
	long sent = 0, count, lines = (long)peer->total / load->line_bytes;
	int taken;

	for (int i = 0; i < DATAGRAMS; i++)
		messages[i].msg_hdr =
			(struct msghdr){ .msg_iov = &line, .msg_iovlen = 1 };
	while (sent < lines) {
		count = due(load, lines, sent, start_ns);
		if (count == 0) {
			load_pause();
			continue;
		}
		taken = sendmmsg(peer->fd, messages, (unsigned)count, 0);
		if (taken < 0)
			load_fail("sendmmsg");
		sent += taken;
	}
}

/* A process for each socket but the first, which is this one's. */
static void
send_from_all(const struct load *load, const struct peer *peers, char *data)
{
	long i = load->connections;
	pid_t sender = 1;

	while (sender > 0 && --i > 0)
		if ((sender = fork()) < 0)
			load_fail("fork");
	send_datagrams(load, &peers[i], data);
	if (sender == 0)
		_exit(0);
	while (wait(NULL) > 0)
		;
}

static void
send_load(const struct load *load, struct peer *peers, char *data)
{
	if (load->is_short)
		short_send(load, data);
	else if (load->is_udp)
		send_from_all(load, peers, data);
	else if (load->is_by_line)
		probe_each_line(load, peers, data);
	else if (load->probes > 0 || load->quiet > 0)
		probe_under_load(load, peers, data);
	else
		send_streams(load, peers, data);
}

static void
end_load(const struct load *load, struct peer *peers)
{
	for (long i = 0; peers && i < load->connections; i++) {
		if (peers[i].tls)
			tls_end(peers[i].tls);
		else
			close(peers[i].fd);
	}
}

/*
 * Wait until the log has stopped growing; returns when it last grew.  Growth by
 * less than 1000 bytes is ignored: it may be a note.
 */
static long long
wait_for_log(const struct load *load)
{
	long long grown_ns = load_now_ns();
	struct stat log;
	off_t size = 0;

	while (load_now_ns() < grown_ns + SETTLED_NS) {
		if (stat(load->log, &log) < 0)
			load_fail(load->log);
		if (log.st_size > size + 1000) {
			size = log.st_size;
			grown_ns = load_now_ns();
		}
		load_pause();
	}
	return grown_ns;
}

static void
usage(void)
{
	fputs("usage: sender [-t] [-x] [-u | -o | -k | -l | -p "
	      "PROBED-CONNECTIONS "
	      "|\n"
	      "              -q QUIET-CONNECTIONS]\n"
	      "              [-c CONNECTIONS] [-n LINES] [-s BYTES]\n"
	      "              [-b LINES-A-WRITE] [-r LINES-A-SECOND] PORT LOG\n",
	      stderr);
	exit(64);
}

static long
number(const char *text, long min)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || value < min)
		usage();
	return value;
}

static void
set_option(struct load *load, int option)
{
	switch (option) {
	case 'u':
		load->is_udp = true;
		break;
	case 't':
		load->is_tls = true;
		break;
	case 'x':
		load->is_invalid = true;
		break;
	case 'o':
		load->is_short = true;
		break;
	case 'k':
		load->stays = true;
		break;
	case 'l':
		load->is_by_line = true;
		break;
	case 'c':
		load->connections = number(optarg, 1);
		break;
	case 'n':
		load->lines = number(optarg, 0);
		break;
	case 's':
		load->line_bytes = number(optarg, 16);
		break;
	case 'b':
		load->write_lines = number(optarg, 1);
		break;
	case 'r':
		load->rate = number(optarg, 0);
		break;
	case 'p':
		load->probes = number(optarg, 0);
		break;
	case 'q':
		load->quiet = number(optarg, 0);
		break;
	default:
		usage();
	}
}

int
main(int argc, char **argv)
{
	struct load load = { .connections = 1,
			     .lines = 1,
			     .line_bytes = 128,
			     .write_lines = 1 };
	struct peer *peers = NULL;
	long long start_ns;
	char *data;
	int option;

	while ((option = getopt(argc, argv, "utxoklc:n:s:b:r:p:q:")) >= 0)
		set_option(&load, option);
	if (optind != argc - 2)
		usage();
	load.port = number(argv[optind], 1);
	load.log = argv[optind + 1];
	signal(SIGPIPE, SIG_IGN); /* OpenSSL has no MSG_NOSIGNAL */
	data = make_lines(&load);
	if (!load.is_short)
		peers = make_peers(&load);
	start_ns = load_now_ns();
	send_load(&load, peers, data);
	/* Wait for the end of stdin. */
	while (load.stays && getchar() != EOF)
		;
	end_load(&load, peers);
	printf("seconds=%.6f\n",
	       (double)(wait_for_log(&load) - start_ns) / 1e9);
	free(peers);
	free(data);
	return 0;
}
