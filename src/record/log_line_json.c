/* SPDX-License-Identifier: MIT */
#include "record/log_line.h"

#ifdef HAVE_JANSSON

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
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

static const char *
take_members(struct log_line *log_line, const json_t *object)
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
	log_line->tag = TAG_NOTE;
	log_line->data = get_string(object, "event", &log_line->size);
	if (log_line->data)
		return NULL;
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
