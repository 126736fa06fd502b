/* SPDX-License-Identifier: MIT */
/*
 * tail_journal: what portlogd writes to the journal, by journalctl(1).  Main
 * thread.
 */
#ifndef PORTLOG_CLIENT_TAIL_JOURNAL_H
#define PORTLOG_CLIENT_TAIL_JOURNAL_H

#include "client/tail.h"

/*
 * Run journalctl in the place of this process, with the same meaning.  Returns
 * an exit code where it cannot.
 */
int tail_journal(const struct tail *);

#endif
