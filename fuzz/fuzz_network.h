/* SPDX-License-Identifier: MIT */
/* fuzz_network: networks and peers, read and compared bit by bit. */
#ifndef PORTLOG_FUZZ_NETWORK_H
#define PORTLOG_FUZZ_NETWORK_H

#include <arpa/inet.h>

#include "base/address.h"
#include "fuzz.h"

/* A network as the model has it, made without the code under test. */
struct model_network {
	int family;
	unsigned char bytes[16];
	unsigned bits;
};

static inline unsigned
model_bit(const unsigned char *bytes, unsigned i)
{
	return bytes[i / 8] >> (7 - i % 8) & 1;
}

/* false: it is no network, or "::ffff:" is before it. */
static inline bool
model_network_read(struct model_network *m, const char *text)
{
	char host[64] = "";
	size_t size = strcspn(text, "/");
	const char *bits = text[size] ? text + size + 1 : NULL;
	unsigned most = 32;

	if (size >= sizeof host)
		return false;
	memcpy(host, text, size);
	*m = (struct model_network){ .family = AF_INET };
	if (inet_pton(AF_INET, host, m->bytes) != 1) {
		m->family = AF_INET6;
		most = 128;
		if (inet_pton(AF_INET6, host, m->bytes) != 1 ||
		    memcmp(m->bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0)
			return false;
	}
	m->bits = most;
	if (bits) {
		char again[8];

		m->bits = (unsigned)atoi(bits);
		snprintf(again, sizeof again, "%u", m->bits);
		if (strcmp(again, bits) != 0 || m->bits > most)
			return false;
	}
	for (unsigned i = m->bits; i < most; i++)
		if (model_bit(m->bytes, i))
			return false;
	return true;
}

/* Of a peer; false: text is no address.  Zones are not looked at. */
static inline bool
model_peer_read(struct model_network *m, struct address *address,
		const char *text)
{
	const unsigned char *bytes;

	if (strchr(text, '%') || !address_parse(address, text, 0))
		return false;
	*m = (struct model_network){ .family = address->any.sa_family };
	bytes = m->family == AF_INET
		      ? (const unsigned char *)&address->in.sin_addr
		      : address->in6.sin6_addr.s6_addr;
	if (m->family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr)) {
		m->family = AF_INET;
		bytes += 12;
	}
	memcpy(m->bytes, bytes, m->family == AF_INET ? 4 : 16);
	return true;
}

static inline bool
model_network_has(const struct model_network *m,
		  const struct model_network *peer)
{
	if (m->family != peer->family)
		return false;
	for (unsigned i = 0; i < m->bits; i++)
		if (model_bit(m->bytes, i) != model_bit(peer->bytes, i))
			return false;
	return true;
}

#endif
