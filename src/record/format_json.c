/* SPDX-License-Identifier: MIT */
#include "record/format_json.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "base/decimal.h"
#include "base/json_string.h"
#include "base/utf8.h"
#include "record/format_time.h"

/* Constant text, which needs no escape; without a NUL. */
static inline size_t
put(char *out, const char *text)
{
	return (size_t)((char *)mempcpy(out, text, strlen(text)) - out);
}

static size_t
put_number(char *out, const char *key, uint64_t value)
{
	size_t used = put(out, key);

	return (size_t)(decimal_put(out + used, value) - out);
}

/* Text of portlogd is valid UTF-8. */
static size_t
put_text(char *out, const char *text, size_t size)
{
	size_t written;

	json_string_put(out, SIZE_MAX, &written, (const unsigned char *)text,
			&size);
	return written;
}

/* How many bytes of data to encode, so that they fit and end no character. */
static size_t
base64_fit(const unsigned char *data, size_t size, size_t capacity)
{
	return BASE64_SIZE(size) <= capacity ? size
					     : utf8_cut(data, capacity / 4 * 3);
}

/* Write as much of data as fits.  Sets *size to the bytes that these are. */
static size_t
put_data(char *out, size_t capacity, const unsigned char *data, size_t *size)
{
	static const char base64_name[] = ",\"data_base64\":\"";
	size_t used = put(out, ",\"data\":\""), written, valid = *size;
	size_t encoded = base64_fit(data, *size, capacity - sizeof base64_name);

	if (json_string_put(out + used, capacity - used - 1, &written, data,
			    &valid) ||
	    valid >= encoded) {
		used += written;
		*size = valid;
	} else {
		used = put(out, base64_name);
		used += base64_encode(out + used, data, encoded);
		*size = encoded;
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

/*
 * Write "KEY=VALUE" of a note as a member, and its first word as "event".
 * "KEY<=VALUE" has a second member, for no key is called so.
 */
static size_t
put_word(char *out, const char *text, const char *end)
{
	const char *equals = memchr(text, '=', (size_t)(end - text));
	const char *value = equals ? equals + 1 : text;
	size_t key = equals ? (size_t)(equals - text) : sizeof "event" - 1;
	size_t length = (size_t)(end - value), used;
	bool is_most = equals && equals > text && equals[-1] == '<';
	const char *quote =
		equals && length > 0 && is_number(value, length) ? "" : "\"";

	used = put(out, ",\"");
	memcpy(out + used, equals ? text : "event", key - is_most);
	used += key - is_most;
	used += put(out + used, "\":");
	used += put(out + used, quote);
	used += put_text(out + used, value, length);
	used += put(out + used, quote);
	return used + put(out + used, is_most ? ",\"at_most\":true" : "");
}

/* Text shows it in notes alone; the prefix has it. */
static bool
is_of_origin(const struct origin *origin, const char *word, size_t size)
{
	return (origin->name && size >= 5 && memcmp(word, "name=", 5) == 0) ||
	       (origin->by && size >= 3 && memcmp(word, "by=", 3) == 0) ||
	       (origin->fingerprint && size >= 12 &&
		memcmp(word, "fingerprint=", 12) == 0);
}

/* Write a note, "EVENT KEY=VALUE ...". */
static size_t
put_note(char *out, const struct origin *origin, const char *text, size_t size)
{
	const char *end = text + size;
	size_t used = 0;

	while (text < end) {
		const char *space = memchr(text, ' ', (size_t)(end - text));
		const char *stop = space ? space : end;

		if (!is_of_origin(origin, text, (size_t)(stop - text)))
			used += put_word(out + used, text, stop);
		text = stop + 1;
	}
	return used;
}

static size_t
put_member(char *out, const char *key, const char *text, size_t size)
{
	size_t used = put(out, key);

	used += put_text(out + used, text, size);
	out[used++] = '"';
	return used;
}

static size_t
put_optional(char *out, const char *key, const char *text)
{
	return text ? put_member(out, key, text, strlen(text)) : 0;
}

static size_t
put_peer(char *out, const struct origin *origin)
{
	const char *host, *port;
	size_t used, size;

	if (strcmp(origin->peer, "-") == 0)
		return 0;
	if (protocol_is_unix(origin->protocol))
		return put_optional(out, ",\"peer\":\"", origin->peer);
	address_split(origin->peer, &host, &size, &port);
	/* A zone is a name of an interface and may have a quote. */
	used = put_member(out, ",\"peer\":\"", host, size);
	used += put(out + used, ",\"port\":");
	return used + put(out + used, port);
}

size_t
format_json_prefix(char *out, const struct origin *origin)
{
	size_t used = put(out, "{\"time\":\"") + FORMAT_TIME - 1;

	used += put(out + used, "\"");
	used += put_optional(out + used, ",\"listener\":\"", origin->listener);
	if (origin->protocol != PROTOCOL_NONE)
		used += put_optional(out + used, ",\"protocol\":\"",
				     address_protocol(origin->protocol));
	used += put_peer(out + used, origin);
	used += put_optional(out + used, ",\"by\":\"", origin->by);
	used += put_optional(out + used, ",\"name\":\"", origin->name);
	used += put_optional(out + used, ",\"fingerprint\":\"",
			     origin->fingerprint);
	used += put_optional(out + used, ",\"run\":\"", origin->run);
	if (origin->connection > 0)
		used += put_number(out + used,
				   ",\"connection\":", origin->connection);
	return used;
}

/*
 * Write what a peer has sent, from done on, as put_data() does; is_piece: not
 * all of the record is in this line.
 */
static size_t
put_record(char *out, size_t limit, const struct record *record, size_t done,
	   size_t *size, bool is_piece)
{
	size_t used = 0, tag;

	if (record->number > 0)
		used += put_number(out, ",\"record\":", record->number);
	if (is_piece)
		used += put_number(out + used,
				   ",\"piece\":", record->begin + done);
	used += put(out + used, ",\"tag\":\"");
	tag = used++;
	out[used++] = '"';
	used += put_data(out + used, limit - used, record->data + done, size);
	out[tag] = (char)record_line_tag(record, done + *size);
	return used;
}

size_t
format_json(char *out, size_t used, size_t limit, const struct record *record,
	    size_t done, size_t *size)
{
	if (record->tag == TAG_NOTE) {
		used += put_note(out + used, record->origin,
				 (const char *)record->data, record->size);
	} else {
		bool is_piece = record_has_pieces(record) || done > 0;
		size_t head = used, left = limit - head - 2, all = *size;

		used += put_record(out + head, left, record, done, size,
				   is_piece);
		if (!is_piece && *size < all) { /* it does not fit: once more */
			*size = all;
			used = head + put_record(out + head, left, record, done,
						 size, true);
		}
	}
	out[used++] = '}';
	out[used++] = '\n';
	return used;
}
