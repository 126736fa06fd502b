/* SPDX-License-Identifier: MIT */
#ifdef HAVE_OPENSSL

#include "client/tls_words.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* What to do, after the words of OpenSSL. */
struct advice {
	int code;
	const char *text;
};

#define TRUST "to trust it or its authority: --ca FILE"
#define CLOCK "or the clock here is wrong"

static const struct advice of_certificates[] = {
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TRUST },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TRUST },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TRUST },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TRUST },
	{ X509_V_ERR_CERT_HAS_EXPIRED, CLOCK },
	{ X509_V_ERR_CERT_NOT_YET_VALID, CLOCK },
	{ 0 },
};

/* In TLS 1.2 a certificate that is missing is a failure of the handshake. */
static const struct advice of_alerts[] = {
	{ SSL_AD_HANDSHAKE_FAILURE,
	  "it may want a certificate: --cert, --key" },
	{ SSL_AD_CERTIFICATE_REQUIRED, "see --cert and --key" },
	{ SSL_AD_UNKNOWN_CA, "it does not know the authority of --cert" },
	{ SSL_AD_PROTOCOL_VERSION, "TLS 1.2 is the least" },
	{ 0 },
};

static const char *
find(const struct advice *all, int code)
{
	while (all->text && all->code != code)
		all++;
	return all->text;
}

const char *
tls_words_of(unsigned long code)
{
	const char *words = ERR_SYSTEM_ERROR(code)
				  ? strerror(ERR_GET_REASON(code))
				  : ERR_reason_error_string(code);

	return words ? words : "unknown error";
}

static void
put(char words[TLS_WORDS], const char *what, const char *reason,
    const char *advice)
{
	snprintf(words, TLS_WORDS, advice ? "%s: %s (%s)" : "%s: %s", what,
		 reason, advice);
}

/* OpenSSL: "tlsv13 alert certificate required". */
static void
put_alert(char words[TLS_WORDS], unsigned long code)
{
	const char *name = tls_words_of(code);
	const char *bare = strstr(name, "alert ");

	put(words, "refused by the other side",
	    bare ? bare + strlen("alert ") : name,
	    find(of_alerts, ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET));
}

void
tls_words_failed(char words[TLS_WORDS], unsigned long code, bool in_handshake)
{
	int reason =
		ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;

	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		snprintf(words, TLS_WORDS, "%s",
			 in_handshake
				 ? "closed in the TLS handshake: does the "
				   "other side speak TLS?"
				 : "ended without close_notify: no receipt");
	else if (in_handshake && reason == SSL_R_WRONG_VERSION_NUMBER)
		snprintf(words, TLS_WORDS, "the other side does not speak TLS");
	else if (reason >= SSL_AD_REASON_OFFSET)
		put_alert(words, code);
	else
		put(words, "TLS", tls_words_of(code), NULL);
}

/* Append a name; what is too long is cut. */
static void
add_name(char names[TLS_WORDS], const char *name, int size)
{
	size_t used = strlen(names);

	snprintf(names + used, TLS_WORDS - used, "%s%.*s",
		 used > 0 ? ", " : "it is for ", size, name);
}

static void
add_alternative(char names[TLS_WORDS], const GENERAL_NAME *alternative)
{
	const ASN1_STRING *bytes = alternative->d.ia5;
	const unsigned char *data = ASN1_STRING_get0_data(bytes);
	int size = ASN1_STRING_length(bytes);
	char text[INET6_ADDRSTRLEN];

	if (alternative->type == GEN_DNS)
		add_name(names, (const char *)data, size);
	else if (alternative->type == GEN_IPADD && (size == 4 || size == 16) &&
		 inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text,
			   sizeof text))
		add_name(names, text, (int)strlen(text));
}

/* Whom a certificate is for; its subject counts if it has no such names. */
static void
list_names(char names[TLS_WORDS], X509 *certificate)
{
	GENERAL_NAMES *all =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	char text[TLS_WORDS];
	int size;

	names[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
		add_alternative(names, sk_GENERAL_NAME_value(all, i));
	GENERAL_NAMES_free(all);
	if (names[0])
		return;
	size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
					 NID_commonName, text, sizeof text);
	if (size > 0)
		add_name(names, text, size);
}

void
tls_words_refused(char words[TLS_WORDS], X509_STORE_CTX *store)
{
	int error = X509_STORE_CTX_get_error(store);
	bool is_own = X509_STORE_CTX_get_error_depth(store) == 0;
	const char *advice = find(of_certificates, error);
	char names[TLS_WORDS];

	if (error == X509_V_ERR_HOSTNAME_MISMATCH ||
	    error == X509_V_ERR_IP_ADDRESS_MISMATCH) {
		list_names(names, X509_STORE_CTX_get_current_cert(store));
		advice = names[0] ? names : NULL;
	}
	put(words,
	    is_own ? "its certificate is refused"
		   : "the certificate of its authority is refused",
	    X509_verify_cert_error_string(error), advice);
}

#endif
