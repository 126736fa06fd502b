/* SPDX-License-Identifier: MIT */
/*
 * answer: what the status socket of a daemon answers, object by object.  The
 * objects are read by jansson; without it only the text is there.  Without
 * memory the process ends.  Main thread.
 */
#ifndef PORTLOG_CLIENT_ANSWER_H
#define PORTLOG_CLIENT_ANSWER_H

#include <stdbool.h>

#include "base/buffer.h"

/* { 0 } is an empty one. */
struct answer {
	struct buffer text; /* lines of JSON */
	size_t begin, next; /* where in it this object begins, and the next */
	void *object;       /* the present one; NULL: none */
};

/*
 * Ask a daemon at its socket, and read the answer to its end.  Where nobody
 * listens, tries for two seconds more: it may be restarting.  Waits up to 15 s
 * for the answer.  false: why is logged.
 */
bool answer_ask(struct answer *, const char *socket_path, const char *request);

/*
 * The same, but try once and wait no longer for the answer.  false: errno, of
 * which EPROTO says that it was cut off; nothing is logged.
 */
bool answer_ask_once(struct answer *, const char *socket_path,
		     const char *request, int timeout_ms);

/* Whether objects can be read; false: why not is logged. */
bool answer_is_readable(void);

/* Go on to the next object, at first to the first.  false: there is none. */
bool answer_next(struct answer *);

/* Of the present object: NULL or 0 if it has no such member. */
const char *answer_text(const struct answer *, const char *key);
double answer_number(const struct answer *, const char *key);
bool answer_is_true(const struct answer *, const char *key);
bool answer_has(const struct answer *, const char *key);

void answer_free(struct answer *);

#endif
