/* SPDX-License-Identifier: MIT */
#include "client/tls_session.h"

#ifdef HAVE_OPENSSL

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/tls_cause.h"

/* OpenSSL asks here what it finds wrong with a certificate. */
static int
verified(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_session *t = SSL_get_app_data(ssl);

	if (!good)
		tls_words_refused(t->reason, store);
	return good;
}

struct tls_session *
tls_session_new(const struct tls *tls, int fd)
{
	struct tls_session *t = memory_zeroed(1, sizeof *t);

	t->ssl = tls_new_ssl(tls);
	SSL_set_app_data(t->ssl, t);
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, verified);
	if (SSL_set_fd(t->ssl, fd) != 1)
		memory_missing();
	return t;
}

/* OpenSSL's queue of errors, and errno, are those of the next call alone. */
static void
begin(void)
{
	ERR_clear_error();
	errno = 0;
}

/* It has failed for good: errno and the reason say why. */
static void
fail(struct tls_session *t, int kind)
{
	unsigned long code;

	if (kind == SSL_ERROR_SYSCALL) {
		errno = errno ? errno : EIO;
		if (!t->is_open)
			snprintf(t->reason, sizeof t->reason,
				 "in the TLS handshake: %s", strerror(errno));
		return;
	}
	code = tls_cause();
	if (!t->reason[0])
		tls_words_failed(t->reason, code, !t->is_open);
	errno = ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING
		      ? ECONNABORTED
		      : EPROTO;
}

/*
 * After a call that returned this: 0, it was done or close_notify has come;
 * else -1 and errno, and if it is to be repeated, *waits_for.
 */
static int
judge(struct tls_session *t, int result, short *waits_for)
{
	int kind = SSL_get_error(t->ssl, result);

	*waits_for = kind == SSL_ERROR_WANT_READ  ? POLLIN
		   : kind == SSL_ERROR_WANT_WRITE ? POLLOUT
						  : 0;
	if (kind == SSL_ERROR_NONE || kind == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (*waits_for)
		errno = EAGAIN;
	else
		fail(t, kind);
	return -1;
}

bool
tls_session_handshake(struct tls_session *t)
{
	begin();
	t->is_open = judge(t, SSL_connect(t->ssl), &t->sends_wait_for) == 0;
	return t->is_open;
}

/*
 * A peer that refuses us says so in an alert before it closes, and that may
 * still be there to read.
 */
static int
find_alert(struct tls_session *t)
{
	int error = errno;
	char bytes[4096];

	if (error != EPIPE && error != ECONNRESET)
		return -1;
	while (tls_session_receive(t, bytes, sizeof bytes) > 0)
		;
	if (!t->reason[0])
		errno = error;
	return -1;
}

ssize_t
tls_session_send(struct tls_session *t, const char *data, size_t size)
{
	size_t sent = 0;
	int result;

	begin();
	result = SSL_write_ex(t->ssl, data, size, &sent);
	if (judge(t, result, &t->sends_wait_for) == 0)
		return (ssize_t)sent;
	return find_alert(t);
}

ssize_t
tls_session_receive(struct tls_session *t, char *data, size_t size)
{
	size_t got = 0;
	int result;

	begin();
	result = SSL_read_ex(t->ssl, data, size, &got);
	if (judge(t, result, &t->receives_wait_for) == 0)
		return (ssize_t)got;
	return -1;
}

/* SSL_shutdown() returns 0 when it has sent ours and theirs has not come. */
bool
tls_session_end(struct tls_session *t)
{
	int result;

	begin();
	result = SSL_shutdown(t->ssl);
	t->sends_wait_for = 0;
	if (result >= 0 || judge(t, result, &t->sends_wait_for) == 0)
		return true;
	find_alert(t);
	return false;
}

void
tls_session_free(struct tls_session *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	free(t);
}

#else

/* tls_open() returns NULL then, and so nobody has a session. */

struct tls_session *
tls_session_new(const struct tls *tls, int fd)
{
	(void)tls;
	(void)fd;
	return NULL;
}

bool
tls_session_handshake(struct tls_session *t)
{
	return !t;
}

ssize_t
tls_session_send(struct tls_session *t, const char *data, size_t size)
{
	(void)t;
	(void)data;
	return (ssize_t)size;
}

ssize_t
tls_session_receive(struct tls_session *t, char *data, size_t size)
{
	(void)t;
	(void)data;
	return (ssize_t)size;
}

bool
tls_session_end(struct tls_session *t)
{
	return !t;
}

void
tls_session_free(struct tls_session *t)
{
	(void)t;
}

#endif
