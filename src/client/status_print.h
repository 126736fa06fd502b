/* SPDX-License-Identifier: MIT */
/* status_print: an answer about the status, for people.  One thread. */
#ifndef PORTLOG_CLIENT_STATUS_PRINT_H
#define PORTLOG_CLIENT_STATUS_PRINT_H

#include "client/answer.h"

/* Put tables of what it says into out, and then what is not as it should be. */
void status_print(struct answer *, struct buffer *out);

#endif
