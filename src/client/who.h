/* SPDX-License-Identifier: MIT */
/*
 * who: which of the peers of an answer are shown, in which order.  Without
 * memory the process ends.  Main thread.
 */
#ifndef PORTLOG_CLIENT_WHO_H
#define PORTLOG_CLIENT_WHO_H

#include "client/answer.h"
#include "client/log_filter.h"

struct who {
	struct log_filter filter; /* by listener and peer; owned */
	const char *sort;         /* one of who_keys; NULL: "bytes" */
	size_t most;              /* how many are shown */
	bool is_json;
};

/* By what they may be sorted; ends with NULL. */
extern const char *const who_keys[];

/* Put those that are wanted into out, as a table or as they were answered. */
void who_print(const struct who *, struct answer *, struct buffer *out);

#endif
