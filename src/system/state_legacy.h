/* SPDX-License-Identifier: MIT */
/*
 * state_legacy: what release 0.1.0 left in the fd store, as a state of this
 * version: so an upgrade from it is a restart or a kill like any other.  Once
 * no host has 0.1.0, delete this, and what calls it in listen_fds and restart.
 */
#ifndef PORTLOG_SYSTEM_STATE_LEGACY_H
#define PORTLOG_SYSTEM_STATE_LEGACY_H

#include "system/state_reader.h"

/*
 * Its names in the fd store: "connection NUMBER of KEY"; how far each
 * connection and UDP socket has come, at any moment; what a restart has saved,
 * where the saved bytes of generation 0 are.
 */
#define STATE_LEGACY_CONNECTION "connection"
#define STATE_LEGACY_LEDGER "ledger 1"
#define STATE_LEGACY_BYTES "state"

/*
 * Make the state from the descriptors that systemd passed; where none is of
 * 0.1.0, the reader is left as it is.  false: what a restart has saved is
 * damaged: it is understood up to there.  Main thread; does not block.
 */
bool state_legacy_read(struct state_reader *, const int *fds,
		       char *const *names, size_t count);

#endif
