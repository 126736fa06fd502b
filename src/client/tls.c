/* SPDX-License-Identifier: MIT */
#include "client/tls.h"

#ifdef HAVE_OPENSSL

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/diag.h"
#include "base/memory.h"
#include "client/dial.h"
#include "client/tls_words.h"

struct tls {
	SSL_CTX *context;
	char *name; /* of the host, to ask for; NULL: it has an address */
};

/* Of several errors in the queue the first is the cause. */
static bool
file_failed(const char *file, const char *expected)
{
	unsigned long code = ERR_peek_error();

	if (ERR_SYSTEM_ERROR(code))
		diag(LOG_ERR, "%s: %s", file, tls_words_of(code));
	else
		diag(LOG_ERR, "%s: expected %s: %s", file, expected,
		     tls_words_of(code));
	return false;
}

/*
 * A file may have the very certificate of the host: with PARTIAL_CHAIN that
 * need not be an authority's.
 */
static bool
load_trust(SSL_CTX *context, const char *ca)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);

	if (!ca)
		return SSL_CTX_set_default_verify_paths(context) == 1;
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	return SSL_CTX_load_verify_file(context, ca) == 1 ||
	       file_failed(ca, "certificates in PEM");
}

/* OpenSSL's own asks for it on the terminal. */
static int
refuse_passphrase(char *space, int size, int writes, void *was_asked)
{
	(void)space;
	(void)size;
	(void)writes;
	*(bool *)was_asked = true;
	return -1;
}

static bool
load_key(SSL_CTX *context, const struct tls_options *o)
{
	bool was_asked = false, good;

	SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(context, &was_asked);
	good = SSL_CTX_use_PrivateKey_file(context, o->key, SSL_FILETYPE_PEM) ==
		       1 &&
	       SSL_CTX_check_private_key(context) == 1;
	if (was_asked)
		diag(LOG_ERR,
		     "%s: found a key with a passphrase, expected one without "
		     "(\"openssl pkey\" writes one)",
		     o->key);
	else if (!good && ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509)
		diag(LOG_ERR, "%s: expected the key of %s", o->key, o->cert);
	else if (!good)
		file_failed(o->key, "a private key in PEM");
	return good;
}

static bool
load_identity(SSL_CTX *context, const struct tls_options *o)
{
	if (!o->cert)
		return true;
	if (SSL_CTX_use_certificate_chain_file(context, o->cert) != 1)
		return file_failed(o->cert, "a certificate in PEM");
	return load_key(context, o);
}

/* The certificate must name this host; a name may end with a dot in DNS. */
static bool
expect_host(struct tls *t, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(t->context);
	char bare[ADDRESS_TEXT];
	struct address address;
	size_t size;

	host = dial_without_brackets(host, bare);
	if (address_parse(&address, host, 0))
		return address.any.sa_family == AF_INET
			     ? X509_VERIFY_PARAM_set1_ip(
				       param,
				       (unsigned char *)&address.in.sin_addr,
				       sizeof address.in.sin_addr)
			     : X509_VERIFY_PARAM_set1_ip(
				       param, address.in6.sin6_addr.s6_addr,
				       sizeof address.in6.sin6_addr);
	t->name = memory_copy(host);
	size = strlen(host);
	if (size > 1 && host[size - 1] == '.')
		t->name[size - 1] = '\0';
	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, t->name, 0);
}

static SSL_CTX *
new_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (!context)
		memory_missing();
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	return context;
}

struct tls *
tls_open(const struct tls_options *o, const char *host)
{
	struct tls *t = memory_zeroed(1, sizeof *t);

	/* OpenSSL writes to sockets without MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	t->context = new_context();
	ERR_clear_error();
	if (load_trust(t->context, o->ca) && load_identity(t->context, o) &&
	    (!host || expect_host(t, host)))
		return t;
	tls_close(t);
	return NULL;
}

struct ssl_st *
tls_new_ssl(const struct tls *t)
{
	SSL *ssl = SSL_new(t->context);

	if (!ssl || (t->name && SSL_set_tlsext_host_name(ssl, t->name) != 1))
		memory_missing();
	return ssl;
}

void
tls_close(struct tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	free(t->name);
	free(t);
}

#else

#include <stddef.h>

#include "base/diag.h"

struct tls *
tls_open(const struct tls_options *o, const char *host)
{
	(void)o;
	(void)host;
	diag(LOG_ERR, "--tls: this portlog was built without OpenSSL");
	return NULL;
}

void
tls_close(struct tls *t)
{
	(void)t;
}

#endif
