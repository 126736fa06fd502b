/* SPDX-License-Identifier: MIT */
/*
 * admission_proxy: the PROXY header of a connection from one of the `proxies`:
 * who it says the peer is, and whether that may talk.  The connection's thread.
 */
#ifndef PORTLOG_INPUT_ADMISSION_PROXY_H
#define PORTLOG_INPUT_ADMISSION_PROXY_H

#include "input/admission_step.h"

/*
 * Take the header from the stream, once it is complete, and no byte more.
 * ADMISSION_GRANTED: it was taken, and the connection has the peer of which it
 * tells.
 */
enum admission_result admission_read_header(struct admission *);

#endif
