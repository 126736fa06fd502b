/* SPDX-License-Identifier: MIT */
#include "input/tls_peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

/*
 * What the session of a peer that has shown a certificate knows of it; OpenSSL
 * keeps it with the SSL, and frees it.
 */
struct peer {
	struct tls_identity identity;
	const char *reason; /* NULL: it may talk */
	int error;          /* of X509_V_ERR_*; X509_V_OK: none */
};

/* The size of a word that says what is wrong, with its NUL. */
#define WORD 24

static_assert(TLS_DETAIL >= sizeof "detail= name= fingerprint=" + WORD +
				    TLS_NAME + TLS_FINGERPRINT,
	      "the details of a refusal need more room");

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int peer_index;

static void
free_peer(void *parent, void *peer, CRYPTO_EX_DATA *data, int number,
	  long argument, void *pointer)
{
	(void)parent;
	(void)data;
	(void)number;
	(void)argument;
	(void)pointer;
	free(peer);
}

static void
make_index(void)
{
	peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_peer);
}

static struct peer *
add_peer(SSL *ssl)
{
	struct peer *peer = SSL_get_ex_data(ssl, peer_index);

	if (peer)
		return peer;
	peer = calloc(1, sizeof *peer);
	if (!peer || SSL_set_ex_data(ssl, peer_index, peer) == 1)
		return peer;
	free(peer);
	return NULL;
}

/* What is looked for in the names of a certificate. */
struct search {
	struct tls_identity *identity; /* gets the first of them */
	const struct names *names;
	bool is_found; /* one of those names */
};

static void
take_name(struct search *search, const unsigned char *name, size_t size)
{
	char *first = search->identity->name;

	if (!*first)
		first[escape_value(first, TLS_NAME - 1, name, size)] = '\0';
	for (size_t i = 0; i < search->names->count && !search->is_found; i++)
		search->is_found =
			tls_names_match(search->names->list[i], name, size);
}

static void
take_address(struct search *search, const ASN1_OCTET_STRING *address)
{
	int size = ASN1_STRING_length(address);
	char text[INET6_ADDRSTRLEN];

	if ((size == 4 || size == 16) &&
	    inet_ntop(size == 4 ? AF_INET : AF_INET6,
		      ASN1_STRING_get0_data(address), text, sizeof text))
		take_name(search, (const unsigned char *)text, strlen(text));
}

static void
take_alternative_names(struct search *search, const X509 *certificate)
{
	GENERAL_NAMES *list =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(list, i);

		if (one->type == GEN_DNS)
			take_name(search, ASN1_STRING_get0_data(one->d.dNSName),
				  (size_t)ASN1_STRING_length(one->d.dNSName));
		else if (one->type == GEN_IPADD)
			take_address(search, one->d.iPAddress);
	}
	GENERAL_NAMES_free(list);
}

/* The last is the one of the subject itself; in UTF-8, whatever it is in. */
static void
take_common_name(struct search *search, const X509 *certificate)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	const ASN1_STRING *name;
	unsigned char *text;
	int last = -1, next, size;

	while ((next = X509_NAME_get_index_by_NID(subject, NID_commonName,
						  last)) >= 0)
		last = next;
	if (last < 0)
		return;
	name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last));
	size = ASN1_STRING_to_UTF8(&text, name);
	if (size < 0) {
		take_name(search, ASN1_STRING_get0_data(name),
			  (size_t)ASN1_STRING_length(name));
		return;
	}
	take_name(search, text, (size_t)size);
	OPENSSL_free(text);
}

/* Fill the identity; whether the certificate has one of the names. */
static bool
identify(struct tls_identity *identity, const X509 *certificate,
	 const struct names *names)
{
	struct search search = { .identity = identity, .names = names };
	unsigned char digest[EVP_MAX_MD_SIZE];

	*identity = (struct tls_identity){ 0 };
	if (X509_digest(certificate, EVP_sha256(), digest, NULL) == 1)
		tls_fingerprint_format(identity->fingerprint, digest);
	/* Where there are such names, the subject is none. */
	if (X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0)
		take_alternative_names(&search, certificate);
	else
		take_common_name(&search, certificate);
	return search.is_found;
}

static bool
is_listed(const struct names *fingerprints, const char *fingerprint)
{
	for (size_t i = 0; i < fingerprints->count; i++)
		if (strcmp(fingerprints->list[i], fingerprint) == 0)
			return true;
	return false;
}

/* What is said of it where it is: the alert to the peer depends on it. */
static int
refuse(X509_STORE_CTX *store, struct peer *peer, const char *reason, int error)
{
	if (peer)
		peer->reason = reason;
	if (peer)
		peer->error = error;
	X509_STORE_CTX_set_error(store, error);
	return 0;
}

/* By authorities, times, purpose and lists; X509_V_OK: it is right. */
static int
verify(X509_STORE_CTX *store)
{
	int is_right = X509_verify_cert(store);
	int error = X509_STORE_CTX_get_error(store);

	return is_right != 1 && error == X509_V_OK ? X509_V_ERR_UNSPECIFIED
						   : error;
}

/* In place of OpenSSL's own check; 1: the peer may talk. */
static int
check(X509_STORE_CTX *store, void *argument)
{
	const struct config_tls *tls = argument;
	struct peer *peer = add_peer(X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx()));
	bool is_named;
	int error;

	if (!peer)
		return refuse(store, peer, NULL, X509_V_ERR_OUT_OF_MEM);
	is_named = identify(&peer->identity, X509_STORE_CTX_get0_cert(store),
			    &tls->names);
	/* It stands for itself, whoever has signed it and until when. */
	if (is_listed(&tls->fingerprints, peer->identity.fingerprint)) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	error = verify(store);
	if (error != X509_V_OK)
		return refuse(store, peer, "certificate", error);
	if (tls->names.count > 0 && !is_named)
		return refuse(store, peer, "name", X509_V_ERR_CERT_REJECTED);
	return 1;
}

void
tls_peer_check(SSL_CTX *ctx, const struct config_tls *tls)
{
	static const int modes[] = {
		[TLS_CLIENTS_NONE] = SSL_VERIFY_NONE,
		[TLS_CLIENTS_OPTIONAL] = SSL_VERIFY_PEER,
		[TLS_CLIENTS_REQUIRED] =
			SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	};

	void *argument;

	/* OpenSSL takes no pointer to what is const. */
	memcpy(&argument, &tls, sizeof argument);
	pthread_once(&index_once, make_index);
	SSL_CTX_set_verify(ctx, modes[tls->clients], NULL);
	SSL_CTX_set_cert_verify_callback(ctx, check, argument);
}

static const struct {
	int error;
	const char *word;
} words[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, "expired" },
	{ X509_V_ERR_CERT_NOT_YET_VALID, "not-yet-valid" },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "unknown-authority" },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown-authority" },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "unknown-authority" },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "unknown-authority" },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "unknown-authority" },
	{ X509_V_ERR_INVALID_PURPOSE, "purpose" },
	{ X509_V_ERR_CERT_REVOKED, "revoked" },
	{ X509_V_ERR_UNABLE_TO_GET_CRL, "no-revocation-list" },
	{ X509_V_ERR_CRL_HAS_EXPIRED, "old-revocation-list" },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, "weak-key" },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, "weak-key" },
	{ X509_V_ERR_CA_MD_TOO_WEAK, "weak-signature" },
};

/* One word for each error of OpenSSL: the others are its own text. */
static void
describe_error(char word[WORD], int error)
{
	const char *text = X509_verify_cert_error_string(error);

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].error == error)
			text = words[i].word;
	snprintf(word, WORD, "%s", text);
	for (char *c = word; *c; c++)
		if (*c == ' ')
			*c = '-';
}

/* "detail=expired name=sensor7 fingerprint=sha256:..." */
static void
describe(struct tls_verdict *verdict, int error)
{
	const struct tls_identity *identity = &verdict->identity;
	char *detail = verdict->detail;
	char word[WORD];

	describe_error(word, error);
	if (error != X509_V_ERR_CERT_REJECTED)
		detail += sprintf(detail, "detail=%s ", word);
	if (*identity->name)
		detail += sprintf(detail, "name=%s ", identity->name);
	sprintf(detail, "fingerprint=%s", identity->fingerprint);
}

void
tls_peer_judge(const SSL *ssl, unsigned long cause, struct tls_verdict *verdict)
{
	const struct peer *peer = SSL_get_ex_data(ssl, peer_index);

	*verdict = (struct tls_verdict){ 0 };
	if (!peer &&
	    ERR_GET_REASON(cause) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		verdict->reason = "no-certificate";
	/* Until the end of the handshake it has not proved to be its own. */
	if (!peer || (!peer->reason && !SSL_is_init_finished(ssl)))
		return;
	verdict->identity = peer->identity;
	verdict->reason = peer->reason;
	if (peer->reason)
		describe(verdict, peer->error);
}
