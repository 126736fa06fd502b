/* SPDX-License-Identifier: MIT */
/*
 * address: numeric addresses and ports, as text and as sockaddr.  Nothing here
 * asks DNS; a zone ("%eth0") is looked up among this host's interfaces.  Any
 * thread.
 */
#ifndef PORTLOG_BASE_ADDRESS_H
#define PORTLOG_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum protocol {
	PROTOCOL_TCP,
	PROTOCOL_UDP,
	PROTOCOL_UNIX_STREAM,
	PROTOCOL_UNIX_DATAGRAM,
	PROTOCOL_NONE,
};

/* "tcp", "udp", "unix-stream", "unix-datagram" or "". */
const char *address_protocol(enum protocol);

static inline bool
protocol_is_unix(enum protocol protocol)
{
	return protocol == PROTOCOL_UNIX_STREAM ||
	       protocol == PROTOCOL_UNIX_DATAGRAM;
}

/* Connections, not datagrams. */
static inline bool
protocol_is_stream(enum protocol protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UNIX_STREAM;
}

/*
 * AF_UNIX: a peer is a process.  Its user is where the host is in an IPv6
 * address, so that all processes of one user are of one host.
 */
struct address_process {
	sa_family_t family;
	int32_t pid; /* 0: unknown */
	uint32_t user;
};

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct address_process process;
	};
	socklen_t size;
};

/* The size of an address as text with port, brackets, zone and a NUL. */
#define ADDRESS_TEXT 80

/*
 * Parse a numeric IPv4 or IPv6 address ("192.0.2.1", "::1", "fe80::1%eth0")
 * and add the port.  false: text is no such address.
 */
bool address_parse(struct address *, const char *text, uint16_t port);

/* A peer over a Unix socket. */
void address_set_process(struct address *, uint32_t user, int32_t pid);

/* Parse a port in digits, 0 to 65535.  false: text is none. */
bool address_parse_port(const char *text, uint16_t *port);

/*
 * "192.0.2.7:51034" or "[2001:db8::7]:51034".  An IPv4 peer of an IPv6 socket
 * ("::ffff:192.0.2.7") is shown as IPv4.  A process is "unix:uid=1000:pid=42".
 */
void address_format(const struct address *, char text[ADDRESS_TEXT]);

/* The same without port and brackets, or without the process. */
void address_format_host(const struct address *, char text[ADDRESS_TEXT]);

/*
 * Split what address_format() wrote into its host, of *host_size bytes, and
 * its port, up to the NUL.  Both are borrowed from text.
 */
void address_split(const char *text, const char **host, size_t *host_size,
		   const char **port);

/* Whether it is IPv4 written as IPv6, "::ffff:192.0.2.7". */
bool address_is_mapped(const struct address *);

/* Whether it is "0.0.0.0" or "::". */
bool address_is_any(const struct address *);

/*
 * What counts as one source: the IPv4 address, or the first prefix_v6 bits of
 * the IPv6 address, 1 to 128, with zeros behind; no port.  Of processes it is
 * the user.
 */
struct address address_source(const struct address *, unsigned prefix_v6);

/* "192.0.2.7", or "2001:db8::/64" if it has fewer bits than an address. */
void address_format_source(const struct address *source, unsigned prefix_v6,
			   char text[ADDRESS_TEXT]);

/* Whether two addresses are of one host; a hash that is equal if they are. */
bool address_same_host(const struct address *, const struct address *);
unsigned address_hash_host(const struct address *);

#endif
