/* SPDX-License-Identifier: MIT */
/*
 * read_tls: how a listener encrypts.  It opens none of the files.  Main thread.
 */
#ifndef PORTLOG_CONFIG_READ_TLS_H
#define PORTLOG_CONFIG_READ_TLS_H

#include "config/value.h"

/* Read the setting "tls" of a listener; NULL: it has none. */
void read_tls(struct reader *, config_setting_t *, struct listener_config *);

#endif
