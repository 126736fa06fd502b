/* SPDX-License-Identifier: MIT */
/*
 * admission_tls: the handshake of TLS, and whether its peer may talk.  The
 * connection's thread.
 */
#ifndef PORTLOG_INPUT_ADMISSION_TLS_H
#define PORTLOG_INPUT_ADMISSION_TLS_H

#include "input/admission_step.h"

/*
 * ADMISSION_GRANTED: the stream is encrypted, and the connection has the peer
 * that its certificate names.
 */
enum admission_result admission_secure(struct admission *);

#endif
