/* SPDX-License-Identifier: MIT */
/* tls_cause: why a call of OpenSSL's ssl library failed.  Any thread. */
#ifndef PORTLOG_BASE_TLS_CAUSE_H
#define PORTLOG_BASE_TLS_CAUSE_H

/*
 * The cause, of what is in this thread's queue of errors, which is empty then.
 * 0: nothing failed.
 */
unsigned long tls_cause(void);

#endif
