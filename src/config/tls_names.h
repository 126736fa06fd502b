/* SPDX-License-Identifier: MIT */
/*
 * tls_names: how a configuration says whose certificate may talk, by a name in
 * it or by its fingerprint.  Pure.
 */
#ifndef PORTLOG_CONFIG_TLS_NAMES_H
#define PORTLOG_CONFIG_TLS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* "sha256:", 64 small hexadecimal digits and a NUL. */
#define TLS_FINGERPRINT 72

/*
 * What is expected in place of a name, as text to put behind "expected "; NULL:
 * it is "sensor7.example", "*.example" or an address.
 */
const char *tls_names_expect(const char *name);

/*
 * Whether such a name stands for that of a certificate, which is of size bytes:
 * small and capital letters are the same, and "*" is one label, never a part of
 * one.
 */
bool tls_names_match(const char *name, const unsigned char *found, size_t size);

/*
 * Write the fingerprint of a digest, or that which text says: in digits of any
 * case, with a colon between two bytes or without.  false: text is none.
 */
void tls_fingerprint_format(char out[TLS_FINGERPRINT],
			    const unsigned char digest[32]);
bool tls_fingerprint_read(char out[TLS_FINGERPRINT], const char *text);

#endif
