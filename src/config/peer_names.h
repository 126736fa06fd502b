/* SPDX-License-Identifier: MIT */
/* peer_names: which peer has which name, by the configuration, never by DNS. */
#ifndef PORTLOG_CONFIG_PEER_NAMES_H
#define PORTLOG_CONFIG_PEER_NAMES_H

#include "config/config.h"

/* Add one, with every field at its default.  Main thread. */
struct peer_name *peer_names_add(struct peer_names *);

/*
 * The name of the smallest network that the address is in; NULL: it is in none,
 * or there are no names.  Takes less than a microsecond.  Any thread.
 */
const char *peer_names_find(const struct peer_names *, const struct address *);

void peer_names_free(struct peer_names *);

#endif
