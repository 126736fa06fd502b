/* SPDX-License-Identifier: MIT */
/* fuzz_address: two bytes for the port, then any text up to its first NUL. */
#include "base/address.h"
#include "config/command_line.h"
#include "config/expect.h"

#include "fuzz.h"

static void
check_is_printable(const char *text)
{
	REQUIRE(strlen(text) < ADDRESS_TEXT);
	for (; *text; text++)
		REQUIRE(*text > ' ' && *text < 0x7f);
}

/* A formatted address splits into host and port. */
static void
check_split(const struct address *address, uint16_t port)
{
	char text[ADDRESS_TEXT], host[ADDRESS_TEXT], number[8];
	const char *host_part, *port_part;
	size_t size;

	address_format(address, text);
	address_format_host(address, host);
	check_is_printable(text);
	check_is_printable(host);
	address_split(text, &host_part, &size, &port_part);
	REQUIRE(fuzz_same(host, strlen(host), host_part, size));
	snprintf(number, sizeof number, "%u", (unsigned)port);
	REQUIRE(strcmp(number, port_part) == 0);
	REQUIRE((strchr(host, ':') != NULL) == (text[0] == '['));
	/* IPv4 is formatted as IPv4, even if it was mapped to IPv6. */
	REQUIRE(strncmp(host, "::ffff:", 7) != 0 || !strchr(host, '.'));
}

/* Every host that can be bound is one to listen on, in brackets. */
static void
check_listens_on(const char *host, uint16_t port)
{
	char text[ADDRESS_TEXT + 16], found[ADDRESS_TEXT];
	enum protocol protocol;
	uint16_t found_port;

	snprintf(text, sizeof text, "udp:[%s]:%u", host, (unsigned)port);
	REQUIRE(command_line_parse_listener(text, &protocol, found,
					    &found_port) ==
		expect_usable_address(host, PROTOCOL_UDP, false));
	REQUIRE(protocol == PROTOCOL_UDP && found_port == port);
	REQUIRE(strcmp(found, host) == 0);
}

static void
check_address(const char *text, uint16_t port)
{
	struct address address, again;
	char host[ADDRESS_TEXT], host_again[ADDRESS_TEXT];

	if (!address_parse(&address, text, port))
		return;
	REQUIRE(address.size <= sizeof(struct sockaddr_in6));
	check_split(&address, port);
	address_format_host(&address, host);
	REQUIRE(address_parse(&again, host, port));
	address_format_host(&again, host_again);
	REQUIRE(strcmp(host, host_again) == 0);
	REQUIRE(address_same_host(&address, &again));
	REQUIRE(address_hash_host(&address) == address_hash_host(&again));
	/* A source is one of itself, and of its peer it is the same again. */
	again = address_source(&address, port % 128 + 1U);
	address = address_source(&again, port % 128 + 1U);
	REQUIRE(address_same_host(&address, &again));
	REQUIRE(address_hash_host(&address) == address_hash_host(&again));
	address_format_source(&address, port % 128 + 1U, host_again);
	check_listens_on(host, port);
}

static void
check_listener(const char *text)
{
	enum protocol protocol = PROTOCOL_NONE, protocol_again;
	char host[ADDRESS_TEXT], host_again[ADDRESS_TEXT];
	char formatted[ADDRESS_TEXT + 16];
	uint16_t port = 0, port_again;
	struct address address;
	const char *wrong =
		command_line_parse_listener(text, &protocol, host, &port);

	if (wrong) {
		REQUIRE(*wrong);
		return;
	}
	REQUIRE(strlen(strrchr(text, ':') + 1) <= 5);
	REQUIRE(protocol == (text[0] == 't' ? PROTOCOL_TCP : PROTOCOL_UDP));
	REQUIRE(strcmp(host, "*") == 0 || address_parse(&address, host, port));
	snprintf(formatted, sizeof formatted,
		 strchr(host, ':') ? "%s:[%s]:%u" : "%s:%s:%u",
		 protocol == PROTOCOL_TCP ? "tcp" : "udp", host,
		 (unsigned)port);
	REQUIRE(!command_line_parse_listener(formatted, &protocol_again,
					     host_again, &port_again));
	REQUIRE(protocol_again == protocol && port_again == port);
	REQUIRE(strcmp(host_again, host) == 0);
}

int
fuzz_address(const uint8_t *data, size_t size)
{
	uint16_t port;
	char *text;

	if (size < 2)
		return 0;
	port = (uint16_t)(data[0] << 8 | data[1]);
	text = fuzz_memory(size - 1);
	memcpy(text, data + 2, size - 2);
	text[size - 2] = '\0';
	check_address(text, port);
	check_listener(text);
	free(text);
	return 0;
}
