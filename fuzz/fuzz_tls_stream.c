/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tls_stream: a client of TLS, whose bytes are changed on the way, against
 * the daemon's side of it.  The first byte is the version.  Then for each
 * flight of the client, of its handshake, data and end: how many parts it is
 * sent in, and how it is changed: a kind, where, and with what.  Keys are new
 * in each run: what is checked holds for any.
 */
#include "fuzz.h"

#ifdef HAVE_OPENSSL

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "input/tls_stream.h"

#define WIRE_BYTES 40000
#define PLAIN_BYTES 20000
#define FLIGHTS 8

struct peers {
	const uint8_t *data;
	size_t left;
	SSL *client;
	BIO *in, *out; /* of the client */
	int fd;        /* of the client */
	struct tls_stream *server;
	uint8_t plain[PLAIN_BYTES], got[PLAIN_BYTES + TLS_STREAM_ROOM];
	size_t plain_size, got_size;
	uint64_t fed;
	bool is_changed;
	bool has_begun; /* the handshake is done */
	enum transport_result result;
};

static uint8_t
next(struct peers *p)
{
	if (p->left == 0)
		return 0;
	p->left--;
	return *p->data++;
}

static SSL_CTX *
server_context(void)
{
	static SSL_CTX *context;
	EVP_PKEY *key;
	X509 *certificate;

	if (context)
		return context;
	key = EVP_EC_gen("P-256");
	certificate = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0);
	context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_options(context,
			    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	REQUIRE(SSL_CTX_use_certificate(context, certificate) == 1);
	REQUIRE(SSL_CTX_use_PrivateKey(context, key) == 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

static void
open_peers(struct peers *p, int fd)
{
	static SSL_CTX *context;
	int version = next(p) % 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
	SSL *server = SSL_new(server_context());

	if (!context)
		context = SSL_CTX_new(TLS_client_method());
	p->client = SSL_new(context);
	p->in = BIO_new(BIO_s_mem());
	p->out = BIO_new(BIO_s_mem());
	SSL_set_bio(p->client, p->in, p->out);
	SSL_set_connect_state(p->client);
	SSL_set_max_proto_version(p->client, version);
	SSL_set_accept_state(server);
	p->server = tls_stream_new(server, fd);
	REQUIRE(p->server);
	p->result = TRANSPORT_AGAIN;
}

/* What is inserted: of messages that have no place, or that are none. */
static size_t
strange(uint8_t number, const char **bytes)
{
	static const struct {
		const char *bytes;
		size_t size;
	} all[] = {
		{ "\x15\3\3\0\2\1\0", 7 },     { "\x15\3\3\0\2\2\x28", 7 },
		{ "\x14\3\3\0\1\1", 6 },       { "\x17\3\3\0\0", 5 },
		{ "\x16\3\3\0\0", 5 },         { "\x17\3\3\xff\xff", 5 },
		{ "\x16\3\3\x40\1", 5 },       { "\x18\3\3\0\3\1\xff\xff", 8 },
		{ "\x16\3\3\0\4\0\0\0\0", 9 }, { "\0", 1 },
	};

	number %= sizeof all / sizeof *all;
	*bytes = all[number].bytes;
	return all[number].size;
}

/* Change the bytes of a flight, of which there is at least one. */
static size_t
change(struct peers *p, uint8_t *wire, size_t size)
{
	uint8_t kind = next(p) % 6;
	size_t at = (next(p) << 8 | next(p)) % size;
	uint8_t value = next(p);
	const char *bytes;
	size_t inserted;

	if (kind == 0)
		return size;
	p->is_changed = true;
	if (kind == 1)
		wire[at] ^= value ? value : 1;
	if (kind == 2) /* its end is missing */
		return at;
	if (kind == 3) { /* some are missing */
		inserted = value < size - at ? value : size - at;
		memmove(wire + at, wire + at + inserted, size - at - inserted);
		return size - inserted;
	}
	if (kind == 4) { /* some are sent twice */
		memmove(wire + size, wire + at, size - at);
		return size + size - at;
	}
	if (kind == 5) {
		inserted = strange(value, &bytes);
		memmove(wire + at + inserted, wire + at, size - at);
		memcpy(wire + at, bytes, inserted);
		return size + inserted;
	}
	return size;
}

/* What the server makes of all that it has been sent by now. */
static void
serve(struct peers *p)
{
	size_t size = 0;

	if (p->result != TRANSPORT_AGAIN)
		return;
	if (!p->has_begun) {
		p->result = tls_stream_handshake(p->server);
		p->has_begun = p->result == TRANSPORT_BYTES;
		if (!p->has_begun)
			return;
	}
	do {
		p->result =
			tls_stream_receive(p->server, p->got + p->got_size,
					   sizeof p->got - p->got_size, &size);
		REQUIRE(size <= sizeof p->got - p->got_size);
		REQUIRE((p->result == TRANSPORT_BYTES) == (size > 0));
		p->got_size += size;
		/* Nothing but what was sent, in its order. */
		REQUIRE(p->got_size <= p->plain_size &&
			memcmp(p->got, p->plain, p->got_size) == 0);
	} while (p->result == TRANSPORT_BYTES ||
		 (p->result == TRANSPORT_AGAIN &&
		  tls_stream_has_pending(p->server)));
}

/* Send what the client has to say, changed, in so many parts. */
static void
send_flight(struct peers *p)
{
	static uint8_t wire[2 * WIRE_BYTES + 16];
	int read = BIO_read(p->out, wire, WIRE_BYTES);
	size_t size = read > 0 ? (size_t)read : 0, at = 0, part = 1;
	uint8_t answer[4096];
	ssize_t answered;

	if (size > 0)
		part = size / (next(p) % 4 + 1U) + 1;
	if (size > 0)
		size = change(p, wire, size);
	for (; at < size; at += part) {
		if (part > size - at)
			part = size - at;
		if (send(p->fd, wire + at, part, MSG_DONTWAIT) != (ssize_t)part)
			break;
		p->fed += part;
		serve(p);
	}
	while ((answered = recv(p->fd, answer, sizeof answer, MSG_DONTWAIT)) >
	       0)
		BIO_write(p->in, answer, (int)answered);
}

static void
write_data(struct peers *p)
{
	static const size_t sizes[] = { 1, 40, 1000, 16384 };
	size_t size = sizes[next(p) % 4];

	if (size > PLAIN_BYTES - p->plain_size)
		size = PLAIN_BYTES - p->plain_size;
	for (size_t i = 0; i < size; i++)
		p->plain[p->plain_size + i] = (uint8_t)(p->plain_size + i);
	if (size > 0 && SSL_write(p->client, p->plain + p->plain_size,
				  (int)size) == (int)size)
		p->plain_size += size;
}

/* Each byte that was sent is deciphered, or counted as not. */
static void
check_end(struct peers *p)
{
	bool was_closed = p->has_begun && p->result == TRANSPORT_END;

	tls_stream_discard(p->server);
	if (was_closed) {
		REQUIRE(p->got_size == p->plain_size);
		REQUIRE(tls_stream_undeciphered(p->server) == 0);
		return;
	}
	REQUIRE(tls_stream_deciphered(p->server) +
			tls_stream_undeciphered(p->server) ==
		p->fed);
	REQUIRE(p->is_changed);
}

int
fuzz_tls_stream(const uint8_t *data, size_t size)
{
	static struct peers p;
	int pair[2];

	p = (struct peers){ .data = data, .left = size };
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	p.fd = pair[0];
	open_peers(&p, pair[1]);
	for (int i = 0; i < FLIGHTS && !SSL_is_init_finished(p.client); i++) {
		SSL_do_handshake(p.client);
		send_flight(&p);
	}
	for (int i = 0; i < FLIGHTS && p.left > 0; i++) {
		write_data(&p);
		send_flight(&p);
	}
	SSL_shutdown(p.client);
	send_flight(&p);
	shutdown(p.fd, SHUT_WR);
	serve(&p);
	check_end(&p);
	tls_stream_close(p.server, -1);
	tls_stream_free(p.server);
	SSL_free(p.client);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

#else

int
fuzz_tls_stream(const uint8_t *data, size_t size)
{
	(void)data;
	(void)size;
	return 0;
}

#endif
