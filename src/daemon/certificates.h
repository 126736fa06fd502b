/* SPDX-License-Identifier: MIT */
/*
 * certificates: the files that the listeners' TLS is made of, from the check of
 * the configuration to the end.
 */
#ifndef PORTLOG_DAEMON_CERTIFICATES_H
#define PORTLOG_DAEMON_CERTIFICATES_H

#include <stdbool.h>

#include "config/config.h"
#include "config/errors.h"

struct listeners;

/*
 * Add an error for each file that cannot be used, and warn of those that are
 * out of date.  Main thread, before the daemon serves: it blocks on files.
 */
void certificates_check(const struct config *, struct errors *);

/* Open what the listeners need, likewise.  false: stderr has the reason. */
bool certificates_open(struct listeners *);

/*
 * Read all files again and log until when they are valid; where they are wrong,
 * what was read before is used on.  Any thread but the main one: it blocks on
 * files.
 */
void certificates_reload(struct listeners *);

/*
 * Once a day, warn of those that are about to be out of date; when to call it
 * again is in *until_ms, if that is sooner.  Main thread; opens no file.
 */
void certificates_tend(struct listeners *, long long *until_ms);

#endif
