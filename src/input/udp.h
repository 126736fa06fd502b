/* SPDX-License-Identifier: MIT */
/* udp: the thread that drains one UDP socket. */
#ifndef PORTLOG_INPUT_UDP_H
#define PORTLOG_INPUT_UDP_H

#include <stdbool.h>
#include <stddef.h>

#include "input/listener.h"
#include "system/saved_state.h"

struct udp;

/* What its thread reads into at once, in bytes. */
size_t udp_input_size(const struct listener_config *);

/*
 * Start the thread of a listener, which is borrowed; done_fd is an eventfd
 * that is rung when it is done.  kept is what is known of its socket from the
 * process before, NULL: nothing.  NULL and errno: there can be none.
 */
struct udp *udp_start(struct listener *, int done_fd,
		      const struct saved_listener *kept);

/*
 * Let it read what the kernel holds already, tell what was dropped, and end;
 * does not wait for it.
 */
void udp_stop(struct udp *);

/* Let it end, and leave what the kernel holds to the next process. */
void udp_leave_open(struct udp *);

/* Once it is done: what the next process is to know. */
void udp_save(const struct udp *, struct saved_listener *);

/*
 * Whether its thread has done anything since this was asked last, or waits for
 * an output that stands still.
 */
bool udp_is_alive(struct udp *);

/*
 * Of a thread that is waited for no longer: tell on stderr how many datagrams
 * the kernel holds, which nobody will read, how many it has dropped since the
 * log told of some, and what was read and did not reach the outputs.
 */
void udp_log_abandoned(const struct udp *);

bool udp_is_done(const struct udp *);

/* Wait for its end and free all. */
void udp_join(struct udp *);

#endif
