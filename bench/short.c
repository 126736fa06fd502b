/* SPDX-License-Identifier: MIT */
#include "short.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct shared {
	const struct load *load;
	const char *data;
	long streams;
	atomic_long taken;    /* streams, by senders */
	atomic_long answered; /* streams that ended in order */
	long long *delays_ns; /* of these, in the order of their ends */
};

/* Whether it ends in order; a receiver may end the stream by a reset. */
static bool
wait_for_end(int fd)
{
	char ignored[256];
	ssize_t size;

	do
		size = recv(fd, ignored, sizeof ignored, 0);
	while (size > 0);
	return size == 0;
}

/* Over TLS any end is taken for one in order. */
static bool
end_stream(struct peer *peer)
{
	bool is_in_order;

	if (peer->tls) {
		tls_end(peer->tls);
		return true;
	}
	shutdown(peer->fd, SHUT_WR);
	is_in_order = wait_for_end(peer->fd);
	close(peer->fd);
	return is_in_order;
}

static void
send_stream(struct shared *shared)
{
	const struct load *load = shared->load;
	struct peer peer = {
		.fd = load_dial(load),
		.total = (size_t)(load->line_bytes * load->write_lines),
	};
	long long sent_ns, delay_ns;

	if (load->is_tls)
		peer.tls = tls_begin(peer.fd);
	while (peer.sent < peer.total)
		if (!load_push(load, &peer, shared->data))
			load_pause();
	sent_ns = load_now_ns();
	if (!end_stream(&peer))
		return;
	delay_ns = load_now_ns() - sent_ns;
	shared->delays_ns[atomic_fetch_add(&shared->answered, 1)] = delay_ns;
}

static void *
send_streams(void *arg)
{
	struct shared *shared = arg;

	while (atomic_fetch_add(&shared->taken, 1) < shared->streams)
		send_stream(shared);
	return NULL;
}

static void
run_senders(struct shared *shared, long count)
{
	pthread_t *senders = calloc((size_t)count, sizeof *senders);

	if (!senders)
		load_fail("calloc");
	for (long i = 0; i < count; i++)
		if (pthread_create(&senders[i], NULL, send_streams, shared) !=
		    0)
			load_fail("pthread_create");
	for (long i = 0; i < count; i++)
		pthread_join(senders[i], NULL);
	free(senders);
}

void
short_send(const struct load *load, const char *data)
{
	struct shared shared = {
		.load = load,
		.data = data,
		.streams = load->lines / load->write_lines,
	};
	long long start_ns = load_now_ns();

	shared.delays_ns =
		calloc((size_t)shared.streams, sizeof *shared.delays_ns);
	if (!shared.delays_ns)
		load_fail("calloc");
	run_senders(&shared, load->connections);
	printf("answered=%ld answered_seconds=%.6f\n",
	       shared.answered * load->write_lines,
	       (double)(load_now_ns() - start_ns) / 1e9);
	load_print_delays(shared.delays_ns, shared.answered);
	free(shared.delays_ns);
}
