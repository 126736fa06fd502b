/* SPDX-License-Identifier: MIT */
#include "input/proxy_header.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

/*
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1
 * and 2.2.
 */
#define V1_MAX 107
#define V2_FIXED 16

static const char v1_signature[] = "PROXY ";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

enum {
	COMMAND_LOCAL = 0x20, /* with the version in the upper half */
	COMMAND_PROXY = 0x21,
};

enum { TRANSPORT_UNSPEC, TRANSPORT_STREAM, TRANSPORT_DATAGRAM };

enum {
	TLV_CRC32C = 0x03,
	TLV_SSL = 0x20,
	TLV_SSL_CN = 0x22, /* inside TLV_SSL */
};

/* What TLV_SSL says of the sender: it spoke TLS, and had a certificate. */
#define CLIENT_SSL 0x01
#define CLIENT_CERTIFICATE 0x06
#define SSL_FIXED 5

struct reader {
	const unsigned char *next, *end;
};

static size_t
left(const struct reader *r)
{
	return (size_t)(r->end - r->next);
}

/* Whether data begins with the signature, or may once there is more of it. */
static bool
begins(const unsigned char *data, size_t size, const char *signature,
       size_t whole)
{
	return memcmp(data, signature, size < whole ? size : whole) == 0;
}

/*
 * Version 1: a line of words.
 */

/* Take a word and the separator behind it, which no word contains. */
static bool
take_word(struct reader *r, char separator, char *word, size_t capacity)
{
	const unsigned char *end = memchr(r->next, separator, left(r));
	size_t size;

	if (!end)
		return false;
	size = (size_t)(end - r->next);
	if (size >= capacity || memchr(r->next, '\0', size))
		return false;
	memcpy(word, r->next, size);
	word[size] = '\0';
	r->next = end + 1;
	return true;
}

static bool
take_address(struct reader *r, int family, struct address *out)
{
	char text[INET6_ADDRSTRLEN];

	/* A zone is of the proxy's host. */
	return take_word(r, ' ', text, sizeof text) && !strchr(text, '%') &&
	       address_parse(out, text, 0) && out->any.sa_family == family;
}

static bool
take_port(struct reader *r, char separator, uint16_t *port)
{
	char text[8];

	return take_word(r, separator, text, sizeof text) &&
	       (text[0] != '0' || text[1] == '\0') &&
	       address_parse_port(text, port);
}

/* The line without its CRLF, but with the CR. */
static enum proxy_result
read_line(struct proxy_header *header, struct reader r)
{
	struct address destination;
	uint16_t port;
	char word[8];
	int family;

	if (left(&r) >= 7 && memcmp(r.next, "UNKNOWN", 7) == 0 &&
	    (r.next[7] == ' ' || r.next[7] == '\r'))
		return PROXY_NOT_TOLD;
	if (!take_word(&r, ' ', word, sizeof word))
		return PROXY_MALFORMED;
	if (strcmp(word, "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(word, "TCP6") == 0)
		family = AF_INET6;
	else
		return PROXY_MALFORMED;
	if (!take_address(&r, family, &header->source) ||
	    !take_address(&r, family, &destination) ||
	    !take_port(&r, ' ', &port))
		return PROXY_MALFORMED;
	header->source.in.sin_port = htons(port);
	return take_port(&r, '\r', &port) && left(&r) == 0 ? PROXY_TOLD
							   : PROXY_MALFORMED;
}

/* A CR or LF alone is no end, and a line with one no header. */
static enum proxy_result
read_v1(struct proxy_header *header, const unsigned char *data, size_t size)
{
	size_t within = size < V1_MAX ? size : V1_MAX;
	const unsigned char *cr = memchr(data, '\r', within);
	const unsigned char *lf = memchr(data, '\n', within);

	if (!lf && size < V1_MAX && (!cr || cr + 1 == data + size)) {
		if (size >= PROXY_HEADER_MIN)
			header->size = size + 1;
		return PROXY_INCOMPLETE;
	}
	if (!lf || !cr || lf != cr + 1)
		return PROXY_MALFORMED;
	header->size = (size_t)(lf + 1 - data);
	return read_line(header, (struct reader){
					 data + sizeof v1_signature - 1,
					 lf,
				 });
}

/*
 * Version 2: addresses of a fixed size, then values with a type and a length.
 */

static size_t
number(const unsigned char *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

/* Take the next value; false: it goes beyond the end. */
static bool
take_value(struct reader *r, unsigned *type, struct reader *value)
{
	size_t size;

	if (left(r) < 3)
		return false;
	*type = r->next[0];
	size = number(r->next + 1);
	r->next += 3;
	if (size > left(r))
		return false;
	*value = (struct reader){ r->next, r->next + size };
	r->next += size;
	return true;
}

static uint32_t
crc32c(uint32_t crc, const unsigned char *data, size_t size)
{
	while (size-- > 0) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return crc;
}

/* The checksum is of the whole header, with zeros where it stands itself. */
static enum proxy_result
check_sum(const unsigned char *data, size_t size, const struct reader *sum)
{
	static const unsigned char zeros[4];
	uint32_t crc = UINT32_MAX, wanted;

	if (left(sum) != sizeof zeros)
		return PROXY_MALFORMED;
	memcpy(&wanted, sum->next, sizeof wanted);
	crc = crc32c(crc, data, (size_t)(sum->next - data));
	crc = crc32c(crc, zeros, sizeof zeros);
	crc = crc32c(crc, sum->end, (size_t)(data + size - sum->end));
	return ~crc == ntohl(wanted) ? PROXY_TOLD : PROXY_CHECKSUM;
}

/* What the proxy says of the sender's certificate, once it has verified it. */
static enum proxy_result
read_ssl(struct proxy_header *header, struct reader r)
{
	static const unsigned char proved[4];
	const unsigned char *fixed = r.next;
	struct reader value;
	bool is_proved;
	unsigned type;

	if (left(&r) < SSL_FIXED)
		return PROXY_MALFORMED;
	is_proved = fixed[0] & CLIENT_SSL && fixed[0] & CLIENT_CERTIFICATE &&
		    memcmp(fixed + 1, proved, sizeof proved) == 0;
	for (r.next += SSL_FIXED; left(&r) > 0;) {
		if (!take_value(&r, &type, &value))
			return PROXY_MALFORMED;
		if (type != TLV_SSL_CN || !is_proved)
			continue;
		header->name = value.next;
		header->name_size = left(&value);
	}
	return PROXY_TOLD;
}

static enum proxy_result
read_values(struct proxy_header *header, const unsigned char *data,
	    struct reader r)
{
	enum proxy_result result = PROXY_TOLD;
	struct reader value;
	unsigned type;

	while (result == PROXY_TOLD && left(&r) > 0) {
		if (!take_value(&r, &type, &value))
			return PROXY_MALFORMED;
		if (type == TLV_CRC32C)
			result = check_sum(data, header->size, &value);
		else if (type == TLV_SSL)
			result = read_ssl(header, value);
	}
	return result;
}

static void
set_source(struct address *source, int family, const unsigned char *bytes)
{
	*source = (struct address){ 0 };
	source->any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		source->size = sizeof source->in;
		memcpy(&source->in.sin_addr, bytes, 4);
		memcpy(&source->in.sin_port, bytes + 8, 2);
	} else {
		source->size = sizeof source->in6;
		memcpy(&source->in6.sin6_addr, bytes, 16);
		memcpy(&source->in6.sin6_port, bytes + 32, 2);
	}
}

/* The families in the order of their numbers, and what their addresses take. */
static const struct family {
	int number;
	size_t size;
} families[] = {
	{ AF_UNSPEC, 0 },
	{ AF_INET, 12 },
	{ AF_INET6, 36 },
	{ AF_UNIX, 216 },
};

static enum proxy_result
read_v2(struct proxy_header *header, const unsigned char *data, size_t size)
{
	struct reader r = { data + V2_FIXED, NULL };
	const struct family *family;
	enum proxy_result result;
	unsigned transport;

	header->size = V2_FIXED;
	if (size < V2_FIXED)
		return PROXY_INCOMPLETE;
	header->size += number(data + 14);
	if (data[12] != COMMAND_LOCAL && data[12] != COMMAND_PROXY)
		return PROXY_MALFORMED;
	if (size < header->size)
		return PROXY_INCOMPLETE;
	if (data[12] == COMMAND_LOCAL)
		return PROXY_NOT_TOLD;
	transport = data[13] & 0xf;
	if (data[13] >> 4 >= sizeof families / sizeof families[0] ||
	    transport > TRANSPORT_DATAGRAM)
		return PROXY_MALFORMED;
	family = &families[data[13] >> 4];
	r.end = data + header->size;
	if (left(&r) < family->size)
		return PROXY_MALFORMED;
	r.next += family->size;
	result = read_values(header, data, r);
	if (result != PROXY_TOLD)
		return result;
	if (transport == TRANSPORT_UNSPEC ||
	    (family->number != AF_INET && family->number != AF_INET6))
		return PROXY_NOT_TOLD;
	set_source(&header->source, family->number, data + V2_FIXED);
	return PROXY_TOLD;
}

enum proxy_result
proxy_header_read(struct proxy_header *header, const unsigned char *data,
		  size_t size)
{
	*header = (struct proxy_header){ .size = PROXY_HEADER_MIN };
	if (begins(data, size, v1_signature, sizeof v1_signature - 1))
		return read_v1(header, data, size);
	if (begins(data, size, v2_signature, sizeof v2_signature - 1))
		return read_v2(header, data, size);
	return PROXY_MISSING;
}
