/* SPDX-License-Identifier: MIT */
/*
 * fuzz_prefix_table: lines, each a network; the last one is an address.  What
 * is found is what a look at each network finds.
 */
#include "base/prefix_table.h"

#include <arpa/inet.h>

#include "fuzz.h"

#define NETWORKS 64

/* A network as the model has it, made without the code under test. */
struct model {
	int family;
	unsigned char bytes[16];
	unsigned bits;
};

static unsigned
bit(const unsigned char *bytes, unsigned i)
{
	return bytes[i / 8] >> (7 - i % 8) & 1;
}

/* false: it is no network, or "::ffff:" is before it. */
static bool
read_model(struct model *m, const char *text)
{
	char host[64] = "";
	size_t size = strcspn(text, "/");
	const char *bits = text[size] ? text + size + 1 : NULL;
	unsigned most = 32;

	if (size >= sizeof host)
		return false;
	memcpy(host, text, size);
	*m = (struct model){ .family = AF_INET };
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
		if (bit(m->bytes, i))
			return false;
	return true;
}

static bool
has(const struct model *m, int family, const unsigned char *address)
{
	if (m->family != family)
		return false;
	for (unsigned i = 0; i < m->bits; i++)
		if (bit(m->bytes, i) != bit(address, i))
			return false;
	return true;
}

static void
check_find(const struct prefix_table *table, const struct model *models,
	   const char *text)
{
	struct address address;
	const unsigned char *bytes;
	unsigned found, best = PREFIX_NONE;
	int family;

	if (strchr(text, '%') || !address_parse(&address, text, 0))
		return;
	family = address.any.sa_family;
	bytes = family == AF_INET ? (unsigned char *)&address.in.sin_addr
				  : address.in6.sin6_addr.s6_addr;
	if (family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr)) {
		family = AF_INET;
		bytes += 12;
	}
	for (unsigned i = 0; i < table->count; i++)
		if (has(&models[i], family, bytes) &&
		    (best == PREFIX_NONE || models[i].bits > models[best].bits))
			best = i;
	found = prefix_table_find(table, &address);
	REQUIRE((found == PREFIX_NONE) == (best == PREFIX_NONE));
	/* Of equal networks either may be found. */
	REQUIRE(best == PREFIX_NONE ||
		(has(&models[found], family, bytes) &&
		 models[found].bits == models[best].bits));
}

/* What is shown is read as the same; so is the spelling that is expected. */
static void
check_format(const struct network *network, bool is_right, char *expected)
{
	char text[NETWORK_TEXT], ignored[NETWORK_EXPECTED];
	struct network again;

	if (is_right) {
		network_format(network, text);
		REQUIRE(network_parse(&again, text, ignored) &&
			memcmp(&again, network, sizeof again) == 0);
	} else if (*expected == '"') {
		*strrchr(expected, ',') = '\0';
		expected[strlen(expected) - 1] = '\0';
		REQUIRE(network_parse(&again, expected + 1, ignored));
	}
}

int
fuzz_prefix_table(const uint8_t *data, size_t size)
{
	struct model models[NETWORKS];
	struct prefix_table table = { 0 };
	char *text = fuzz_memory(size + 1), *line, *rest = text;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n")) && rest) {
		struct network network;
		char expected[NETWORK_EXPECTED];
		bool is_right = network_parse(&network, line, expected);
		struct model model;

		REQUIRE(is_right == read_model(&model, line));
		check_format(&network, is_right, expected);
		if (!is_right || table.count == NETWORKS)
			continue;
		models[table.count] = model;
		prefix_table_add(&table, &network, (unsigned)table.count);
	}
	prefix_table_sort(&table);
	check_find(&table, models, line ? line : "");
	prefix_table_free(&table);
	free(text);
	return 0;
}
