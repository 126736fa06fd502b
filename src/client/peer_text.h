/* SPDX-License-Identifier: MIT */
/* peer_text: how a peer of an answer is shown.  Pure. */
#ifndef PORTLOG_CLIENT_PEER_TEXT_H
#define PORTLOG_CLIENT_PEER_TEXT_H

#include "base/address.h"
#include "client/answer.h"

#define PEER_TEXT ADDRESS_TEXT

/* "192.0.2.7:51034" or "[2001:db8::7]:40000", as in the log. */
void peer_text(const struct answer *, char out[PEER_TEXT]);

#endif
