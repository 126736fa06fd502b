/* SPDX-License-Identifier: MIT */
#include "input/tls_files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "input/tls_peer.h"

/* Why OpenSSL failed last, of this thread. */
static const char *
reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "no reason given";
}

/* Returns false. */
__attribute__((format(printf, 2, 3))) static bool
fail(char error[TLS_ERROR], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, TLS_ERROR, format, arguments);
	va_end(arguments);
	return false;
}

static BIO *
open_file(const char *setting, const char *path, char error[TLS_ERROR])
{
	FILE *file = fopen(path, "re");
	BIO *bio;

	ERR_clear_error();
	if (!file) {
		fail(error, "%s: cannot read \"%s\": %s", setting, path,
		     strerror(errno));
		return NULL;
	}
	bio = BIO_new_fp(file, BIO_CLOSE);
	if (bio)
		return bio;
	fail(error, "%s: no memory to read \"%s\"", setting, path);
	fclose(file);
	return NULL;
}

/* A passphrase is never asked for. */
static int
have_no_passphrase(char *out, int size, int is_writing, void *is_wanted)
{
	(void)out;
	(void)size;
	(void)is_writing;
	if (is_wanted)
		*(bool *)is_wanted = true;
	return -1;
}

/* Whether the last PEM_read_bio_*() found but the end of the file. */
static bool
is_at_end(void)
{
	return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

/* All of a file, at least one; NULL: error has the reason. */
static struct stack_st_X509 *
read_certificates(const char *setting, const char *path, char error[TLS_ERROR])
{
	BIO *file = open_file(setting, path, error);
	STACK_OF(X509) *list = file ? sk_X509_new_null() : NULL;
	X509 *one = NULL;

	if (!file)
		return NULL;
	while (list &&
	       (one = PEM_read_bio_X509(file, NULL, have_no_passphrase,
					NULL)) &&
	       sk_X509_push(list, one) > 0)
		one = NULL;
	X509_free(one);
	BIO_free(file);
	if (is_at_end() && sk_X509_num(list) > 0)
		return list;
	fail(error, "%s: found \"%s\", expected certificates in PEM", setting,
	     path);
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

/* The time, on CLOCK_REALTIME; 0: it has none, or one that cannot be. */
static time_t
time_of(const ASN1_TIME *time)
{
	struct tm tm;

	return time && ASN1_TIME_to_tm(time, &tm) ? timegm(&tm) : 0;
}

static void
add_dates(struct tls_dates *dates, const X509 *certificate)
{
	time_t from = time_of(X509_get0_notBefore(certificate));
	time_t until = time_of(X509_get0_notAfter(certificate));

	if (from > dates->valid_from)
		dates->valid_from = from;
	if (dates->valid_until == 0 || until < dates->valid_until)
		dates->valid_until = until;
}

/* The first is that of the listener, the others lead to its authority. */
static bool
use_certificates(SSL_CTX *ctx, const struct config_tls *tls,
		 struct tls_dates *dates, char error[TLS_ERROR])
{
	STACK_OF(X509) *list =
		read_certificates("certificate", tls->certificate, error);
	bool all = true;

	if (!list)
		return false;
	for (int i = 0; all && i < sk_X509_num(list); i++) {
		X509 *one = sk_X509_value(list, i);

		add_dates(dates, one);
		all = (i == 0 ? SSL_CTX_use_certificate(ctx, one)
			      : SSL_CTX_add1_chain_cert(ctx, one)) == 1;
	}
	sk_X509_pop_free(list, X509_free);
	return all || fail(error, "certificate: cannot use \"%s\": %s",
			   tls->certificate, reason());
}

static EVP_PKEY *
read_key(const char *path, char error[TLS_ERROR])
{
	BIO *file = open_file("key", path, error);
	bool is_wanted = false;
	EVP_PKEY *key =
		file ? PEM_read_bio_PrivateKey(file, NULL, have_no_passphrase,
					       &is_wanted)
		     : NULL;

	if (file && is_wanted)
		fail(error,
		     "key: found \"%s\", which needs a passphrase, "
		     "expected a key that needs none",
		     path);
	else if (file && !key)
		fail(error, "key: found \"%s\", expected a key in PEM", path);
	BIO_free(file);
	return key;
}

static bool
use_key(SSL_CTX *ctx, const struct config_tls *tls, char error[TLS_ERROR])
{
	EVP_PKEY *key = read_key(tls->key, error);
	bool fits = key && X509_check_private_key(SSL_CTX_get0_certificate(ctx),
						  key) == 1;
	bool is_used = fits && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	if (key && !fits)
		fail(error,
		     "key: found \"%s\", which does not fit the first "
		     "certificate of \"%s\"",
		     tls->key, tls->certificate);
	else if (key && !is_used)
		fail(error, "key: cannot use \"%s\": %s", tls->key, reason());
	EVP_PKEY_free(key);
	return is_used;
}

/* No ticket: the peer that never reads would lose what it sent last. */
static void
set_modes(SSL_CTX *ctx, const struct config_tls *tls)
{
	int least = tls->versions == TLS_VERSIONS_1_3 ? TLS1_3_VERSION
						      : TLS1_2_VERSION;

	/* The system's openssl.cnf may ask for more. */
	if (SSL_CTX_get_min_proto_version(ctx) < least)
		SSL_CTX_set_min_proto_version(ctx, least);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(ctx, 0);
	/* Idle connections hold no buffers; the chain is that of the file. */
	SSL_CTX_set_mode(ctx,
			 SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
}

/* Those it has, and no others: nothing of the system's. */
static bool
use_authorities(SSL_CTX *ctx, const char *path, char error[TLS_ERROR])
{
	STACK_OF(X509) *list = read_certificates("authorities", path, error);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	bool all = true;

	if (!list)
		return false;
	for (int i = 0; all && i < sk_X509_num(list); i++)
		all = X509_STORE_add_cert(store, sk_X509_value(list, i)) == 1;
	sk_X509_pop_free(list, X509_free);
	/* An authority need not be a root. */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return all || fail(error, "authorities: cannot use \"%s\": %s", path,
			   reason());
}

/* The lists of revoked certificates, of which each has a date. */
static bool
use_revoked(SSL_CTX *ctx, const char *path, struct tls_dates *dates,
	    char error[TLS_ERROR])
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *file = open_file("revoked", path, error);
	size_t count = 0;
	X509_CRL *list;

	while (file && (list = PEM_read_bio_X509_CRL(
				file, NULL, have_no_passphrase, NULL))) {
		time_t until = time_of(X509_CRL_get0_nextUpdate(list));

		if (dates->revoked_until == 0 ||
		    (until > 0 && until < dates->revoked_until))
			dates->revoked_until = until;
		count += X509_STORE_add_crl(store, list) == 1;
		X509_CRL_free(list);
	}
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	BIO_free(file);
	return file && ((is_at_end() && count > 0) ||
			fail(error,
			     "revoked: found \"%s\", expected lists of revoked "
			     "certificates in PEM",
			     path));
}

/* From whom a certificate is taken. */
static bool
use_clients(SSL_CTX *ctx, const struct config_tls *tls, struct tls_dates *dates,
	    char error[TLS_ERROR])
{
	tls_peer_check(ctx, tls);
	return (!tls->authorities ||
		use_authorities(ctx, tls->authorities, error)) &&
	       (!tls->revoked || use_revoked(ctx, tls->revoked, dates, error));
}

SSL_CTX *
tls_files_read(const struct config_tls *tls, struct tls_dates *dates,
	       char error[TLS_ERROR])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	*dates = (struct tls_dates){ 0 };
	ERR_clear_error();
	if (!ctx) {
		fail(error, "OpenSSL has no memory");
		return NULL;
	}
	set_modes(ctx, tls);
	if (use_certificates(ctx, tls, dates, error) &&
	    use_key(ctx, tls, error) && use_clients(ctx, tls, dates, error))
		return ctx;
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}
