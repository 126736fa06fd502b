/* SPDX-License-Identifier: MIT */
#include "input/first_bytes.h"

#include <stdbool.h>
#include <string.h>

static const struct {
	const char *text;
	enum first_bytes kind;
} beginnings[] = {
	{ "PROXY ", FIRST_BYTES_PROXY },  { "SSH-", FIRST_BYTES_SSH },
	{ "GET ", FIRST_BYTES_HTTP },     { "POST ", FIRST_BYTES_HTTP },
	{ "HEAD ", FIRST_BYTES_HTTP },    { "PUT ", FIRST_BYTES_HTTP },
	{ "DELETE ", FIRST_BYTES_HTTP },  { "OPTIONS ", FIRST_BYTES_HTTP },
	{ "CONNECT ", FIRST_BYTES_HTTP }, { "PATCH ", FIRST_BYTES_HTTP },
	{ "TRACE ", FIRST_BYTES_HTTP },   { "PRI * HTTP/2", FIRST_BYTES_HTTP },
};

/* Of PROXY, version 2. */
static const unsigned char signature[] = { '\r', '\n', '\r', '\n', '\0', '\r',
					   '\n', 'Q',  'U',  'I',  'T',  '\n' };

static bool
is_text(const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((data[i] < ' ' && data[i] != '\t' && data[i] != '\r' &&
		     data[i] != '\n') ||
		    data[i] == 0x7f)
			return false;
	return true;
}

/* A record of a handshake, 16 03 0x: SSL 3.0 to TLS 1.3. */
static enum first_bytes
judge_record(const unsigned char *data, size_t size)
{
	static const unsigned char record[] = { 0x16, 3 };

	if (memcmp(data, record, size < 2 ? size : 2) != 0 ||
	    (size > 2 && data[2] > 4))
		return FIRST_BYTES_OTHER;
	return size < FIRST_BYTES_ENOUGH ? FIRST_BYTES_FEW : FIRST_BYTES_TLS;
}

enum first_bytes
first_bytes_judge(const unsigned char *data, size_t size)
{
	if (size == 0)
		return FIRST_BYTES_FEW;
	if (data[0] == 0x16)
		return judge_record(data, size);
	if (size >= sizeof signature &&
	    memcmp(data, signature, sizeof signature) == 0)
		return FIRST_BYTES_PROXY;
	for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
		size_t length = strlen(beginnings[i].text);

		if (size >= length &&
		    memcmp(data, beginnings[i].text, length) == 0)
			return beginnings[i].kind;
	}
	return is_text(data, size) ? FIRST_BYTES_TEXT : FIRST_BYTES_OTHER;
}

const char *
first_bytes_name(enum first_bytes kind)
{
	static const char *const names[] = {
		[FIRST_BYTES_FEW] = "tls",     [FIRST_BYTES_TLS] = "tls",
		[FIRST_BYTES_PROXY] = "proxy", [FIRST_BYTES_HTTP] = "http",
		[FIRST_BYTES_SSH] = "ssh",     [FIRST_BYTES_TEXT] = "text",
		[FIRST_BYTES_OTHER] = "other",
	};

	return names[kind];
}
