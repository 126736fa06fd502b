/* SPDX-License-Identifier: MIT */
/*
 * admission_step: what all steps of an admission share.  The connection's
 * thread.
 */
#ifndef PORTLOG_INPUT_ADMISSION_STEP_H
#define PORTLOG_INPUT_ADMISSION_STEP_H

#include "input/connection.h"

enum admission_result {
	ADMISSION_GRANTED,  /* also of a step alone */
	ADMISSION_REFUSED,  /* it is counted, for a note: to be reset */
	ADMISSION_LEFT,     /* it has sent nothing: to be closed */
	ADMISSION_HANDOVER, /* the next process begins anew */
};

struct admission {
	struct connection *connection; /* borrowed */
	long long until_ms;            /* on CLOCK_MONOTONIC */
	bool has_ended; /* nothing follows what can be read by now */
};

/*
 * Wait until the descriptor has one of these events: ADMISSION_GRANTED, or the
 * end of the admission.
 */
enum admission_result admission_wait(struct admission *, short events);

/*
 * Count a refusal, by the peer or by the source that its proxy told of, and
 * return ADMISSION_REFUSED.  reason and detail are as a struct note_event has
 * them.
 */
enum admission_result admission_refuse(const struct admission *,
				       const struct address *source,
				       const char *reason, const char *detail);

/* The peer has sent nothing and is gone: ADMISSION_LEFT. */
enum admission_result admission_leave(const struct admission *);

#endif
