/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tls_names: a line that is a name or a fingerprint of the configuration,
 * then the name of a certificate, which is any bytes.
 */
#include "config/tls_names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

#include "fuzz.h"

/* Both families, as 17 bytes; false: it is no address. */
static bool
read_address(const char *text, size_t size, unsigned char bytes[17])
{
	char copy[INET6_ADDRSTRLEN];

	memset(bytes, 0, 17);
	if (size >= sizeof copy || memchr(text, '\0', size))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	bytes[0] = 4;
	if (inet_pton(AF_INET, copy, bytes + 1) == 1)
		return true;
	bytes[0] = 6;
	if (inet_pton(AF_INET6, copy, bytes + 1) != 1)
		return false;
	/* IPv4 in IPv6 is IPv4. */
	if (memcmp(bytes + 1, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0) {
		memmove(bytes + 1, bytes + 13, 4);
		memset(bytes + 5, 0, 12);
		bytes[0] = 4;
	}
	return true;
}

static size_t
label(const char *text, size_t size)
{
	size_t n = 0;

	while (n < size && text[n] != '.')
		n++;
	return n;
}

/* Label by label. */
static bool
model_match(const char *name, const char *found, size_t size)
{
	size_t left = strlen(name);
	unsigned char a[17], b[17];

	if (read_address(name, left, a) && read_address(found, size, b))
		return memcmp(a, b, sizeof a) == 0;
	for (bool is_first = true;; is_first = false) {
		size_t n = label(name, left), m = label(found, size);
		bool is_any = is_first && n == 1 && *name == '*' && m > 0;

		if (!is_any && n != m)
			return false;
		for (size_t i = 0; i < n && !is_any; i++)
			if (tolower((unsigned char)name[i]) !=
			    tolower((unsigned char)found[i]))
				return false;
		if ((n == left) != (m == size))
			return false;
		if (n == left)
			return true;
		name += n + 1;
		left -= n + 1;
		found += m + 1;
		size -= m + 1;
	}
}

/* Of what stands there only the digits, then as it has to be. */
static bool
model_fingerprint(const char *text, char out[TLS_FINGERPRINT])
{
	char with[128] = "sha256:", without[128] = "sha256:";
	size_t n = 7, m = 7, digits = 0;

	if (strlen(text) < 7)
		return false;
	for (const char *c = text + 7; *c && digits <= 64; c++) {
		if (!isxdigit((unsigned char)*c))
			continue;
		if (digits > 0 && digits % 2 == 0)
			with[n++] = ':';
		with[n++] = without[m++] = (char)tolower((unsigned char)*c);
		digits++;
	}
	with[n] = without[m] = '\0';
	if (digits != 64)
		return false;
	memcpy(out, without, TLS_FINGERPRINT);
	return strcasecmp(text, with) == 0 || strcasecmp(text, without) == 0;
}

static void
check_fingerprint(const char *text)
{
	char out[TLS_FINGERPRINT], again[TLS_FINGERPRINT];
	char expected[TLS_FINGERPRINT];
	bool is_one = tls_fingerprint_read(out, text);

	REQUIRE(is_one == model_fingerprint(text, expected));
	if (!is_one)
		return;
	REQUIRE(strcmp(out, expected) == 0);
	REQUIRE(tls_fingerprint_read(again, out) && strcmp(out, again) == 0);
	REQUIRE(tls_names_expect(text) != NULL);
}

static bool
matches(const char *name, const char *found)
{
	return tls_names_match(name, (const unsigned char *)found,
			       strlen(found));
}

/* One that is right stands for itself, or for one label more. */
static void
check_right(const char *name)
{
	char *longer = fuzz_memory(strlen(name) + 5);

	REQUIRE(strlen(name) <= 255);
	for (const char *c = name; *c; c++)
		REQUIRE(*c > ' ' && *c <= '~' && *c != '\\' && *c != '"');
	if (*name != '*') {
		REQUIRE(!strchr(name, '*') && matches(name, name));
		free(longer);
		return;
	}
	sprintf(longer, "a%s", name + 1);
	REQUIRE(matches(name, longer));
	REQUIRE(!matches(name, name + 2));
	sprintf(longer, "a.b%s", name + 1);
	REQUIRE(!matches(name, longer));
	free(longer);
}

int
fuzz_tls_names(const uint8_t *data, size_t size)
{
	const uint8_t *end =
		memchr(data ? data : (const uint8_t *)"", '\n', size);
	size_t first = end ? (size_t)(end - data) : size;
	size_t rest = end ? size - first - 1 : 0;
	char *name = fuzz_memory(first + 1);
	char *found = fuzz_copy(end ? end + 1 : data, rest);

	if (first > 0)
		memcpy(name, data, first);
	name[first] = '\0';
	check_fingerprint(name);
	if (!tls_names_expect(name)) {
		check_right(name);
		REQUIRE(tls_names_match(name, (unsigned char *)found, rest) ==
			model_match(name, found, rest));
	}
	free(found);
	free(name);
	return 0;
}
