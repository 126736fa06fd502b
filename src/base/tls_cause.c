/* SPDX-License-Identifier: MIT */
#include "base/tls_cause.h"

#include <openssl/err.h>

/*
 * Before the first entry of the ssl library are those of libraries that it
 * uses ("cipher operation failed"), and behind it, from OpenSSL 3.2 on, may
 * be one that says only where ("record layer failure").
 */
unsigned long
tls_cause(void)
{
	unsigned long last = ERR_peek_last_error(), code;

	do
		code = ERR_get_error();
	while (code != 0 && ERR_GET_LIB(code) != ERR_LIB_SSL);
	ERR_clear_error();
	return code != 0 ? code : last;
}
