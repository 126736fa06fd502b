/* SPDX-License-Identifier: MIT */
#include "client/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "client/dial.h"
#include "config/networks.h"

/* How many are waited for at one time, and how often their state is looked at:
 * poll(2) does not tell when the peer has acknowledged all. */
#define WAIT_MOST 64
#define WAIT_STEP_MS 20

/* Of the PROXY protocol: a connection of the proxy's own. */
static const char proxy_header[] = "PROXY UNKNOWN\r\n";

void
probe_marker(char marker[PROBE_MARKER], const char *token, size_t number)
{
	snprintf(marker, PROBE_MARKER, "portlog check %s-%zu", token, number);
}

/* The length in front of a record of size bytes. */
static void
add_length(struct buffer *out, const struct framing_settings *s, size_t size)
{
	size_t length =
		size + (s->length_includes_itself ? s->length_bytes : 0);

	for (unsigned i = 0; i < s->length_bytes; i++) {
		unsigned place = s->length_order == LENGTH_BIG
				       ? s->length_bytes - 1 - i
				       : i;
		unsigned char byte = (unsigned char)(length >> 8 * place);

		buffer_add(out, &byte, 1);
	}
}

static void
add_count(struct buffer *out, size_t size)
{
	char count[24];

	buffer_add(out, count,
		   (size_t)snprintf(count, sizeof count, "%zu ", size));
}

static void
add_framed(struct buffer *out, const struct listener_config *l,
	   const char *marker)
{
	const struct framing_settings *s = &l->framing_settings;
	size_t size = strlen(marker);

	if (l->framing == FRAMING_OCTET_COUNTED)
		add_count(out, size);
	if (l->framing == FRAMING_LENGTH)
		add_length(out, s, size);
	buffer_add(out, marker, size);
	if (l->framing == FRAMING_LINE || l->framing == FRAMING_LF)
		buffer_add(out, "\n", 1);
	if (l->framing == FRAMING_NUL)
		buffer_add(out, "", 1);
	if (l->framing == FRAMING_DELIMITER)
		buffer_add(out, s->delimiter.bytes, s->delimiter.size);
}

static int
dial(const struct listener_config *l, const struct address *address,
     long long until_ms)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct address copy;
	struct addrinfo info = {
		.ai_socktype = protocol_is_stream(l->protocol) ? SOCK_STREAM
							       : SOCK_DGRAM,
		.ai_family = AF_UNIX,
		.ai_addr = (struct sockaddr *)&path,
		.ai_addrlen = sizeof path,
	}, *next = &info;
	long long left_ms = until_ms - clock_now_ms();

	if (address) {
		copy = *address;
		info.ai_family = copy.any.sa_family;
		info.ai_addr = &copy.any;
		info.ai_addrlen = copy.size;
	} else {
		snprintf(path.sun_path, sizeof path.sun_path, "%s", l->path);
	}
	return dial_next(&next, left_ms > 0 ? (int)left_ms : 0);
}

static void
fail(struct probe *p)
{
	const char *reason = p->channel.reason;

	p->state = PROBE_FAILED;
	p->error = errno;
	snprintf(p->reason, sizeof p->reason, "%s", reason ? reason : "");
	probe_close(p);
}

const char *
probe_options(const struct listener_config *config)
{
	if (config->tls && config->tls->clients == TLS_CLIENTS_REQUIRED)
		return " --tls --ca FILE --cert FILE --key FILE";
	if (config->tls)
		return " --tls --ca FILE";
	return config->protocol == PROTOCOL_UDP ? " -u" : "";
}

/* false: errno; EAGAIN: of TLS, it is to be called again. */
static bool
send_rest(struct probe *p)
{
	if (p->unsent.size == 0)
		return true;
	/* So few bytes are taken at once, or not at all. */
	if (!channel_handshake(&p->channel) ||
	    channel_send(&p->channel, p->unsent.data, p->unsent.size) < 0)
		return false;
	buffer_free(&p->unsent);
	return true;
}

void
probe_send(struct probe *p, const struct listener_config *l,
	   const struct address *address, const struct tls *tls,
	   const char *marker, long long until_ms)
{
	p->channel = channel_of(dial(l, address, until_ms));
	if (p->channel.fd < 0) {
		fail(p);
		return;
	}
	if (address && networks_has_proxy(l, address))
		channel_send(&p->channel, proxy_header,
			     sizeof proxy_header - 1);
	if (tls)
		channel_begin_tls(&p->channel, tls);
	add_framed(&p->unsent, l, marker);
	p->state = PROBE_SENT;
	if (!send_rest(p) && !(tls && errno == EAGAIN))
		fail(p);
}

/* Look at one whose receipt is awaited.  true: it is awaited still. */
static bool
look(struct probe *p)
{
	if (p->state != PROBE_SENT)
		return false;
	if (!send_rest(p)) {
		if (errno == EAGAIN)
			return true;
	} else if (channel_end(&p->channel)) {
		return true;
	}
	if (errno != 0) {
		fail(p);
		return false;
	}
	p->state = PROBE_TAKEN;
	probe_close(p);
	return false;
}

void
probe_wait(struct probe *const probes[], size_t count, long long until_ms)
{
	for (;;) {
		struct pollfd ends[WAIT_MOST];
		nfds_t awaited = 0;
		long long left_ms = until_ms - clock_now_ms();

		for (size_t i = 0; i < count; i++)
			if (look(probes[i]) && awaited < WAIT_MOST)
				ends[awaited++] = (struct pollfd){
					.fd = probes[i]->channel.fd,
					.events = channel_events(
						&probes[i]->channel, false),
				};
		if (awaited == 0 || left_ms <= 0)
			return;
		poll(ends, awaited,
		     left_ms < WAIT_STEP_MS ? (int)left_ms : WAIT_STEP_MS);
	}
}

bool
probe_is_refused(struct probe *p)
{
	int error = p->state == PROBE_SENT ? dial_error(p->channel.fd) : 0;

	if (error == 0)
		return false;
	errno = error;
	fail(p);
	return true;
}

void
probe_close(struct probe *p)
{
	if (p->channel.fd >= 0 && p->state != PROBE_UNSENT)
		channel_close(&p->channel);
	p->channel = channel_of(-1);
	buffer_free(&p->unsent);
}
