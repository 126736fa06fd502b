/* SPDX-License-Identifier: MIT */
#include "input/admission_tls.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "input/connection_progress.h"
#include "input/first_bytes.h"
#include "input/tls_context.h"
#include "system/sockets.h"

/* The pause where poll(2) returns before what was asked for is there. */
#define RETRY_MS 100

/* What is looked at; enough to know a method of HTTP. */
#define LOOK_BYTES 64

static enum admission_result
refuse(const struct admission *a, const char *reason, const char *word)
{
	char detail[TLS_DETAIL];

	snprintf(detail, sizeof detail, "detail=%s", word);
	return admission_refuse(a, &a->connection->entry.peer, reason, detail);
}

/* There are no more bytes than these. */
static enum admission_result
refuse_end(const struct admission *a)
{
	const struct connection *c = a->connection;

	if (registry_is_stopped(c->registry, &c->entry))
		return admission_refuse(a, &c->entry.peer, "shutdown", NULL);
	return refuse(a, "tls", "ended");
}

/* Leave it in the kernel; *kind: what it is so far. */
static enum admission_result
look(const struct admission *a, enum first_bytes *kind)
{
	const struct connection *c = a->connection;
	unsigned char data[LOOK_BYTES];
	ssize_t size =
		recv(c->entry.fd, data, sizeof data, MSG_PEEK | MSG_DONTWAIT);

	if (size < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM ||
			 errno == ENOBUFS)) {
		clock_sleep_ms(RETRY_MS);
		return ADMISSION_GRANTED;
	}
	if (size <= 0)
		return admission_leave(a);
	*kind = first_bytes_judge(data, (size_t)size);
	if (*kind == FIRST_BYTES_TLS)
		return ADMISSION_GRANTED;
	if (*kind != FIRST_BYTES_FEW)
		return refuse(a, "not-tls", first_bytes_name(*kind));
	if (a->has_ended)
		return refuse_end(a);
	return ADMISSION_GRANTED;
}

/* Until it begins as TLS does: what it is not can be named. */
static enum admission_result
await_first(struct admission *a)
{
	const struct connection *c = a->connection;
	enum first_bytes kind = FIRST_BYTES_FEW;
	enum admission_result result;

	do {
		result = admission_wait(a, POLLIN);
		if (result == ADMISSION_GRANTED)
			result = look(a, &kind);
		/* poll(2) sleeps until the next look can say more. */
		if (kind == FIRST_BYTES_FEW)
			sockets_set_low_water(c->entry.fd, FIRST_BYTES_ENOUGH);
	} while (result == ADMISSION_GRANTED && kind == FIRST_BYTES_FEW);
	sockets_set_low_water(c->entry.fd, 1);
	return result;
}

/* The handshake has failed, or the peer is one that may not talk. */
static enum admission_result
refuse_peer(const struct admission *a, enum transport_result result,
	    const struct tls_verdict *verdict)
{
	const struct connection *c = a->connection;

	if (verdict->reason)
		return admission_refuse(a, &c->entry.peer, verdict->reason,
					*verdict->detail ? verdict->detail
							 : NULL);
	if (result == TRANSPORT_TRUNCATED || result == TRANSPORT_END)
		return refuse_end(a);
	if (result == TRANSPORT_CORRUPT)
		return refuse(a, "tls", tls_stream_failure(c->tls));
	return refuse(a, "tls", result == TRANSPORT_RESET ? "reset" : "error");
}

static enum admission_result
judge(const struct admission *a, enum transport_result result)
{
	struct connection *c = a->connection;
	struct tls_verdict verdict;

	tls_peer_judge(tls_stream_session(c->tls), tls_stream_cause(c->tls),
		       &verdict);
	if (result != TRANSPORT_BYTES || verdict.reason)
		return refuse_peer(a, result, &verdict);
	if (!connection_secured(c, &verdict.identity))
		return refuse(a, "tls", "no-memory");
	/* What was received so far is no data. */
	c->wire = tls_stream_deciphered(c->tls);
	connection_progress_read(c);
	return ADMISSION_GRANTED;
}

/* Nobody else can go on with what has begun. */
static enum admission_result
wait_for_peer(struct admission *a)
{
	const struct connection *c = a->connection;
	enum admission_result result =
		admission_wait(a, tls_stream_events(c->tls));

	if (result == ADMISSION_HANDOVER)
		return admission_refuse(a, &c->entry.peer, "restart", NULL);
	return result;
}

static enum admission_result
shake_hands(struct admission *a)
{
	const struct connection *c = a->connection;
	enum admission_result waited = ADMISSION_GRANTED;

	do {
		enum transport_result result = tls_stream_handshake(c->tls);

		if (result != TRANSPORT_AGAIN)
			return judge(a, result);
		/* There may be more without end, and never all of it. */
		if (clock_now_ms() >= a->until_ms)
			return admission_refuse(a, &c->entry.peer, "timeout",
						NULL);
		/* Nothing of a peer that is gone makes room for an answer. */
		if (a->has_ended && tls_stream_events(c->tls) != POLLIN)
			return refuse_end(a);
		waited = wait_for_peer(a);
	} while (waited == ADMISSION_GRANTED);
	return waited;
}

enum admission_result
admission_secure(struct admission *a)
{
	struct connection *c = a->connection;
	enum admission_result result = await_first(a);
	struct ssl_st *session;

	if (result != ADMISSION_GRANTED)
		return result;
	/* The configuration may be another one than when it was accepted. */
	session =
		c->listener->tls ? tls_context_session(c->listener->tls) : NULL;
	c->tls = session ? tls_stream_new(session, c->entry.fd) : NULL;
	if (!c->tls)
		return refuse(a, "tls",
			      c->listener->tls ? "no-memory" : "unconfigured");
	connection_progress_handshake(c);
	return shake_hands(a);
}
