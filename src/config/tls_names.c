/* SPDX-License-Identifier: MIT */
#include "config/tls_names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"

#define PREFIX "sha256:"
#define DIGEST_BYTES 32

/* The most bytes of a name in the DNS. */
#define NAME_BYTES 253

static bool
is_fingerprint_like(const char *name)
{
	return strncasecmp(name, "sha", 3) == 0 && strchr(name, ':');
}

/* Labels of printable ASCII, without what stands in no name. */
static bool
is_host(const char *name)
{
	size_t size = 0;

	for (; name[size]; size++) {
		bool ends_label = name[size] == '.' &&
				  (size == 0 || name[size - 1] == '.');

		if (name[size] <= ' ' || name[size] > '~' || ends_label ||
		    strchr("*\\\"/:%", name[size]))
			return false;
	}
	return size > 0 && size <= NAME_BYTES && name[size - 1] != '.';
}

const char *
tls_names_expect(const char *name)
{
	bool is_pattern = strncmp(name, "*.", 2) == 0;
	struct address address;

	if (is_fingerprint_like(name))
		return "it in \"fingerprints\"";
	if ((!strchr(name, '%') && address_parse(&address, name, 0)) ||
	    is_host(is_pattern ? name + 2 : name))
		return NULL;
	return "a name such as \"sensor7.example\" or \"*.example\", or an "
	       "address";
}

/* Whether text is an address, and that which was found is the same. */
static bool
is_same_address(const char *text, const unsigned char *found, size_t size)
{
	char other[ADDRESS_TEXT];
	struct address a, b;

	if (!address_parse(&a, text, 0) || size >= sizeof other)
		return false;
	memcpy(other, found, size);
	other[size] = '\0';
	/* A zone is this host's, and of no certificate. */
	return strlen(other) == size && !strchr(other, '%') &&
	       address_parse(&b, other, 0) && address_same_host(&a, &b);
}

bool
tls_names_match(const char *name, const unsigned char *found, size_t size)
{
	if (strncmp(name, "*.", 2) == 0) {
		const unsigned char *dot = memchr(found, '.', size);

		if (!dot || dot == found)
			return false;
		name++;
		size -= (size_t)(dot - found);
		found = dot;
	}
	if (strlen(name) == size &&
	    strncasecmp(name, (const char *)found, size) == 0)
		return true;
	return is_same_address(name, found, size);
}

void
tls_fingerprint_format(char out[TLS_FINGERPRINT],
		       const unsigned char digest[DIGEST_BYTES])
{
	out += sprintf(out, PREFIX);
	for (size_t i = 0; i < DIGEST_BYTES; i++)
		out += sprintf(out, "%02x", digest[i]);
}

/* -1: it is no hexadecimal digit. */
static int
digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) % 16 : -1;
}

bool
tls_fingerprint_read(char out[TLS_FINGERPRINT], const char *text)
{
	unsigned char digest[DIGEST_BYTES];
	bool has_colons;

	if (strncasecmp(text, PREFIX, strlen(PREFIX)) != 0)
		return false;
	text += strlen(PREFIX);
	has_colons = strlen(text) > 2 && text[2] == ':';
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high, low;

		if (has_colons && i > 0 && *text++ != ':')
			return false;
		high = digit(text[0]);
		low = high < 0 ? -1 : digit(text[1]);
		if (low < 0)
			return false;
		digest[i] = (unsigned char)(high << 4 | low);
		text += 2;
	}
	tls_fingerprint_format(out, digest);
	return *text == '\0';
}
