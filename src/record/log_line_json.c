/* SPDX-License-Identifier: MIT */
#include "record/log_line.h"

#ifdef HAVE_JANSSON

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "record/format_time.h"

/* The member of that name.  NULL: it is no string, or absent. */
static const char *
get_string(const json_t *object, const char *key, size_t *size)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value))
		return NULL;
	*size = json_string_length(value);
	return json_string_value(value);
}

/* Join "peer" and "port" to one text, "-" if there are none. */
static void
take_peer(struct log_line *log_line, const json_t *object)
{
	const json_t *port = json_object_get(object, "port");
	size_t size;
	const char *host = get_string(object, "peer", &size);

	if (host && strncmp(host, "unix:", 5) == 0)
		snprintf(log_line->peer_text, sizeof log_line->peer_text,
			 "%.79s", host);
	else if (host && json_is_integer(port))
		snprintf(log_line->peer_text, sizeof log_line->peer_text,
			 strchr(host, ':') ? "[%.64s]:%d" : "%.64s:%d", host,
			 (int)json_integer_value(port));
	else
		snprintf(log_line->peer_text, sizeof log_line->peer_text, "-");
	log_line->peer = log_line->peer_text;
	log_line->peer_size = strlen(log_line->peer_text);
}

static const char *
take_data(struct log_line *log_line, const json_t *object)
{
	const char *base64;
	size_t size;
	long decoded;

	log_line->data = get_string(object, "data", &log_line->size);
	if (log_line->data)
		return NULL;
	base64 = get_string(object, "data_base64", &size);
	if (!base64)
		return "\"data\" or \"data_base64\"";
	log_line->decoded = memory_zeroed(size, 1);
	decoded = base64_decode(log_line->decoded, base64, size);
	if (decoded < 0)
		return "base64 in \"data_base64\"";
	log_line->data = (const char *)log_line->decoded;
	log_line->size = (size_t)decoded;
	return NULL;
}

/*
 * Whether a member is a column of the text format, or stands in none.  at_most
 * is part of the word that the number of its note becomes.
 */
static bool
is_column(const char *key)
{
	static const char *const columns[] = {
		"time",       "listener", "protocol", "peer", "port",   "event",
		"connection", "record",   "piece",    "run",  "at_most"
	};

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		if (strcmp(key, columns[i]) == 0)
			return true;
	return false;
}

/* " KEY=VALUE"; numbers with decimals have three of them. */
static void
add_word(struct buffer *text, const char *key, const json_t *value,
	 bool is_most)
{
	const char *equals = is_most && json_is_integer(value) ? "<=" : "=";
	char number[64];

	buffer_add(text, " ", 1);
	buffer_add(text, key, strlen(key));
	buffer_add(text, equals, strlen(equals));
	if (json_is_integer(value))
		snprintf(number, sizeof number, "%lld",
			 (long long)json_integer_value(value));
	else
		snprintf(number, sizeof number, "%.3f",
			 json_number_value(value));
	if (json_is_string(value))
		buffer_add(text, json_string_value(value),
			   json_string_length(value));
	else
		buffer_add(text, number, strlen(number));
}

/* A note as the text format has it: "EVENT KEY=VALUE ...". */
static void
take_note(struct log_line *log_line, json_t *object)
{
	bool is_most = json_is_true(json_object_get(object, "at_most"));
	struct buffer text = { 0 };
	const char *key;
	json_t *value;

	buffer_add(&text, log_line->data, log_line->size);
	json_object_foreach(object, key, value) if (!is_column(key))
		add_word(&text, key, value, is_most);
	log_line->tag = TAG_NOTE;
	log_line->decoded = (unsigned char *)text.data;
	log_line->data = text.data;
	log_line->size = text.size;
}

static const char *
take_members(struct log_line *log_line, json_t *object)
{
	size_t size;
	const char *tag;

	log_line->time = get_string(object, "time", &size);
	if (!log_line->time || size != FORMAT_TIME - 1)
		return "\"time\"";
	log_line->listener =
		get_string(object, "listener", &log_line->listener_size);
	if (!log_line->listener)
		return "\"listener\"";
	take_peer(log_line, object);
	log_line->connection = (uint64_t)json_integer_value(
		json_object_get(object, "connection"));
	log_line->data = get_string(object, "event", &log_line->size);
	if (log_line->data) {
		take_note(log_line, object);
		return NULL;
	}
	tag = get_string(object, "tag", &size);
	if (!tag || size != 1 || !strchr("FPET", *tag))
		return "\"tag\" to be F, P, E or T, or \"event\"";
	log_line->tag = (enum tag) * tag;
	return take_data(log_line, object);
}

const char *
log_line_parse_json(struct log_line *log_line, const char *line, size_t size)
{
	json_t *object = json_loadb(line, size, JSON_ALLOW_NUL, NULL);

	*log_line = (struct log_line){ .tree = object };
	if (!json_is_object(object))
		return "a JSON object";
	return take_members(log_line, object);
}

void
log_line_free(struct log_line *log_line)
{
	free(log_line->decoded);
	json_decref(log_line->tree);
}

#else

const char *
log_line_parse_json(struct log_line *log_line, const char *line, size_t size)
{
	(void)line;
	(void)size;
	*log_line = (struct log_line){ 0 };
	return "text: built without jansson, portlog reads no JSON";
}

void
log_line_free(struct log_line *log_line)
{
	*log_line = (struct log_line){ 0 };
}

#endif
