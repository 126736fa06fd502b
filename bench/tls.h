/* SPDX-License-Identifier: MIT */
/*
 * tls: what the sender sends over TLS.  The receiver's certificate is not
 * checked.  Any thread, one at a time for each connection.
 */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct ssl_st;

/* Blocks for the handshake.  tls_end() frees it. */
struct ssl_st *tls_begin(int fd);

/* As send() without blocking; to be repeated with the same bytes. */
ssize_t tls_send(struct ssl_st *, const void *data, size_t size);

/*
 * Say that it is the end and wait for the receiver's, for two seconds at most:
 * to close before would reset what is on its way.  Closes the descriptor.
 */
void tls_end(struct ssl_st *);

#endif
