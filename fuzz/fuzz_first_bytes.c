/* SPDX-License-Identifier: MIT */
/* fuzz_first_bytes: what a stream begins with. */
#include "input/first_bytes.h"

#include "fuzz.h"

static bool
begins(const uint8_t *data, size_t size, const char *with, size_t length)
{
	return size >= length && memcmp(data, with, length) == 0;
}

static bool
is_http(const uint8_t *data, size_t size)
{
	static const char methods[] = "CONNECT \0DELETE \0GET \0HEAD \0"
				      "OPTIONS \0PATCH \0POST \0PRI * HTTP/2\0"
				      "PUT \0TRACE \0";

	for (const char *m = methods; *m; m += strlen(m) + 1)
		if (begins(data, size, m, strlen(m)))
			return true;
	return false;
}

static bool
is_printable(const uint8_t *data, size_t size)
{
	while (size > 0 && !strchr("\1\2\3\4\5\6\7\b\v\f\16\17\20\21\22\23\24"
				   "\25\26\27\30\31\32\33\34\35\36\37\177",
				   data[size - 1]))
		size--;
	return size == 0;
}

static enum first_bytes
judge(const uint8_t *data, size_t size)
{
	if (size == 0 || (size < 3 && memcmp(data, "\x16\3", size) == 0))
		return FIRST_BYTES_FEW;
	if (begins(data, size, "\x16\3", 2) && data[2] <= 4)
		return FIRST_BYTES_TLS;
	if (begins(data, size, "PROXY ", 6) ||
	    begins(data, size, "\r\n\r\n\0\r\nQUIT\n", 12))
		return FIRST_BYTES_PROXY;
	if (begins(data, size, "SSH-", 4))
		return FIRST_BYTES_SSH;
	if (is_http(data, size))
		return FIRST_BYTES_HTTP;
	return is_printable(data, size) ? FIRST_BYTES_TEXT : FIRST_BYTES_OTHER;
}

int
fuzz_first_bytes(const uint8_t *data, size_t size)
{
	void *copy = fuzz_copy(data, size);
	enum first_bytes kind = first_bytes_judge(copy, size);

	REQUIRE(kind == judge(data, size));
	REQUIRE(kind != FIRST_BYTES_FEW || size < FIRST_BYTES_ENOUGH);
	REQUIRE(strlen(first_bytes_name(kind)) > 0);
	free(copy);
	return 0;
}
