/* SPDX-License-Identifier: MIT */
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef HAVE_OPENSSL

#include <openssl/err.h>
#include <openssl/ssl.h>

#define END_MS 2000

static SSL_CTX *context;

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "%s: ", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void
make_context(void)
{
	context = SSL_CTX_new(TLS_client_method());
	if (!context)
		fail("SSL_CTX_new");
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
}

/* Wait for what the last call on it waited for; false: for something else. */
static bool
wait_for(SSL *tls, int result, int timeout_ms)
{
	struct pollfd polled = { .fd = SSL_get_fd(tls) };

	switch (SSL_get_error(tls, result)) {
	case SSL_ERROR_WANT_READ:
		polled.events = POLLIN;
		break;
	case SSL_ERROR_WANT_WRITE:
		polled.events = POLLOUT;
		break;
	default:
		return false;
	}
	return poll(&polled, 1, timeout_ms) > 0;
}

SSL *
tls_begin(int fd)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	SSL *tls;

	pthread_once(&once, make_context);
	tls = SSL_new(context);
	if (!tls || SSL_set_fd(tls, fd) != 1)
		fail("SSL_new");
	ERR_clear_error();
	if (SSL_connect(tls) != 1)
		fail("the handshake");
	/* From now on it is for tls_send(), which must not block. */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		fail("fcntl");
	return tls;
}

ssize_t
tls_send(SSL *tls, const void *data, size_t size)
{
	size_t sent;
	int result;

	ERR_clear_error();
	result = SSL_write_ex(tls, data, size, &sent);
	if (result == 1)
		return (ssize_t)sent;
	if (SSL_get_error(tls, result) != SSL_ERROR_WANT_WRITE)
		fail("SSL_write");
	errno = EAGAIN;
	return -1;
}

void
tls_end(SSL *tls)
{
	char ignored[4096];
	int fd = SSL_get_fd(tls), result;

	ERR_clear_error();
	do
		result = SSL_shutdown(tls);
	while (result < 0 && wait_for(tls, result, END_MS));
	do {
		ERR_clear_error();
		result = SSL_read(tls, ignored, sizeof ignored);
	} while (result > 0 || wait_for(tls, result, END_MS));
	SSL_free(tls);
	close(fd);
}

#else

static _Noreturn void
fail(void)
{
	fputs("built without OpenSSL\n", stderr);
	exit(1);
}

struct ssl_st *
tls_begin(int fd)
{
	(void)fd;
	fail();
}

ssize_t
tls_send(struct ssl_st *tls, const void *data, size_t size)
{
	(void)tls, (void)data, (void)size;
	fail();
}

void
tls_end(struct ssl_st *tls)
{
	(void)tls;
	fail();
}

#endif
