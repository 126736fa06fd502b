/* SPDX-License-Identifier: MIT */
/*
 * tls_stream_none: in place of tls_stream in a build without OpenSSL, which has
 * no session and so no stream.
 */
#include <stddef.h>

#include "input/tls_stream.h"

struct tls_stream *
tls_stream_new(struct ssl_st *session, int fd)
{
	(void)session;
	(void)fd;
	return NULL;
}

void
tls_stream_free(struct tls_stream *t)
{
	(void)t;
}

enum transport_result
tls_stream_handshake(struct tls_stream *t)
{
	(void)t;
	return TRANSPORT_ERROR;
}

enum transport_result
tls_stream_receive(struct tls_stream *t, void *space, size_t room, size_t *size)
{
	(void)t;
	(void)space;
	(void)room;
	*size = 0;
	return TRANSPORT_ERROR;
}

bool
tls_stream_has_pending(const struct tls_stream *t)
{
	(void)t;
	return false;
}

short
tls_stream_events(const struct tls_stream *t)
{
	(void)t;
	return 0;
}

void
tls_stream_close(struct tls_stream *t, int handover_fd)
{
	(void)t;
	(void)handover_fd;
}

uint64_t
tls_stream_deciphered(const struct tls_stream *t)
{
	(void)t;
	return 0;
}

uint64_t
tls_stream_undeciphered(const struct tls_stream *t)
{
	(void)t;
	return 0;
}

void
tls_stream_discard(struct tls_stream *t)
{
	(void)t;
}

const char *
tls_stream_version(const struct tls_stream *t)
{
	(void)t;
	return "";
}

unsigned long
tls_stream_cause(const struct tls_stream *t)
{
	(void)t;
	return 0;
}

const char *
tls_stream_failure(const struct tls_stream *t)
{
	(void)t;
	return "";
}

struct ssl_st *
tls_stream_session(const struct tls_stream *t)
{
	(void)t;
	return NULL;
}
