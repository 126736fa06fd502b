/* SPDX-License-Identifier: MIT */
#include "base/prefix_table.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define FAMILY_BITS 8

/* All bits of the address belong to the prefix. */
static struct network
network_of(const struct address *address)
{
	bool is_mapped = address_is_mapped(address);
	bool is_ipv4 = is_mapped || address->any.sa_family == AF_INET;
	const unsigned char *ipv6 = address->in6.sin6_addr.s6_addr;
	struct network n = { .bytes = { is_ipv4 ? 4 : 6 },
			     .bits = FAMILY_BITS + (is_ipv4 ? 32 : 128) };

	if (is_mapped)
		memcpy(n.bytes + 1, ipv6 + 12, 4);
	else if (is_ipv4)
		memcpy(n.bytes + 1, &address->in.sin_addr, 4);
	else
		memcpy(n.bytes + 1, ipv6, 16);
	return n;
}

/* Whether the first bits of both are equal. */
static bool
begins_equal(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return memcmp(a, b, bytes) == 0 &&
	       (rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0);
}

static bool
contains(const struct network *network, const unsigned char *bytes)
{
	return begins_equal(network->bytes, bytes, network->bits);
}

/* Set all bits behind the prefix to zero; whether they were. */
static bool
clear_behind(struct network *n)
{
	const struct network before = *n;
	unsigned bytes = n->bits / 8;

	if (bytes < NETWORK_BYTES)
		n->bytes[bytes] &= (unsigned char)~(0xff >> n->bits % 8);
	for (unsigned i = bytes + 1; i < NETWORK_BYTES; i++)
		n->bytes[i] = 0;
	return memcmp(n->bytes, before.bytes, NETWORK_BYTES) == 0;
}

static bool
parse_bits(const char *text, unsigned most, unsigned *bits)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 3 || text[digits] != '\0' ||
	    (digits > 1 && *text == '0'))
		return false;
	*bits = (unsigned)strtoul(text, NULL, 10);
	return *bits <= most;
}

static bool
parse_host(struct address *address, const char *text, size_t size)
{
	char host[ADDRESS_TEXT];

	if (size >= sizeof host || memchr(text, '%', size))
		return false;
	memcpy(host, text, size);
	host[size] = '\0';
	return address_parse(address, host, 0);
}

/* It is written in another way than the one that is right. */
static void
expect_network(char expected[NETWORK_EXPECTED], const struct network *right,
	       const char *which)
{
	char text[NETWORK_TEXT];

	network_format(right, text);
	snprintf(expected, NETWORK_EXPECTED, "\"%s\", %s", text, which);
}

bool
network_parse(struct network *n, const char *text,
	      char expected[NETWORK_EXPECTED])
{
	const char *unmapped = "IPv4 without \"::ffff:\" before it";
	size_t size = strcspn(text, "/");
	unsigned bits, most, mapped;
	struct address address;

	if (!parse_host(&address, text, size)) {
		snprintf(expected, NETWORK_EXPECTED,
			 "an address or a network, such as \"192.0.2.17\" or "
			 "\"2001:db8::/32\": a name is never looked up");
		return false;
	}
	*n = network_of(&address);
	/* So many bits stand before an IPv4 address that is mapped. */
	mapped = address_is_mapped(&address) ? 96 : 0;
	bits = most = n->bits - FAMILY_BITS + mapped;
	if (text[size] == '/' && !parse_bits(text + size + 1, most, &bits)) {
		snprintf(expected, NETWORK_EXPECTED, "a prefix from /0 to /%u",
			 most);
		return false;
	}
	if (bits < mapped) {
		snprintf(expected, NETWORK_EXPECTED, "%s", unmapped);
		return false;
	}
	n->bits = (unsigned char)(FAMILY_BITS + bits - mapped);
	if (clear_behind(n) && mapped == 0)
		return true;
	expect_network(expected, n,
		       mapped > 0 ? unmapped
				  : "whose address is zero behind its prefix");
	return false;
}

void
network_format(const struct network *n, char text[NETWORK_TEXT])
{
	bool is_ipv4 = n->bytes[0] == 4;
	unsigned bits = n->bits - FAMILY_BITS;
	size_t used;

	inet_ntop(is_ipv4 ? AF_INET : AF_INET6, n->bytes + 1, text,
		  NETWORK_TEXT);
	used = strlen(text);
	if (bits < (is_ipv4 ? 32 : 128))
		snprintf(text + used, NETWORK_TEXT - used, "/%u", bits);
}

void
prefix_table_add(struct prefix_table *table, const struct network *network,
		 unsigned value)
{
	table->list =
		memory_append(table->list, table->count, sizeof *table->list);
	table->list[table->count++] = (struct prefix_entry){
		.network = *network,
		.value = value,
	};
}

/* A network stands before all that it has in it. */
static int
compare(const void *a, const void *b)
{
	const struct prefix_entry *x = a, *y = b;
	int order = memcmp(x->network.bytes, y->network.bytes, NETWORK_BYTES);

	if (order == 0)
		order = (int)x->network.bits - (int)y->network.bits;
	return order ? order : (x->value > y->value) - (x->value < y->value);
}

/* From the entry at this place outwards, the first around these bytes. */
static unsigned
find_around(const struct prefix_table *table, unsigned place,
	    const unsigned char *bytes)
{
	while (place != PREFIX_NONE &&
	       !contains(&table->list[place].network, bytes))
		place = table->list[place].around;
	return place;
}

void
prefix_table_sort(struct prefix_table *table)
{
	unsigned before = PREFIX_NONE;

	if (table->count > 0)
		qsort(table->list, table->count, sizeof *table->list, compare);
	for (unsigned i = 0; i < table->count; i++) {
		struct prefix_entry *entry = &table->list[i];

		entry->around =
			find_around(table, before, entry->network.bytes);
		before = i;
	}
}

bool
prefix_table_is_double(const struct prefix_table *table, size_t i)
{
	const struct network *a = &table->list[i - 1].network;
	const struct network *b = &table->list[i].network;

	return a->bits == b->bits && contains(a, b->bytes);
}

unsigned
prefix_table_find(const struct prefix_table *table,
		  const struct address *address)
{
	const struct network host = network_of(address);
	size_t low = 0, high = table->count;
	unsigned place;

	/* The last that does not begin behind the address, or one around it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(table->list[middle].network.bytes, host.bytes,
			   NETWORK_BYTES) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	place = low > 0 ? (unsigned)low - 1 : PREFIX_NONE;
	place = find_around(table, place, host.bytes);
	return place == PREFIX_NONE ? PREFIX_NONE : table->list[place].value;
}

struct prefix_table
prefix_table_copy(const struct prefix_table *table)
{
	struct prefix_table copy = {
		.list = memory_zeroed(table->count, sizeof *table->list),
		.count = table->count,
	};

	if (table->count > 0)
		memcpy(copy.list, table->list,
		       table->count * sizeof *table->list);
	return copy;
}

void
prefix_table_free(struct prefix_table *table)
{
	free(table->list);
	*table = (struct prefix_table){ 0 };
}
