/* SPDX-License-Identifier: MIT */
#include "input/tls_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/tls_cause.h"
#include "system/sockets.h"

/* What one system call reads. */
#define AHEAD_BYTES 32768

/* Of a TLS record: its type, version and the length of what follows. */
#define HEADER_BYTES 5

/* System calls of one receive: a peer may send what gives no bytes. */
#define READS 8

/* How long a peer is waited for that has said close_notify. */
#define CLOSE_MS 2000

struct tls_stream {
	SSL *ssl; /* owned, as its BIO, which reads and writes fd */
	int fd;   /* borrowed */
	short events;
	bool has_pending;
	bool is_drained; /* the kernel has no more, unless poll(2) says so */
	unsigned reads;  /* of one receive, so far */
	bool is_mute;    /* what we write does not reach the peer any more */
	enum transport_result wire; /* what the kernel has said */
	enum transport_result end;  /* of the stream; TRANSPORT_AGAIN: none */
	unsigned char *ahead;       /* owned; NULL: there is none */
	size_t begin, size;         /* of what is in it for OpenSSL */
	uint64_t received, deciphered;
	unsigned part, length; /* of a record: bytes given, and length told */
	unsigned long cause;   /* see tls_stream_cause() */
	char failure[48];      /* the same in words */
};

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

/* false: there is none now; t->wire says why. */
static bool
read_ahead(struct tls_stream *t)
{
	t->wire = TRANSPORT_AGAIN;
	if (t->is_drained || t->reads++ == READS)
		return false;
	if (!t->ahead && !(t->ahead = malloc(AHEAD_BYTES))) {
		clock_sleep_ms(100);
		return false;
	}
	t->begin = t->size = 0;
	t->wire = transport_receive(t->fd, t->ahead, AHEAD_BYTES, false,
				    &t->size);
	t->is_drained = t->size < AHEAD_BYTES;
	t->received += t->size;
	return t->wire == TRANSPORT_BYTES;
}

/* Where in a record OpenSSL is, once it has these bytes too. */
static void
follow(struct tls_stream *t, const unsigned char *data, size_t size)
{
	while (size > 0) {
		size_t left = 1;

		if (t->part < HEADER_BYTES)
			t->length = (t->length << 8 | *data) & 0xffff;
		else
			left = HEADER_BYTES + t->length - t->part;
		if (left > size)
			left = size;
		data += left;
		size -= left;
		t->part += (unsigned)left;
		if (t->part >= HEADER_BYTES &&
		    t->part == HEADER_BYTES + t->length)
			t->part = 0;
	}
}

/* Without an end that BIO_eof() would tell: OpenSSL sends no alert for it. */
static int
read_wire(BIO *bio, char *out, int size)
{
	struct tls_stream *t = BIO_get_data(bio);
	size_t count = (size_t)size;

	BIO_clear_retry_flags(bio);
	if (t->size == 0 && !read_ahead(t)) {
		if (t->wire == TRANSPORT_AGAIN)
			BIO_set_retry_read(bio);
		return -1;
	}
	if (count > t->size)
		count = t->size;
	memcpy(out, t->ahead + t->begin, count);
	follow(t, t->ahead + t->begin, count);
	t->begin += count;
	t->size -= count;
	return (int)count;
}

/*
 * Where the peer has gone, what it had sent can still be read: OpenSSL must
 * believe that its answers were sent.
 */
static int
write_wire(BIO *bio, const char *data, int size)
{
	struct tls_stream *t = BIO_get_data(bio);
	ssize_t sent;

	BIO_clear_retry_flags(bio);
	if (t->is_mute)
		return size;
	sent = send(t->fd, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0)
		return (int)sent;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS ||
	    errno == ENOMEM) {
		BIO_set_retry_write(bio);
		return -1;
	}
	t->is_mute = true;
	return size;
}

static long
control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static void
make_method(void)
{
	BIO_METHOD *made = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");

	if (!made)
		return;
	BIO_meth_set_read(made, read_wire);
	BIO_meth_set_write(made, write_wire);
	BIO_meth_set_ctrl(made, control);
	method = made;
}

struct tls_stream *
tls_stream_new(struct ssl_st *session, int fd)
{
	struct tls_stream *t = malloc(sizeof *t);
	BIO *bio;

	pthread_once(&method_once, make_method);
	bio = method ? BIO_new(method) : NULL;
	if (!t || !bio) {
		BIO_free(bio);
		free(t);
		SSL_free(session);
		return NULL;
	}
	*t = (struct tls_stream){
		.ssl = session,
		.fd = fd,
		.events = POLLIN,
		.has_pending = true,
		.end = TRANSPORT_AGAIN,
	};
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(session, bio, bio);
	SSL_set_read_ahead(session, 0);
	SSL_set_mode(session, SSL_MODE_RELEASE_BUFFERS);
	return t;
}

void
tls_stream_free(struct tls_stream *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	free(t->ahead);
	free(t);
}

/* All records that OpenSSL was given as a whole are deciphered. */
static void
settle(struct tls_stream *t)
{
	t->deciphered = t->received - t->size - t->part;
}

/* What is idle has no memory for reading; OpenSSL frees its own. */
static void
free_ahead(struct tls_stream *t)
{
	if (t->size > 0)
		return;
	free(t->ahead);
	t->ahead = NULL;
}

/* "unsupported protocol": a word of small letters. */
static void
name_failure(struct tls_stream *t, const char *prefix, const char *text)
{
	snprintf(t->failure, sizeof t->failure, "%s%s", prefix,
		 text ? text : "unknown");
	for (char *c = t->failure; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		else if ((*c < 'a' || *c > 'z') && (*c < '0' || *c > '9'))
			*c = '-';
}

/* The entries of the queue belong to the last call alone. */
static void
explain(struct tls_stream *t)
{
	int reason;

	t->cause = tls_cause();
	reason = ERR_GET_REASON(t->cause);
	switch (ERR_GET_LIB(t->cause) == ERR_LIB_SSL ? reason : 0) {
	case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
		name_failure(t, "", "bad-record-mac");
		break;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_UNKNOWN_PROTOCOL:
		name_failure(t, "", "protocol");
		break;
	case SSL_R_NO_SHARED_CIPHER:
		name_failure(t, "", "cipher");
		break;
	default:
		if (reason > SSL_AD_REASON_OFFSET)
			name_failure(t, "alert-",
				     SSL_alert_desc_string_long(
					     reason - SSL_AD_REASON_OFFSET));
		else
			name_failure(t, "", ERR_reason_error_string(t->cause));
	}
}

/* What has a call of OpenSSL to say that gave nothing. */
static enum transport_result
result_of(struct tls_stream *t, int returned)
{
	switch (SSL_get_error(t->ssl, returned)) {
	case SSL_ERROR_WANT_READ:
		t->events = POLLIN;
		settle(t);
		return TRANSPORT_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		t->events = POLLOUT | POLLRDHUP;
		return TRANSPORT_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		settle(t);
		return TRANSPORT_END;
	default:
		break;
	}
	if (t->wire != TRANSPORT_BYTES && t->wire != TRANSPORT_AGAIN) {
		settle(t);
		return t->wire == TRANSPORT_END ? TRANSPORT_TRUNCATED : t->wire;
	}
	explain(t);
	return TRANSPORT_CORRUPT;
}

/*
 * A peer that takes no answer, though its stream has ended or we have ended it:
 * what it had sent is read without one.
 */
static void
mute_if_ended(struct tls_stream *t)
{
	struct pollfd ready = { .fd = t->fd, .events = t->events };

	if (t->events != POLLIN && poll(&ready, 1, 0) > 0 &&
	    !(ready.revents & POLLOUT))
		t->is_mute = true;
}

enum transport_result
tls_stream_handshake(struct tls_stream *t)
{
	int returned;

	t->is_drained = false;
	t->reads = 0;
	ERR_clear_error();
	returned = SSL_accept(t->ssl);
	if (returned != 1)
		return result_of(t, returned);
	settle(t);
	/*
	 * Of 1.3 the last word is the peer's, and nothing answers it: a peer
	 * with Nagle's algorithm would keep its data until it is acknowledged.
	 */
	sockets_acknowledge(t->fd);
	return TRANSPORT_BYTES;
}

enum transport_result
tls_stream_receive(struct tls_stream *t, void *space, size_t room, size_t *size)
{
	unsigned char *out = space;
	int received;

	*size = 0;
	if (t->end != TRANSPORT_AGAIN)
		return t->end;
	mute_if_ended(t);
	t->is_drained = false;
	t->reads = 0;
	do {
		ERR_clear_error();
		received = SSL_read(t->ssl, out + *size, (int)(room - *size));
		if (received <= 0)
			break;
		*size += (size_t)received;
		settle(t);
	} while (room - *size >= TLS_STREAM_ROOM);
	if (received <= 0)
		t->end = result_of(t, received);
	t->has_pending = received > 0 || t->end != TRANSPORT_AGAIN ||
			 (t->events == POLLIN && !t->is_drained);
	free_ahead(t);
	return *size > 0 ? TRANSPORT_BYTES : t->end;
}

bool
tls_stream_has_pending(const struct tls_stream *t)
{
	return t->has_pending;
}

short
tls_stream_events(const struct tls_stream *t)
{
	return t->events;
}

/* Wait for the descriptor; false: it is too late, or a restart has begun. */
static bool
wait_until(const struct tls_stream *t, short events, int handover_fd,
	   long long until_ms)
{
	struct pollfd ready[] = {
		{ .fd = t->fd, .events = events },
		{ .fd = handover_fd, .events = POLLIN },
	};
	long long left_ms = until_ms - clock_now_ms();

	return left_ms > 0 && poll(ready, 2, (int)left_ms) > 0 &&
	       ready[1].revents == 0;
}

void
tls_stream_close(struct tls_stream *t, int handover_fd)
{
	long long until_ms = clock_now_ms() + CLOSE_MS;
	unsigned char rest[4096];
	size_t size;
	int sent;

	if (t->end != TRANSPORT_END || t->is_mute)
		return;
	do {
		ERR_clear_error();
		sent = SSL_shutdown(t->ssl);
	} while (sent < 0 &&
		 SSL_get_error(t->ssl, sent) == SSL_ERROR_WANT_WRITE &&
		 wait_until(t, POLLOUT, handover_fd, until_ms));
	sockets_send_fin(t->fd);
	while (wait_until(t, POLLIN, handover_fd, until_ms) &&
	       transport_receive(t->fd, rest, sizeof rest, false, &size) <
		       TRANSPORT_END)
		;
}

uint64_t
tls_stream_deciphered(const struct tls_stream *t)
{
	return t->deciphered;
}

uint64_t
tls_stream_undeciphered(const struct tls_stream *t)
{
	return t->end == TRANSPORT_END ? 0 : t->received - t->deciphered;
}

void
tls_stream_discard(struct tls_stream *t)
{
	unsigned char rest[4096];
	size_t size;

	while (transport_receive(t->fd, rest, sizeof rest, false, &size) ==
	       TRANSPORT_BYTES)
		t->received += size;
}

const char *
tls_stream_version(const struct tls_stream *t)
{
	/* "TLSv1.3" */
	return SSL_get_version(t->ssl) + 4;
}

const char *
tls_stream_failure(const struct tls_stream *t)
{
	return t->failure;
}

unsigned long
tls_stream_cause(const struct tls_stream *t)
{
	return t->cause;
}

struct ssl_st *
tls_stream_session(const struct tls_stream *t)
{
	return t->ssl;
}
