/* SPDX-License-Identifier: MIT */
#include "check.h"

#ifdef HAVE_OPENSSL

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "client/tls_words.h"

#define ALERT(number) (SSL_AD_REASON_OFFSET + (number))
#define REFUSED "refused by the other side: "

static const struct {
	int library, reason;
	bool in_handshake;
	const char *words;
} failures[] = {
	{ ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING, false,
	  "ended without close_notify: no receipt" },
	{ ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING, true,
	  "closed in the TLS handshake: does the other side speak TLS?" },
	{ ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER, true,
	  "the other side does not speak TLS" },
	{ ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER, false,
	  "TLS: wrong version number" },
	{ ERR_LIB_SSL, ALERT(SSL_AD_UNKNOWN_CA), false,
	  REFUSED "unknown ca (it does not know the authority of --cert)" },
	{ ERR_LIB_SSL, ALERT(SSL_AD_CERTIFICATE_REQUIRED), false,
	  REFUSED "certificate required (see --cert and --key)" },
	{ ERR_LIB_SSL, ALERT(SSL_AD_HANDSHAKE_FAILURE), true,
	  REFUSED "handshake failure (it may want a certificate: --cert, "
		  "--key)" },
	{ ERR_LIB_SSL, ALERT(SSL_AD_BAD_CERTIFICATE), false,
	  REFUSED "bad certificate" },
	/* Of these OpenSSL does not say that they are alerts, or nothing. */
	{ ERR_LIB_SSL, ALERT(SSL_AD_UNRECOGNIZED_NAME), true,
	  REFUSED "tlsv1 unrecognized name" },
	{ ERR_LIB_SSL, ALERT(199), false, REFUSED "unknown error" },
	{ ERR_LIB_SSL, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, false,
	  "TLS: decryption failed or bad record mac" },
	/* The same number in another library. */
	{ ERR_LIB_X509, ALERT(SSL_AD_UNKNOWN_CA), false, "TLS: unknown error" },
	{ 0, 0, false, "TLS: unknown error" },
};

START_TEST(a_failure_has_its_words)
{
	char words[TLS_WORDS];

	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
	tls_words_failed(words,
			 ERR_PACK(failures[_i].library, 0, failures[_i].reason),
			 failures[_i].in_handshake);
	ck_assert_str_eq(words, failures[_i].words);
}
END_TEST

START_TEST(an_error_of_the_system_has_those_of_the_system)
{
	ck_assert_str_eq(tls_words_of(ERR_SYSTEM_FLAG | ENOENT),
			 strerror(ENOENT));
}
END_TEST

static const struct {
	int error, depth;
	const char *words;
} refusals[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, 0,
	  "its certificate is refused: certificate has expired (or the clock "
	  "here is wrong)" },
	{ X509_V_ERR_CERT_HAS_EXPIRED, 1,
	  "the certificate of its authority is refused: certificate has "
	  "expired (or the clock here is wrong)" },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0,
	  "its certificate is refused: self-signed certificate (to trust it or "
	  "its authority: --ca FILE)" },
	{ X509_V_ERR_CERT_REVOKED, 0,
	  "its certificate is refused: certificate revoked" },
};

START_TEST(a_refusal_has_its_words)
{
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	char words[TLS_WORDS];

	ck_assert_ptr_nonnull(store);
	X509_STORE_CTX_set_error(store, refusals[_i].error);
	X509_STORE_CTX_set_error_depth(store, refusals[_i].depth);
	tls_words_refused(words, store);
	X509_STORE_CTX_free(store);
	ck_assert_str_eq(words, refusals[_i].words);
}
END_TEST

/* A certificate may have so many names that the line would not end. */
START_TEST(many_names_are_cut)
{
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	X509 *certificate = X509_new();
	char words[TLS_WORDS], name[65];

	memset(name, 'x', sizeof name);
	for (int i = 0; i < 9; i++)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate),
					   "CN", MBSTRING_ASC,
					   (unsigned char *)name, 64, -1, 0);
	X509_STORE_CTX_set_current_cert(store, certificate);
	X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
	tls_words_refused(words, store);
	X509_STORE_CTX_free(store);
	X509_free(certificate);
	ck_assert_ptr_nonnull(strstr(words, "(it is for xxx"));
	ck_assert_uint_lt(strlen(words), sizeof words);
}
END_TEST

SUITE(tls_words)
{
	Suite *suite = suite_create("tls_words");
	TCase *tcase = tcase_create("tls_words");

	tcase_add_loop_test(tcase, a_failure_has_its_words, 0,
			    sizeof failures / sizeof *failures);
	tcase_add_test(tcase, an_error_of_the_system_has_those_of_the_system);
	tcase_add_loop_test(tcase, a_refusal_has_its_words, 0,
			    sizeof refusals / sizeof *refusals);
	tcase_add_test(tcase, many_names_are_cut);
	suite_add_tcase(suite, tcase);
	return suite;
}

#endif
