/* SPDX-License-Identifier: MIT */
/*
 * udp: the thread of a listener for datagrams, over UDP or a Unix socket.  It
 * reads them, writes records, and notes what the kernel dropped.  All calls are
 * the main thread's; none blocks on outputs.
 */
#ifndef PORTLOG_INPUT_UDP_H
#define PORTLOG_INPUT_UDP_H

#include <stdbool.h>
#include <stddef.h>

#include "input/listener.h"

struct senders;
struct udp;

/* The bytes of the buffer that the thread receives into. */
size_t udp_input_size(const struct listener_config *);

/*
 * Start the thread of a listener, which is open.  Both it and done_fd are
 * borrowed; done_fd is an eventfd, rung when the thread is done.  NULL and
 * errno: no memory or no thread.
 */
struct udp *udp_start(struct listener *, int done_fd);

/*
 * Let the thread leave the port, unless a socket unit owns it, read what is
 * queued, note the drops, and end.
 * Does not wait for it.
 */
void udp_stop(struct udp *);

/*
 * Let the thread end and leave what is queued to the next process.  Does not
 * wait for it.
 */
void udp_leave_open(struct udp *);

/*
 * Whether the thread has made progress since the last call, or is done, or
 * waits for an output that is writing.
 */
bool udp_is_alive(struct udp *);

/*
 * Give up on the thread, which waits for an output: log on stderr how many
 * datagrams are queued and unread, how many drops are not noted yet, how many
 * bytes were read that are not records yet, and the summaries that are not
 * written.  Discards the queue, and waits some milliseconds for packets in
 * flight.
 */
void udp_log_abandoned(struct udp *);

/* Who has sent: lives as long as this does.  Any thread. */
struct senders *udp_senders(struct udp *);

/* Whether the thread has read and written all that it was to. */
bool udp_is_done(const struct udp *);

/* Wait for the end of the thread and free all. */
void udp_join(struct udp *);

#endif
