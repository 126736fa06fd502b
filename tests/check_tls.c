/* SPDX-License-Identifier: MIT */
/*
 * The TLS of a listener: what it reads from its files, and whom it lets in.
 * Both sides of a handshake are in this process, with memory between.
 */
#include "check.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tls_cause.h"
#include "certificates.h"
#include "daemon/certificates.h"
#include "daemon/listeners.h"
#include "input/tls_context.h"

/* The most turns of a handshake. */
#define TURNS 50

/* What a configuration points to. */
static char ca_pem[] = "ca.pem", server_pem[] = "server.pem",
	    server_key[] = "server.key", other_pem[] = "other.pem",
	    other_key[] = "other.key", none_pem[] = "none.pem",
	    none_key[] = "none.key", here[] = ".";

static char directory[64], error[TLS_ERROR];
static struct made authority, server;
static struct config_tls config;
static struct tls_context *context;
static struct tls_verdict verdict;
static int version = TLS1_3_VERSION;

static void
set_up(void)
{
	const struct recipe recipes[] = {
		{ .name = "Authority", .is_authority = true },
		{ .name = "server.example", .until_s = 100 * DAY_S },
	};

	snprintf(directory, sizeof directory, "/tmp/portlog-tls-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	authority = certificates_make(&recipes[0], NULL);
	server = certificates_make(&recipes[1], &authority);
	certificates_write("ca.pem", &authority, 1);
	certificates_write("server.pem", &server, 1);
	certificates_write_key("server.key", &server, NULL);
	config = (struct config_tls){
		.certificate = server_pem,
		.key = server_key,
	};
}

static void
clean_up(void)
{
	static const char *const files[] = { ca_pem, server_pem, server_key,
					     other_pem, other_key };

	if (context)
		tls_context_close(context);
	context = NULL;
	certificates_free(&authority);
	certificates_free(&server);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(files[i]);
	rmdir(directory);
}

static void
open_context(void)
{
	if (context)
		tls_context_close(context);
	context = tls_context_open(&config, error);
	ck_assert_msg(context != NULL, "%s", error);
}

static SSL_CTX *
make_client(const struct made *chain, size_t count)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_max_proto_version(ctx, version);
	if (count > 0) {
		SSL_CTX_use_certificate(ctx, chain[0].certificate);
		SSL_CTX_use_PrivateKey(ctx, chain[0].key);
	}
	for (size_t i = 1; i < count; i++)
		SSL_CTX_add1_chain_cert(ctx, chain[i].certificate);
	return ctx;
}

static bool
waits(SSL *ssl, int result)
{
	return result < 0 && SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ;
}

/* Whether the server lets the client in; the verdict is filled. */
static bool
shake_hands(SSL *at_server, SSL *at_client)
{
	for (int i = 0; i < TURNS; i++) {
		int result;

		ERR_clear_error();
		result = SSL_do_handshake(at_server);
		if (result == 1 || !waits(at_server, result)) {
			tls_peer_judge(at_server, tls_cause(), &verdict);
			return result == 1;
		}
		ERR_clear_error();
		SSL_do_handshake(at_client);
	}
	ck_abort_msg("a handshake without end");
	return false;
}

static bool
admits(const struct made *chain, size_t count)
{
	SSL_CTX *ctx = make_client(chain, count);
	SSL *at_client = SSL_new(ctx);
	SSL *at_server = tls_context_session(context);
	BIO *one, *other;
	bool is_admitted;

	ck_assert(BIO_new_bio_pair(&one, 100000, &other, 100000));
	SSL_set_bio(at_server, one, one);
	SSL_set_bio(at_client, other, other);
	SSL_set_connect_state(at_client);
	is_admitted = shake_hands(at_server, at_client);
	SSL_free(at_server);
	SSL_free(at_client);
	SSL_CTX_free(ctx);
	return is_admitted;
}

/* The names and fingerprints that are admitted. */
static void
list(struct names *names, const char *name)
{
	static char texts[2][300], *lists[2];
	size_t n = names == &config.fingerprints;

	snprintf(texts[n], sizeof texts[n], "%s", name);
	lists[n] = texts[n];
	names->list = &lists[n];
	names->count = 1;
}

static void
check_fingerprint(const struct made *made)
{
	unsigned char digest[32];
	char expected[TLS_FINGERPRINT];

	X509_digest(made->certificate, EVP_sha256(), digest, NULL);
	tls_fingerprint_format(expected, digest);
	ck_assert_str_eq(verdict.identity.fingerprint, expected);
}

#define NUL_IN_THE_NAME "sensor7.example\0.evil.example"
#define BYTES(text) .name = (text), .name_size = sizeof(text) - 1
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	struct recipe recipe;
	bool is_of_other;    /* signed by an authority that is not known */
	const char *allowed; /* a name; NULL: any */
	const char *reason;  /* NULL: it is admitted */
	const char *detail;  /* how it begins */
	const char *name;
} clients[] = {
	{ .recipe = { .name = "sensor7.example" }, .name = "sensor7.example" },
	{ .recipe = { .name = "sensor 7\t\xe2\x9c\x93" },
	  .name = "sensor\\x207\\x09\xe2\x9c\x93" },
	{ .recipe = { .name = NULL }, .name = "" },
	{ .recipe = { BYTES(NUL_IN_THE_NAME) },
	  .allowed = "sensor7.example",
	  .reason = "name",
	  .detail = "name=sensor7.example\\x00.evil.example fingerprint=sha256",
	  .name = "sensor7.example\\x00.evil.example" },
	{ .recipe = { .name = "\033[31m\xe2\x80\xae" },
	  .name = "\\x1b[31m\\xe2\\x80\\xae" },
	{ .recipe = { .name = HUNDRED HUNDRED HUNDRED },
	  .name = HUNDRED TEN TEN "01234567" },
	{ .recipe = { .name = "\xc9t\xe9", .name_type = V_ASN1_T61STRING },
	  .name = "\xc3\x89t\xc3\xa9" },
	{ .recipe = { BYTES("\0p\0u\0m\0p"), .name_type = V_ASN1_BMPSTRING },
	  .allowed = "pump",
	  .name = "pump" },
	{ .recipe = { .name = "pump3.example" },
	  .allowed = "*.example",
	  .name = "pump3.example" },
	{ .recipe = { .name = "a.pump3.example" },
	  .allowed = "*.example",
	  .reason = "name",
	  .detail = "name=a.pump3.example fingerprint=sha256:",
	  .name = "a.pump3.example" },
	{ .recipe = { .name = "*.example" },
	  .allowed = "pump3.example",
	  .reason = "name",
	  .detail = "name=*.example fingerprint=",
	  .name = "*.example" },
	{ .recipe = { .name = "sensor7.example",
		      .alternative_names = "DNS:other.example" },
	  .allowed = "sensor7.example",
	  .reason = "name",
	  .detail = "name=other.example fingerprint=",
	  .name = "other.example" },
	{ .recipe = { .name = "sensor7.example",
		      .alternative_names = "email:a@sensor7.example" },
	  .allowed = "sensor7.example",
	  .reason = "name",
	  .detail = "fingerprint=sha256:",
	  .name = "" },
	{ .recipe = { .name = "x",
		      .alternative_names = "DNS:a.example,IP:192.0.2.7,DNS:b" },
	  .allowed = "192.0.2.7",
	  .name = "a.example" },
	{ .recipe = { .alternative_names = "IP:2001:db8::7,DNS:b.example" },
	  .allowed = "2001:DB8:0::7",
	  .name = "2001:db8::7" },
	{ .recipe = { .name = "expired", .until_s = -5 },
	  .reason = "certificate",
	  .detail = "detail=expired name=expired fingerprint=sha256:",
	  .name = "expired" },
	{ .recipe = { .name = "early", .from_s = DAY_S / 2 },
	  .reason = "certificate",
	  .detail = "detail=not-yet-valid name=early fingerprint=sha256:",
	  .name = "early" },
	{ .recipe = { .name = "www", .usage = "serverAuth" },
	  .reason = "certificate",
	  .detail = "detail=purpose name=www fingerprint=sha256:",
	  .name = "www" },
	{ .recipe = { .name = "both", .usage = "serverAuth,clientAuth" },
	  .name = "both" },
	{ .recipe = { .name = "stranger" },
	  .is_of_other = true,
	  .reason = "certificate",
	  .detail = "detail=unknown-authority name=stranger fingerprint=",
	  .name = "stranger" },
};

#define CLIENTS ((int)(sizeof clients / sizeof *clients))

static void
check_client(int n, bool is_listed)
{
	const struct recipe other = { .name = "Other", .is_authority = true };
	struct made stranger = certificates_make(&other, NULL);
	struct made client = certificates_make(
		&clients[n].recipe,
		clients[n].is_of_other ? &stranger : &authority);
	const char *reason = is_listed ? NULL : clients[n].reason;
	unsigned char digest[32];
	char fingerprint[TLS_FINGERPRINT];

	config.clients = TLS_CLIENTS_REQUIRED;
	config.authorities = ca_pem;
	if (clients[n].allowed)
		list(&config.names, clients[n].allowed);
	X509_digest(client.certificate, EVP_sha256(), digest, NULL);
	tls_fingerprint_format(fingerprint, digest);
	if (is_listed)
		list(&config.fingerprints, fingerprint);
	open_context();
	ck_assert_int_eq(admits(&client, 1), reason == NULL);
	ck_assert_pstr_eq(verdict.reason, reason);
	if (reason)
		ck_assert_int_eq(strncmp(verdict.detail, clients[n].detail,
					 strlen(clients[n].detail)),
				 0);
	else
		ck_assert_str_eq(verdict.detail, "");
	if (reason)
		ck_assert_str_eq(verdict.detail + strlen(verdict.detail) -
					 strlen(fingerprint),
				 fingerprint);
	ck_assert_str_eq(verdict.identity.name, clients[n].name);
	check_fingerprint(&client);
	certificates_free(&client);
	certificates_free(&stranger);
}

START_TEST(judges_a_client_by_its_certificate)
{
	version = _i < CLIENTS ? TLS1_3_VERSION : TLS1_2_VERSION;
	check_client(_i % CLIENTS, false);
}
END_TEST

START_TEST(admits_any_certificate_whose_fingerprint_is_listed)
{
	check_client(_i, true);
}
END_TEST

START_TEST(needs_no_authority_where_there_are_fingerprints)
{
	const struct recipe recipe = { .name = "self", .until_s = -5 };
	struct made client = certificates_make(&recipe, NULL);
	struct made another = certificates_make(&recipe, NULL);
	unsigned char digest[32];
	char fingerprint[TLS_FINGERPRINT];

	X509_digest(client.certificate, EVP_sha256(), digest, NULL);
	tls_fingerprint_format(fingerprint, digest);
	config.clients = TLS_CLIENTS_REQUIRED;
	list(&config.fingerprints, fingerprint);
	open_context();
	ck_assert(admits(&client, 1));
	ck_assert_str_eq(verdict.identity.name, "self");
	ck_assert(!admits(&another, 1));
	ck_assert_str_eq(verdict.reason, "certificate");
	ck_assert_int_eq(
		strncmp(verdict.detail, "detail=unknown-authority ", 25), 0);
	certificates_free(&client);
	certificates_free(&another);
}
END_TEST

START_TEST(asks_for_a_certificate_as_it_is_told)
{
	version = _i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
	config.clients = (enum tls_clients)(_i / 2);
	if (config.clients != TLS_CLIENTS_NONE)
		config.authorities = ca_pem;
	open_context();
	if (config.clients == TLS_CLIENTS_REQUIRED) {
		ck_assert(!admits(NULL, 0));
		ck_assert_str_eq(verdict.reason, "no-certificate");
	} else {
		ck_assert(admits(NULL, 0));
		ck_assert_ptr_null(verdict.reason);
	}
	ck_assert_str_eq(verdict.identity.fingerprint, "");
	ck_assert(admits(&server, 1));
	ck_assert_int_eq(*verdict.identity.fingerprint != '\0',
			 config.clients != TLS_CLIENTS_NONE);
}
END_TEST

START_TEST(refuses_a_wrong_certificate_that_it_did_not_require)
{
	const struct recipe recipe = { .name = "self" };
	struct made client = certificates_make(&recipe, NULL);

	config.clients = TLS_CLIENTS_OPTIONAL;
	config.authorities = ca_pem;
	open_context();
	ck_assert(!admits(&client, 1));
	ck_assert_str_eq(verdict.reason, "certificate");
	certificates_free(&client);
}
END_TEST

/* 0: it is revoked; 1: another is; 2: the list is too old; 3: of another. */
START_TEST(refuses_what_a_list_says_or_where_it_is_too_old)
{
	static const char *const details[] = {
		"detail=revoked name=pump ", NULL,
		"detail=old-revocation-list name=pump ",
		"detail=no-revocation-list name=pump "
	};
	const struct recipe recipe = { .name = "pump" };
	const struct recipe other = { .name = "Other", .is_authority = true };
	struct made client = certificates_make(&recipe, &authority);
	struct made stranger = certificates_make(&other, NULL);
	X509_CRL *revoked = certificates_revoke(
		_i == 3 ? &stranger : &authority, _i == 0 ? &client : &server,
		_i == 2 ? -DAY_S : DAY_S);
	struct tls_dates dates;
	char text[TLS_DATES_TEXT];

	certificates_write_revoked("other.pem", revoked);
	config.clients = TLS_CLIENTS_REQUIRED;
	config.authorities = ca_pem;
	config.revoked = other_pem;
	open_context();
	ck_assert_int_eq(admits(&client, 1), details[_i] == NULL);
	if (details[_i])
		ck_assert_ptr_eq(strstr(verdict.detail, details[_i]),
				 verdict.detail);
	tls_context_dates(context, &dates);
	ck_assert_int_eq(tls_dates_describe_revoked(&dates, time(NULL), text),
			 _i == 2);
	X509_CRL_free(revoked);
	certificates_free(&client);
	certificates_free(&stranger);
}
END_TEST

START_TEST(follows_a_chain_of_ten_and_takes_an_authority_below_a_root)
{
	struct made chain[10];
	char name[] = "pump9";
	size_t n = 10;

	while (n-- > 0) {
		struct recipe recipe = { .name = name, .is_authority = n > 0 };

		name[4] = (char)('0' + n);
		chain[n] = certificates_make(&recipe, n == 9 ? &authority
							     : &chain[n + 1]);
	}
	config.clients = TLS_CLIENTS_REQUIRED;
	config.authorities = ca_pem;
	open_context();
	ck_assert(admits(chain, 10));
	ck_assert_str_eq(verdict.identity.name, "pump0");
	ck_assert(!admits(chain, 9));
	certificates_write("other.pem", &chain[9], 1);
	config.authorities = other_pem;
	open_context();
	ck_assert(admits(chain, 9));
	for (n = 0; n < 10; n++)
		certificates_free(&chain[n]);
}
END_TEST

START_TEST(speaks_only_the_versions_that_it_is_told)
{
	static const struct {
		int version;
		enum tls_versions least;
		bool is_admitted;
	} rows[] = {
		{ TLS1_1_VERSION, TLS_VERSIONS_1_2, false },
		{ TLS1_2_VERSION, TLS_VERSIONS_1_2, true },
		{ TLS1_3_VERSION, TLS_VERSIONS_1_2, true },
		{ TLS1_2_VERSION, TLS_VERSIONS_1_3, false },
		{ TLS1_3_VERSION, TLS_VERSIONS_1_3, true },
	};

	version = rows[_i].version;
	config.versions = rows[_i].least;
	open_context();
	ck_assert_int_eq(admits(NULL, 0), rows[_i].is_admitted);
	ck_assert_ptr_null(verdict.reason);
}
END_TEST

static void
refuses(const char *expected)
{
	struct tls_context *opened = tls_context_open(&config, error);

	ck_assert_ptr_null(opened);
	ck_assert_str_eq(error, expected);
}

START_TEST(names_the_file_that_it_cannot_use)
{
	const struct recipe recipe = { .name = "other" };
	struct made other = certificates_make(&recipe, NULL);

	config.certificate = none_pem;
	refuses("certificate: cannot read \"none.pem\": No such file or "
		"directory");
	config.certificate = server_key;
	refuses("certificate: found \"server.key\", expected certificates in "
		"PEM");
	config.certificate = here;
	refuses("certificate: found \".\", expected certificates in PEM");
	config.certificate = server_pem;
	config.key = none_key;
	refuses("key: cannot read \"none.key\": No such file or directory");
	config.key = server_pem;
	refuses("key: found \"server.pem\", expected a key in PEM");
	config.key = other_key;
	certificates_write_key("other.key", &other, NULL);
	refuses("key: found \"other.key\", which does not fit the first "
		"certificate of \"server.pem\"");
	certificates_write_key("other.key", &server, "secret");
	refuses("key: found \"other.key\", which needs a passphrase, expected "
		"a key that needs none");
	config.key = server_key;
	config.authorities = none_pem;
	refuses("authorities: cannot read \"none.pem\": No such file or "
		"directory");
	config.authorities = server_key;
	refuses("authorities: found \"server.key\", expected certificates in "
		"PEM");
	config.authorities = ca_pem;
	config.revoked = none_pem;
	refuses("revoked: cannot read \"none.pem\": No such file or "
		"directory");
	config.revoked = ca_pem;
	refuses("revoked: found \"ca.pem\", expected lists of revoked "
		"certificates in PEM");
	certificates_free(&other);
}
END_TEST

/* The certificate that the server has shown to a client. */
static bool
is_shown(const struct made *made)
{
	SSL *ssl = tls_context_session(context);
	bool is_same =
		X509_cmp(SSL_get_certificate(ssl), made->certificate) == 0;

	SSL_free(ssl);
	return is_same;
}

START_TEST(keeps_what_it_had_until_the_new_files_are_right)
{
	const struct recipe recipe = { .name = "new" };
	struct made renewed = certificates_make(&recipe, &authority);

	open_context();
	certificates_write("server.pem", &renewed, 1);
	ck_assert(!tls_context_reload(context, error));
	ck_assert_ptr_nonnull(strstr(error, "does not fit"));
	ck_assert(is_shown(&server));
	ck_assert(admits(NULL, 0));
	certificates_write_key("server.key", &renewed, NULL);
	ck_assert(tls_context_reload(context, error));
	ck_assert(is_shown(&renewed));
	ck_assert(admits(NULL, 0));
	certificates_free(&renewed);
}
END_TEST

START_TEST(lets_sessions_outlive_what_they_were_made_of)
{
	SSL *ssl;

	open_context();
	ssl = tls_context_session(context);
	ck_assert(tls_context_reload(context, error));
	ck_assert(tls_context_reload(context, error));
	tls_context_close(context);
	context = NULL;
	ck_assert_ptr_nonnull(SSL_get_certificate(ssl));
	SSL_free(ssl);
}
END_TEST

START_TEST(says_until_when_the_whole_chain_is_valid)
{
	const struct recipe recipes[] = {
		{ .name = "leaf", .until_s = 90 * DAY_S, .from_s = -DAY_S },
		{ .name = "above", .until_s = 30 * DAY_S },
	};
	struct made chain[2];
	struct tls_dates dates;
	time_t now = time(NULL);

	chain[1] = certificates_make(&recipes[1], &authority);
	chain[0] = certificates_make(&recipes[0], &chain[1]);
	certificates_write("server.pem", chain, 2);
	certificates_write_key("server.key", chain, NULL);
	open_context();
	tls_context_dates(context, &dates);
	ck_assert(dates.valid_until / DAY_S - now / DAY_S >= 29 &&
		  dates.valid_until / DAY_S - now / DAY_S <= 30);
	ck_assert(labs(now - DAY_S - dates.valid_from) < 60);
	ck_assert_int_eq(dates.revoked_until, 0);
	certificates_free(&chain[0]);
	certificates_free(&chain[1]);
}
END_TEST

/* What is logged on stderr meanwhile. */
static size_t
logged(struct listeners *ls, long long *until_ms, char text[512])
{
	FILE *file = freopen("stderr", "w+", stderr);
	size_t size;

	ck_assert_ptr_nonnull(file);
	certificates_tend(ls, until_ms);
	rewind(stderr);
	size = fread(text, 1, 511, stderr);
	text[size] = '\0';
	unlink("stderr");
	return size;
}

START_TEST(warns_each_day_from_two_weeks_before)
{
	const struct recipe recipe = { .name = "short",
				       .until_s = 13 * DAY_S + 60 };
	struct listener listener = { .name = "secure" };
	struct listeners listeners = { .count = 1, .list = &listener };
	struct made renewed = certificates_make(&recipe, &authority);
	long long now_ms = clock_now_ms(), until_ms;
	char text[512];

	open_context();
	listener.tls = context;
	ck_assert_uint_eq(logged(&listeners, &until_ms, text), 0);
	certificates_write("server.pem", &renewed, 1);
	certificates_write_key("server.key", &renewed, NULL);
	ck_assert(tls_context_reload(context, error));
	for (int day = 0; day < 2; day++) {
		listeners.warn_at_ms = now_ms;
		until_ms = LLONG_MAX;
		ck_assert_uint_gt(logged(&listeners, &until_ms, text), 0);
		ck_assert_ptr_nonnull(strstr(text, "listener secure: "
						   "certificate expires on "));
		ck_assert_ptr_nonnull(strstr(text, ", in 13 days\n"));
		ck_assert(until_ms >= now_ms + DAY_S * 1000 &&
			  until_ms <= now_ms + DAY_S * 1001);
		ck_assert_uint_eq(logged(&listeners, &until_ms, text), 0);
	}
	certificates_free(&renewed);
}
END_TEST

SUITE(tls)
{
	Suite *suite = suite_create("tls");
	TCase *tests = tcase_create("tls");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, judges_a_client_by_its_certificate, 0,
			    2 * CLIENTS);
	tcase_add_loop_test(tests,
			    admits_any_certificate_whose_fingerprint_is_listed,
			    0, CLIENTS);
	tcase_add_test(tests, needs_no_authority_where_there_are_fingerprints);
	tcase_add_loop_test(tests, asks_for_a_certificate_as_it_is_told, 0, 6);
	tcase_add_test(tests,
		       refuses_a_wrong_certificate_that_it_did_not_require);
	tcase_add_loop_test(
		tests, refuses_what_a_list_says_or_where_it_is_too_old, 0, 4);
	tcase_add_test(
		tests,
		follows_a_chain_of_ten_and_takes_an_authority_below_a_root);
	tcase_add_loop_test(tests, speaks_only_the_versions_that_it_is_told, 0,
			    5);
	tcase_add_test(tests, names_the_file_that_it_cannot_use);
	tcase_add_test(tests, keeps_what_it_had_until_the_new_files_are_right);
	tcase_add_test(tests, lets_sessions_outlive_what_they_were_made_of);
	tcase_add_test(tests, says_until_when_the_whole_chain_is_valid);
	tcase_add_test(tests, warns_each_day_from_two_weeks_before);
	suite_add_tcase(suite, tests);
	return suite;
}
