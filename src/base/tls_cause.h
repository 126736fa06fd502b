/* SPDX-License-Identifier: MIT */
/*
 * Why a call of OpenSSL's ssl library failed.
 */
#ifndef PORTLOG_TLS_CAUSE_H
#define PORTLOG_TLS_CAUSE_H

#include <openssl/err.h>

/*
 * The cause, of what is in this thread's queue of errors; that is empty then.
 * Before the first entry of the ssl library are those of libraries that it
 * uses ("cipher operation failed"), and behind it, from OpenSSL 3.2 on, may
 * be one that only says where ("record layer failure").  0: nothing failed.
 */
static inline unsigned long
tls_cause(void)
{
	unsigned long last = ERR_peek_last_error(), code;

	while ((code = ERR_get_error()) != 0)
		if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
			ERR_clear_error();
			return code;
		}
	return last;
}

#endif
