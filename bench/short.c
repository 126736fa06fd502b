/* SPDX-License-Identifier: MIT */
#include "short.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct shared {
	const struct load *load;
	const char *data;
	atomic_long left; /* lines that no sender has taken yet */
};

/* A receiver may end the stream by a reset: it has the line all the same. */
static void
wait_for_end(int fd)
{
	char ignored[256];

	while (recv(fd, ignored, sizeof ignored, 0) > 0)
		;
}

static void
send_line(const struct load *load, const char *data)
{
	struct peer peer = { .fd = load_dial(load),
			     .total = (size_t)load->line_bytes };

	if (load->is_tls)
		peer.tls = tls_begin(peer.fd);
	while (peer.sent < peer.total)
		load_push(load, &peer, data);
	if (peer.tls) {
		tls_end(peer.tls);
		return;
	}
	shutdown(peer.fd, SHUT_WR);
	wait_for_end(peer.fd);
	close(peer.fd);
}

static void *
send_lines(void *arg)
{
	struct shared *shared = arg;

	while (atomic_fetch_sub(&shared->left, 1) > 0)
		send_line(shared->load, shared->data);
	return NULL;
}

void
short_send(const struct load *load, const char *data)
{
	struct shared shared = { .load = load,
				 .data = data,
				 .left = load->lines };
	pthread_t *senders = calloc((size_t)load->connections, sizeof *senders);

	if (!senders)
		load_fail("calloc");
	for (long i = 0; i < load->connections; i++)
		if (pthread_create(&senders[i], NULL, send_lines, &shared) != 0)
			load_fail("pthread_create");
	for (long i = 0; i < load->connections; i++)
		pthread_join(senders[i], NULL);
	free(senders);
}
