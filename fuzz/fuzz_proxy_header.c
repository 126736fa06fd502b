/* SPDX-License-Identifier: MIT */
/*
 * fuzz_proxy_header: a byte, then what a stream begins with.  If the byte is
 * odd, the first checksum in a header of version 2 is made right.
 */
#include "input/proxy_header.h"

#include <arpa/inet.h>

#include "fuzz.h"

/* The beginnings that are tried of each input. */
#define BEGINNINGS 400

struct model {
	enum proxy_result result;
	size_t size;
	char host[INET6_ADDRSTRLEN];
	unsigned port;
	const uint8_t *name;
	size_t name_size;
};

static bool
read_address(int family, const char *text, char host[INET6_ADDRSTRLEN])
{
	unsigned char bytes[16];

	return inet_pton(family, text, bytes) == 1 &&
	       inet_ntop(family, bytes, host, INET6_ADDRSTRLEN);
}

/* Scan leniently, then print strictly: both must be the same. */
static enum proxy_result
read_words(struct model *m, const char *line)
{
	char again[128], source[48], destination[48], host[INET6_ADDRSTRLEN];
	unsigned port;
	int family;

	if (strcmp(line, "PROXY UNKNOWN") == 0 ||
	    strncmp(line, "PROXY UNKNOWN ", 14) == 0)
		return PROXY_NOT_TOLD;
	if (sscanf(line, "PROXY TCP%d %47s %47s %u %u", &family, source,
		   destination, &m->port, &port) != 5)
		return PROXY_MALFORMED;
	snprintf(again, sizeof again, "PROXY TCP%d %s %s %u %u", family, source,
		 destination, m->port, port);
	if (strcmp(line, again) != 0 || (family != 4 && family != 6) ||
	    m->port > 65535 || port > 65535)
		return PROXY_MALFORMED;
	family = family == 4 ? AF_INET : AF_INET6;
	return read_address(family, source, m->host) &&
			       read_address(family, destination, host)
		     ? PROXY_TOLD
		     : PROXY_MALFORMED;
}

static enum proxy_result
model_v1(struct model *m, const uint8_t *data, size_t size)
{
	char line[108] = "";
	size_t i;

	for (i = 0; i < size && i < 107; i++) {
		if (data[i] == '\n')
			return PROXY_MALFORMED;
		if (data[i] == '\r')
			break;
		line[i] = (char)data[i];
	}
	if (i + 1 >= size && size < 107)
		return PROXY_INCOMPLETE;
	if (i > 105 || data[i + 1] != '\n')
		return PROXY_MALFORMED;
	m->size = i + 2;
	if (strlen(line) < i && strncmp(line, "PROXY UNKNOWN ", 14) != 0)
		return PROXY_MALFORMED;
	return read_words(m, line);
}

static uint32_t
model_crc(const uint8_t *data, size_t size)
{
	uint32_t table[256], crc = 0xffffffff;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] % 2 ? table[i] / 2 ^ 0x82f63b78
						: table[i] / 2;
	}
	while (size-- > 0)
		crc = table[(crc ^ *data++) % 256] ^ crc / 256;
	return crc ^ 0xffffffff;
}

static size_t
big_endian(const uint8_t *bytes, size_t count)
{
	size_t value = 0;

	while (count-- > 0)
		value = value * 256 + *bytes++;
	return value;
}

/* Where the addresses of a header end; 0: it is none that has any values. */
static size_t
addresses_end(const uint8_t *data, size_t size)
{
	static const size_t sizes[] = { 0, 12, 36, 216 };
	size_t end;

	if (size < 16 || data[12] != 0x21 || data[13] >= 0x40 ||
	    data[13] % 16 > 2)
		return 0;
	end = 16 + sizes[data[13] / 16];
	return end > 16 + big_endian(data + 14, 2) ? 0 : end;
}

static void
sum_without(const uint8_t *data, size_t size, size_t at, uint8_t sum[4])
{
	uint8_t *copy = fuzz_copy(data, size);
	uint32_t crc;

	memset(copy + at, 0, 4);
	crc = htonl(model_crc(copy, size));
	memcpy(sum, &crc, 4);
	free(copy);
}

static void
correct_sum(uint8_t *data, size_t size)
{
	size_t at = addresses_end(data, size), end;

	if (at == 0)
		return;
	end = 16 + big_endian(data + 14, 2);
	for (; end <= size && at + 7 <= end;
	     at += 3 + big_endian(data + at + 1, 2)) {
		if (data[at] != 3)
			continue;
		sum_without(data, end, at + 3, data + at + 3);
		return;
	}
}

static bool
model_ssl(struct model *m, const uint8_t *data, size_t size)
{
	size_t at = 5;

	if (size < 5)
		return false;
	while (at < size) {
		size_t length;

		if (at + 3 > size)
			return false;
		length = big_endian(data + at + 1, 2);
		if (at + 3 + length > size)
			return false;
		if (data[at] == 0x22 && data[0] % 2 && data[0] / 2 % 4 &&
		    big_endian(data + 1, 4) == 0) {
			m->name = data + at + 3;
			m->name_size = length;
		}
		at += 3 + length;
	}
	return true;
}

static enum proxy_result
model_values(struct model *m, const uint8_t *data, size_t at)
{
	while (at < m->size) {
		const uint8_t *value = data + at + 3;
		uint8_t sum[4];
		size_t length;

		if (at + 3 > m->size)
			return PROXY_MALFORMED;
		length = big_endian(data + at + 1, 2);
		if (at + 3 + length > m->size)
			return PROXY_MALFORMED;
		if (data[at] == 3) {
			if (length != 4)
				return PROXY_MALFORMED;
			sum_without(data, m->size, at + 3, sum);
			if (memcmp(sum, value, 4) != 0)
				return PROXY_CHECKSUM;
		}
		if (data[at] == 0x20 && !model_ssl(m, value, length))
			return PROXY_MALFORMED;
		at += 3 + length;
	}
	return PROXY_TOLD;
}

static enum proxy_result
model_v2(struct model *m, const uint8_t *data, size_t size)
{
	enum proxy_result result;
	int family = AF_INET;
	size_t at;

	if (size < 16)
		return PROXY_INCOMPLETE;
	if (data[12] / 2 != 0x10)
		return PROXY_MALFORMED;
	m->size = 16 + big_endian(data + 14, 2);
	if (size < m->size)
		return PROXY_INCOMPLETE;
	if (data[12] == 0x20)
		return PROXY_NOT_TOLD;
	at = addresses_end(data, m->size);
	if (at == 0)
		return PROXY_MALFORMED;
	result = model_values(m, data, at);
	if (result != PROXY_TOLD)
		return result;
	if (data[13] % 16 == 0 || (at != 28 && at != 52))
		return PROXY_NOT_TOLD;
	if (at == 52)
		family = AF_INET6;
	inet_ntop(family, data + 16, m->host, sizeof m->host);
	m->port = (unsigned)big_endian(data + (at == 28 ? 24 : 48), 2);
	return PROXY_TOLD;
}

static enum proxy_result
model_read(struct model *m, const uint8_t *data, size_t size)
{
	static const char v2[12] = "\r\n\r\n\0\r\nQUIT\n";

	*m = (struct model){ 0 };
	if (memcmp(data, "PROXY ", size < 6 ? size : 6) == 0)
		return model_v1(m, data, size);
	if (memcmp(data, v2, size < 12 ? size : 12) == 0)
		return model_v2(m, data, size);
	return PROXY_MISSING;
}

static void
check_told(const struct proxy_header *header, const struct model *m)
{
	bool is_ipv4 = header->source.any.sa_family == AF_INET;
	char host[INET6_ADDRSTRLEN];

	REQUIRE(header->source.size == (is_ipv4 ? sizeof header->source.in
						: sizeof header->source.in6));
	inet_ntop(header->source.any.sa_family,
		  is_ipv4 ? (const void *)&header->source.in.sin_addr
			  : (const void *)&header->source.in6.sin6_addr,
		  host, sizeof host);
	REQUIRE(strcmp(host, m->host) == 0);
	REQUIRE(ntohs(header->source.in.sin_port) == m->port);
	REQUIRE(fuzz_same(header->name, header->name_size, m->name,
			  m->name_size));
}

/* Whatever has come of it is read as the model does. */
static void
check_beginning(const uint8_t *data, size_t size, size_t part)
{
	struct proxy_header header, whole;
	struct model model;
	uint8_t *copy = fuzz_copy(data, part);
	enum proxy_result result = proxy_header_read(&header, copy, part);
	enum proxy_result last = proxy_header_read(&whole, data, size);

	REQUIRE(result == model_read(&model, copy, part));
	if (result == PROXY_INCOMPLETE) {
		REQUIRE(header.size > part && header.size <= PROXY_HEADER_MAX);
		/* So long nobody needs to look again. */
		REQUIRE((last != PROXY_TOLD && last != PROXY_NOT_TOLD) ||
			header.size <= whole.size);
	} else {
		REQUIRE(result == last);
	}
	if (result == PROXY_TOLD || result == PROXY_NOT_TOLD)
		REQUIRE(header.size == model.size && header.size <= part);
	if (result == PROXY_TOLD)
		check_told(&header, &model);
	free(copy);
}

int
fuzz_proxy_header(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	if (data[0] % 2)
		correct_sum(copy, size - 1);
	check_beginning(copy, size - 1, size - 1);
	for (size_t part = 0; part < size - 1 && part < BEGINNINGS; part++)
		check_beginning(copy, size - 1, part);
	free(copy);
	return 0;
}
