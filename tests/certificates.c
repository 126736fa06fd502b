/* SPDX-License-Identifier: MIT */
#include "certificates.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static void
set_name(X509 *certificate, const struct recipe *recipe)
{
	X509_NAME *name = X509_NAME_new();
	int size = (int)(recipe->name_size ? recipe->name_size
					   : strlen(recipe->name));
	int type = recipe->name_type ? recipe->name_type : V_ASN1_UTF8STRING;
	X509_NAME_ENTRY *entry = X509_NAME_ENTRY_create_by_NID(
		NULL, NID_commonName, type, (const unsigned char *)recipe->name,
		size);

	ck_assert_ptr_nonnull(entry);
	ck_assert(X509_NAME_add_entry(name, entry, -1, 0));
	ck_assert(X509_set_subject_name(certificate, name));
	X509_NAME_ENTRY_free(entry);
	X509_NAME_free(name);
}

static void
add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension;

	if (!value)
		return;
	extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert(X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

struct made
certificates_make(const struct recipe *recipe, const struct made *issuer)
{
	static long serial;
	struct made made = { EVP_EC_gen("P-256"), X509_new() };
	long until_s = recipe->until_s ? recipe->until_s : DAY_S;
	X509 *c = made.certificate;

	if (!issuer)
		issuer = &made;
	X509_set_version(c, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c),
			recipe->from_s ? recipe->from_s : -2 * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(c), until_s);
	if (recipe->name)
		set_name(c, recipe);
	X509_set_issuer_name(c, X509_get_subject_name(issuer->certificate));
	X509_set_pubkey(c, made.key);
	add_extension(c, NID_subject_alt_name, recipe->alternative_names);
	add_extension(c, NID_ext_key_usage, recipe->usage);
	add_extension(c, NID_basic_constraints,
		      recipe->is_authority ? "critical,CA:TRUE" : NULL);
	ck_assert(X509_sign(c, issuer->key, EVP_sha256()) > 0);
	return made;
}

void
certificates_free(struct made *made)
{
	EVP_PKEY_free(made->key);
	X509_free(made->certificate);
	*made = (struct made){ 0 };
}

X509_CRL *
certificates_revoke(const struct made *issuer, const struct made *revoked,
		    long until_s)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *since = X509_gmtime_adj(NULL, -3 * DAY_S);
	ASN1_TIME *until = X509_gmtime_adj(NULL, until_s);
	X509_REVOKED *one = X509_REVOKED_new();

	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list,
				 X509_get_subject_name(issuer->certificate));
	X509_CRL_set1_lastUpdate(list, since);
	X509_CRL_set1_nextUpdate(list, until);
	X509_REVOKED_set_serialNumber(
		one, X509_get_serialNumber(revoked->certificate));
	X509_REVOKED_set_revocationDate(one, since);
	X509_CRL_add0_revoked(list, one);
	ck_assert(X509_CRL_sign(list, issuer->key, EVP_sha256()) > 0);
	ASN1_TIME_free(since);
	ASN1_TIME_free(until);
	return list;
}

static FILE *
create(const char *path)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	return file;
}

void
certificates_write(const char *path, const struct made *made, size_t count)
{
	FILE *file = create(path);

	for (size_t i = 0; i < count; i++)
		ck_assert(PEM_write_X509(file, made[i].certificate));
	ck_assert_int_eq(fclose(file), 0);
}

void
certificates_write_key(const char *path, const struct made *made,
		       const char *passphrase)
{
	const EVP_CIPHER *cipher = passphrase ? EVP_aes_128_cbc() : NULL;
	FILE *file = create(path);

	ck_assert(PEM_write_PrivateKey(
		file, made->key, cipher, (const unsigned char *)passphrase,
		passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
	ck_assert_int_eq(fclose(file), 0);
}

void
certificates_write_revoked(const char *path, const X509_CRL *list)
{
	FILE *file = create(path);

	ck_assert(PEM_write_X509_CRL(file, list));
	ck_assert_int_eq(fclose(file), 0);
}
