/* SPDX-License-Identifier: MIT */
/*
 * channel: a stream to a peer, plain or over TLS, and whether the peer took all
 * that was sent.  Over TLS close_notify ends a side, and nothing else does. One
 * thread; only channel_secure(), channel_receipt() and channel_leave() wait.
 */
#ifndef PORTLOG_CLIENT_CHANNEL_H
#define PORTLOG_CLIENT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/tls_session.h"

/* How long the handshake of TLS may take, unless the user says otherwise. */
#define CHANNEL_HANDSHAKE_MS 30000

struct channel {
	int fd;             /* -1: not connected */
	const char *reason; /* of a failure, where errno says too little */
	bool has_ended;     /* our side of the stream */
	bool peer_has_ended;
	struct tls_session *tls; /* NULL: plain */
};

/* A channel over a connected socket, which it takes over. */
struct channel channel_of(int fd);

/* From now on it goes over TLS; nothing was read from it yet. */
void channel_begin_tls(struct channel *, const struct tls *);

/*
 * The handshake, if it goes over TLS, without waiting; true: it is done.
 * EAGAIN: call again once poll returns one of channel_events(c, false).
 */
bool channel_handshake(struct channel *);

/*
 * Both, and wait for the handshake, timeout_ms at most (-1:
 * CHANNEL_HANDSHAKE_MS).  false: it failed.
 */
bool channel_secure(struct channel *, const struct tls *, int timeout_ms);

/*
 * send(2), without waiting.  EAGAIN: call again, with the same data, once poll
 * returns one of channel_events(c, true).
 */
ssize_t channel_send(struct channel *, const char *data, size_t size);

/*
 * What poll must wait for after the last call, which was channel_send() if
 * sends.  Not POLLIN once the peer has ended its side.
 */
short channel_events(const struct channel *, bool sends);

/*
 * Read and discard what the peer has sent, without waiting.  false: the peer
 * has ended its side and errno is 0, or the channel has failed with errno.
 */
bool channel_discard(struct channel *);

/*
 * End our side, and look for the peer's end, without waiting.  true: call again
 * once poll returns one of channel_events(c, false).  false and errno 0: the
 * peer has taken all and ended its side, which portlogd does when all is in its
 * outputs.  false and errno: ECONNRESET, ECONNABORTED if the peer ended without
 * taking all, or over TLS without close_notify, and others.
 */
bool channel_end(struct channel *);

/*
 * The same, and wait for it, ETIMEDOUT after timeout_ms (-1: never).  true: the
 * peer has taken all.
 */
bool channel_receipt(struct channel *, int timeout_ms);

/*
 * End our side, and wait, a second at most, until the peer's system has all.
 * What a peer sends to a closed socket makes the kernel drop what it has not
 * sent yet.  false and errno: the channel has failed.
 */
bool channel_leave(struct channel *);

/* The words for the last failure, with its errno. */
const char *channel_reason(const struct channel *);

/* Close the socket.  fd is -1 then. */
void channel_close(struct channel *);

#endif
