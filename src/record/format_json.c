/* SPDX-License-Identifier: MIT */
#include "record/format_json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/escape.h"
#include "base/utf8.h"
#include "record/format_time.h"

static size_t
put(char *out, const char *text)
{
	return (size_t)(stpcpy(out, text) - out);
}

/* Write \uXXXX, or two of these for a character beyond the basic plane. */
static size_t
put_code_point(char *out, uint32_t c)
{
	if (c < 0x10000)
		return (size_t)sprintf(out, "\\u%04x", c);
	c -= 0x10000;
	return (size_t)sprintf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10),
			       0xdc00 + (c & 0x3ff));
}

static size_t
put_character(char *out, uint32_t c, const unsigned char *data, size_t size)
{
	switch (c) {
	case '"':
		return put(out, "\\\"");
	case '\\':
		return put(out, "\\\\");
	case '\n':
		return put(out, "\\n");
	case '\r':
		return put(out, "\\r");
	case '\t':
		return put(out, "\\t");
	default:
		break;
	}
	if (!escape_is_harmless(c))
		return put_code_point(out, c);
	memcpy(out, data, size);
	return size;
}

/* Write a string without its quotes.  false: data is not valid UTF-8. */
static bool
put_string(char *out, size_t *written, const unsigned char *data, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size;) {
		uint32_t code_point;
		size_t length = utf8_decode(data + i, size - i, &code_point);

		if (length == 0)
			return false;
		used += put_character(out + used, code_point, data + i, length);
		i += length;
	}
	*written = used;
	return true;
}

/* The same for text of portlogd, which is valid UTF-8. */
static size_t
put_text(char *out, const char *text, size_t size)
{
	size_t written = 0;

	put_string(out, &written, (const unsigned char *)text, size);
	return written;
}

static size_t
put_data(char *out, const unsigned char *data, size_t size)
{
	size_t used = put(out, ",\"data\":\""), written;

	if (put_string(out + used, &written, data, size)) {
		used += written;
	} else {
		used = put(out, ",\"data_base64\":\"");
		used += base64_encode(out + used, data, size);
	}
	out[used++] = '"';
	return used;
}

/* Whether a value of a note is a number of JSON: digits, with at most a dot. */
static bool
is_number(const char *value, size_t size)
{
	size_t digits = 0, dots = 0;

	for (size_t i = 0; i < size; i++) {
		digits += value[i] >= '0' && value[i] <= '9';
		dots += value[i] == '.';
	}
	return digits + dots == size && dots <= 1 && value[0] != '.' &&
	       value[size - 1] != '.' &&
	       (size == 1 || value[0] != '0' || value[1] == '.');
}

/* Write a note, "EVENT KEY=VALUE ...", as "event" and a member for each key. */
static size_t
put_note(char *out, const char *text, size_t size)
{
	const char *end = text + size;
	size_t used = put(out, ",\"event\":\"");

	while (text < end) {
		const char *space = memchr(text, ' ', (size_t)(end - text));
		const char *stop = space ? space : end;
		const char *equals = memchr(text, '=', (size_t)(stop - text));
		const char *value = equals ? equals + 1 : text;
		size_t length = (size_t)(stop - value);
		const char *quote =
			equals && length > 0 && is_number(value, length) ? ""
									 : "\"";

		if (equals)
			used += (size_t)sprintf(out + used, ",\"%.*s\":%s",
						(int)(equals - text), text,
						quote);
		used += put_text(out + used, value, length);
		used += put(out + used, quote);
		text = stop + 1;
	}
	return used;
}

static size_t
put_origin(char *out, const struct origin *origin)
{
	size_t used = put(out, ",\"listener\":\"");

	used += put_text(out + used, origin->listener,
			 strlen(origin->listener));
	out[used++] = '"';
	if (origin->protocol != PROTOCOL_NONE)
		used += (size_t)sprintf(out + used, ",\"protocol\":\"%s\"",
					address_protocol(origin->protocol));
	if (strcmp(origin->peer, "-") != 0) {
		const char *host, *port;
		size_t size;

		address_split(origin->peer, &host, &size, &port);
		/* A zone is a name of an interface and may have a quote. */
		used += put(out + used, ",\"peer\":\"");
		used += put_text(out + used, host, size);
		used += (size_t)sprintf(out + used, "\",\"port\":%s", port);
	}
	if (origin->connection > 0)
		used += (size_t)sprintf(out + used, ",\"connection\":%llu",
					(unsigned long long)origin->connection);
	return used;
}

size_t
format_json(char *out, const struct record *record)
{
	size_t used = put(out, "{\"time\":\"");

	format_time(out + used, &record->time);
	used += FORMAT_TIME - 1;
	out[used++] = '"';
	used += put_origin(out + used, record->origin);
	if (record->tag == TAG_NOTE) {
		used += put_note(out + used, (const char *)record->data,
				 record->size);
	} else {
		used += (size_t)sprintf(
			out + used, ",\"record\":%llu,\"tag\":\"%c\"",
			(unsigned long long)record->number, record->tag);
		used += put_data(out + used, record->data, record->size);
	}
	return used + put(out + used, "}\n");
}
