/* SPDX-License-Identifier: MIT */
/* journal_stream: which descriptors lead to the systemd journal.  Any thread.
 */
#ifndef PORTLOG_BASE_JOURNAL_STREAM_H
#define PORTLOG_BASE_JOURNAL_STREAM_H

#include <stdbool.h>

/* Whether it is the stream that systemd has passed for stdout or stderr. */
bool journal_stream_is(int fd);

#endif
