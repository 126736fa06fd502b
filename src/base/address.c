/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

const char *
address_protocol(enum protocol protocol)
{
	static const char *const names[] = {
		[PROTOCOL_TCP] = "tcp",
		[PROTOCOL_UDP] = "udp",
		[PROTOCOL_UNIX_STREAM] = "unix-stream",
		[PROTOCOL_UNIX_DATAGRAM] = "unix-datagram",
		[PROTOCOL_NONE] = "",
	};

	return names[protocol];
}

static_assert(offsetof(struct address_process, user) ==
		      offsetof(struct sockaddr_in6, sin6_addr),
	      "the user is not where the host is");

void
address_set_process(struct address *address, uint32_t user, int32_t pid)
{
	*address = (struct address){ .size = sizeof address->in6 };
	address->process = (struct address_process){ .family = AF_UNIX,
						     .pid = pid,
						     .user = user };
}

/* An interface that is not there yet: the kernel says ENODEV to bind(2). */
static uint32_t
unused_scope(const char *zone)
{
	return UINT32_C(1) << 30 |
	       (uint32_t)bytes_hash(zone, strlen(zone)) >> 2;
}

/* A zone is an interface's name or its number. */
static bool
parse_zone(const char *zone, uint32_t *scope)
{
	char *end;
	unsigned long number;

	*scope = if_nametoindex(zone);
	if (*scope != 0)
		return true;
	if (*zone < '0' || *zone > '9') {
		*scope = unused_scope(zone);
		return *zone && strlen(zone) < IF_NAMESIZE &&
		       !strpbrk(zone, "/: \t");
	}
	number = strtoul(zone, &end, 10);
	*scope = (uint32_t)number;
	return *end == '\0' && number <= UINT32_MAX;
}

bool
address_parse(struct address *address, const char *text, uint16_t port)
{
	char host[ADDRESS_TEXT];
	const char *zone = strchr(text, '%');
	size_t size = zone ? (size_t)(zone - text) : strlen(text);

	*address = (struct address){ .size = sizeof address->in };
	if (inet_pton(AF_INET, text, &address->in.sin_addr) == 1) {
		address->in.sin_family = AF_INET;
		address->in.sin_port = htons(port);
		return true;
	}
	if (size >= sizeof host)
		return false;
	memcpy(host, text, size);
	host[size] = '\0';
	*address = (struct address){ .size = sizeof address->in6 };
	if (inet_pton(AF_INET6, host, &address->in6.sin6_addr) != 1)
		return false;
	address->in6.sin6_family = AF_INET6;
	address->in6.sin6_port = htons(port);
	return !zone || parse_zone(zone + 1, &address->in6.sin6_scope_id);
}

bool
address_is_mapped(const struct address *address)
{
	return address->any.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr);
}

bool
address_is_any(const struct address *address)
{
	return address->any.sa_family == AF_INET
		     ? address->in.sin_addr.s_addr == INADDR_ANY
		     : IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr);
}

bool
address_parse_port(const char *text, uint16_t *port)
{
	unsigned long value = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return false;
	value = strtoul(text, NULL, 10);
	*port = (uint16_t)value;
	return value <= UINT16_MAX;
}

/* The four bytes of an IPv4 address, "::ffff:192.0.2.7" too; NULL: IPv6. */
static const unsigned char *
ipv4_bytes(const struct address *address)
{
	if (address->any.sa_family == AF_INET)
		return (const unsigned char *)&address->in.sin_addr;
	if (IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		return address->in6.sin6_addr.s6_addr + 12;
	return NULL;
}

/* The kernel refuses only "/", ":" and spaces in the name of an interface. */
static bool
is_printable(const char *zone)
{
	while (*zone > ' ' && *zone <= '~')
		zone++;
	return *zone == '\0';
}

void
address_format_host(const struct address *address, char text[ADDRESS_TEXT])
{
	const unsigned char *ipv4 = ipv4_bytes(address);
	uint32_t scope;
	char zone[IF_NAMESIZE];
	size_t size;

	if (ipv4) {
		inet_ntop(AF_INET, ipv4, text, ADDRESS_TEXT);
		return;
	}
	if (address->any.sa_family == AF_UNIX) {
		snprintf(text, ADDRESS_TEXT, "unix:uid=%u",
			 address->process.user);
		return;
	}
	inet_ntop(AF_INET6, &address->in6.sin6_addr, text, ADDRESS_TEXT);
	scope = address->in6.sin6_scope_id;
	if (scope == 0)
		return;
	size = strlen(text);
	if (if_indextoname(scope, zone) && is_printable(zone))
		snprintf(text + size, ADDRESS_TEXT - size, "%%%s", zone);
	else
		snprintf(text + size, ADDRESS_TEXT - size, "%%%u", scope);
}

void
address_format(const struct address *address, char text[ADDRESS_TEXT])
{
	/* sockaddr_in and sockaddr_in6 have their port at the same offset. */
	unsigned port = ntohs(address->in.sin_port);
	char host[ADDRESS_TEXT];

	address_format_host(address, host);
	if (address->any.sa_family == AF_UNIX)
		snprintf(text, ADDRESS_TEXT, "%.50s:pid=%d", host,
			 address->process.pid);
	else
		snprintf(text, ADDRESS_TEXT,
			 ipv4_bytes(address) ? "%.70s:%u" : "[%.70s]:%u", host,
			 port);
}

void
address_split(const char *text, const char **host, size_t *host_size,
	      const char **port)
{
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[';

	*host = text + bracketed;
	*host_size = (size_t)(colon - text) - (bracketed ? 2 : 0);
	*port = colon + 1;
}

struct address
address_source(const struct address *address, unsigned prefix_v6)
{
	const unsigned char *ipv4 = ipv4_bytes(address);
	struct address source = { .size = sizeof source.in6 };
	const unsigned char *from = address->in6.sin6_addr.s6_addr;
	unsigned char *bytes = source.in6.sin6_addr.s6_addr;
	unsigned whole = prefix_v6 / 8, rest = prefix_v6 % 8;

	if (ipv4) {
		source.size = sizeof source.in;
		source.in.sin_family = AF_INET;
		memcpy(&source.in.sin_addr, ipv4, 4);
		return source;
	}
	if (address->any.sa_family == AF_UNIX) {
		address_set_process(&source, address->process.user, 0);
		return source;
	}
	source.in6.sin6_family = AF_INET6;
	source.in6.sin6_scope_id = address->in6.sin6_scope_id;
	memcpy(bytes, from, whole);
	if (rest > 0)
		bytes[whole] = (unsigned char)(from[whole] & 0xff00U >> rest);
	return source;
}

void
address_format_source(const struct address *source, unsigned prefix_v6,
		      char text[ADDRESS_TEXT])
{
	char host[ADDRESS_TEXT];

	address_format_host(source, host);
	if (source->any.sa_family == AF_INET6 && prefix_v6 < 128)
		snprintf(text, ADDRESS_TEXT, "%.70s/%u", host, prefix_v6);
	else
		snprintf(text, ADDRESS_TEXT, "%s", host);
}

bool
address_same_host(const struct address *a, const struct address *b)
{
	const unsigned char *a4 = ipv4_bytes(a), *b4 = ipv4_bytes(b);

	if (a4 || b4)
		return a4 && b4 && memcmp(a4, b4, 4) == 0;
	return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0 &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

unsigned
address_hash_host(const struct address *address)
{
	const unsigned char *ipv4 = ipv4_bytes(address);

	return (unsigned)(ipv4 ? bytes_hash(ipv4, 4)
			       : bytes_hash(&address->in6.sin6_addr, 16));
}
