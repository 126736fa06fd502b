/* SPDX-License-Identifier: MIT */
/*
 * tls_stream: a connection that is encrypted, as a transport: from its
 * descriptor to the bytes of the stream.  All calls are the connection's
 * thread's.  None blocks, but for what tls_stream_close() says, and for 0.1 s
 * where the kernel is short of memory.
 *
 * It reads ahead of OpenSSL, which is given one TLS record after another.  So a
 * system call reads many small records, and it is known to the byte which of
 * what was received is deciphered.
 */
#ifndef PORTLOG_INPUT_TLS_STREAM_H
#define PORTLOG_INPUT_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/transport.h"

/* The room that a receive takes at least: a record of TLS is no larger. */
#define TLS_STREAM_ROOM 16384

struct ssl_st;
struct tls_stream;

/*
 * A stream over this descriptor, which is borrowed; the session is its own from
 * now on.  NULL: there is no memory, and the session is freed.
 */
struct tls_stream *tls_stream_new(struct ssl_st *session, int fd);
void tls_stream_free(struct tls_stream *); /* NULL: does nothing */

/*
 * Go on with the handshake: TRANSPORT_BYTES: it is done; TRANSPORT_AGAIN: call
 * it again once there are tls_stream_events(); else it has failed.
 */
enum transport_result tls_stream_handshake(struct tls_stream *);

/*
 * As transport_receive(); but TRANSPORT_END: the peer has said close_notify, so
 * the stream is complete; TRANSPORT_TRUNCATED: it has ended without that;
 * TRANSPORT_CORRUPT: it is not what the peer has sent.  Of room all but the
 * last TLS_STREAM_ROOM bytes are filled, if there is so much.
 */
enum transport_result tls_stream_receive(struct tls_stream *, void *space,
					 size_t room, size_t *size);

/*
 * Whether there is more to receive before poll(2) would say so; if not, what it
 * is to wait for.
 */
bool tls_stream_has_pending(const struct tls_stream *);
short tls_stream_events(const struct tls_stream *);

/*
 * Answer the peer's close_notify: to a peer that has said none this does
 * nothing, for ours tells it that all it sent is with the outputs.  Then end
 * the stream, and discard what the peer still sends until it has ended its own,
 * so that no reset overtakes our answer: blocks for 2 s at most, or until
 * handover_fd is readable.
 */
void tls_stream_close(struct tls_stream *, int handover_fd);

/*
 * The bytes that were received up to the end of the last record that is
 * deciphered, and those behind it.
 */
uint64_t tls_stream_deciphered(const struct tls_stream *);
uint64_t tls_stream_undeciphered(const struct tls_stream *);

/* Read all that the kernel has, which nobody can decipher any more. */
void tls_stream_discard(struct tls_stream *);

/* Once the handshake is done: "1.3". */
const char *tls_stream_version(const struct tls_stream *);

/* Why it has failed, in one word: "bad-record-mac".  Borrowed, as the next. */
const char *tls_stream_failure(const struct tls_stream *);
/* The same as an error of OpenSSL; 0: OpenSSL knows of none. */
unsigned long tls_stream_cause(const struct tls_stream *);
struct ssl_st *tls_stream_session(const struct tls_stream *);

#endif
