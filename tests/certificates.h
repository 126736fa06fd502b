/* SPDX-License-Identifier: MIT */
/* Makes keys and certificates of any kind, right and wrong.  One thread. */
#ifndef PORTLOG_TESTS_CERTIFICATES_H
#define PORTLOG_TESTS_CERTIFICATES_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#define DAY_S 86400L

struct made {
	EVP_PKEY *key;
	X509 *certificate;
};

/* Of what is 0 or NULL a usual certificate has the usual, or nothing. */
struct recipe {
	const char *name;                      /* the common name: any bytes */
	size_t name_size;                      /* 0: it is a string */
	int name_type;                         /* of ASN.1; 0: UTF-8 */
	const char *alternative_names, *usage; /* as openssl.cnf has them */
	long from_s, until_s;                  /* from now on; 0: for a day */
	bool is_authority;
};

/* Signed by issuer; NULL: by itself.  Free it. */
struct made certificates_make(const struct recipe *, const struct made *issuer);
void certificates_free(struct made *);

/* A list of those of the issuer that are revoked, which is valid so long. */
X509_CRL *certificates_revoke(const struct made *issuer, const struct made *,
			      long until_s);

/* Write them to new files in PEM; passphrase NULL: none. */
void certificates_write(const char *path, const struct made *, size_t count);
void certificates_write_key(const char *path, const struct made *,
			    const char *passphrase);
void certificates_write_revoked(const char *path, const X509_CRL *);

#endif
