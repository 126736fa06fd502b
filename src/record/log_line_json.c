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

/* A member that is a string, or NULL. */
static const char *
string(const json_t *object, const char *key, size_t *size)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value))
		return NULL;
	*size = json_string_length(value);
	return json_string_value(value);
}

/* The two members of a peer as one text, "-" where there are none. */
static void
take_peer(struct logline *logline, const json_t *object)
{
	const json_t *port = json_object_get(object, "port");
	size_t size;
	const char *host = string(object, "peer", &size);

	if (host && json_is_integer(port))
		snprintf(logline->peer_text, sizeof logline->peer_text,
			 strchr(host, ':') ? "[%.64s]:%d" : "%.64s:%d", host,
			 (int)json_integer_value(port));
	else
		snprintf(logline->peer_text, sizeof logline->peer_text, "-");
	logline->peer = logline->peer_text;
	logline->peer_size = strlen(logline->peer_text);
}

static const char *
take_data(struct logline *logline, const json_t *object)
{
	const char *base64;
	size_t size;
	long decoded;

	logline->data = string(object, "data", &logline->size);
	if (logline->data)
		return NULL;
	base64 = string(object, "data_base64", &size);
	if (!base64)
		return "\"data\" or \"data_base64\"";
	logline->decoded = memory_zeroed(size, 1);
	decoded = base64_decode(logline->decoded, base64, size);
	if (decoded < 0)
		return "base64 in \"data_base64\"";
	logline->data = (const char *)logline->decoded;
	logline->size = (size_t)decoded;
	return NULL;
}

static const char *
take_members(struct logline *logline, const json_t *object)
{
	size_t size;
	const char *tag;

	logline->time = string(object, "time", &size);
	if (!logline->time || size != FORMAT_TIME - 1)
		return "\"time\"";
	logline->listener = string(object, "listener", &logline->listener_size);
	if (!logline->listener)
		return "\"listener\"";
	take_peer(logline, object);
	logline->connection = (uint64_t)json_integer_value(
		json_object_get(object, "connection"));
	logline->tag = TAG_NOTE;
	logline->data = string(object, "event", &logline->size);
	if (logline->data)
		return NULL;
	tag = string(object, "tag", &size);
	if (!tag || size != 1 || !strchr("FPET", *tag))
		return "\"tag\" to be F, P, E or T, or \"event\"";
	logline->tag = (enum tag) * tag;
	return take_data(logline, object);
}

const char *
logline_parse_json(struct logline *logline, const char *line, size_t size)
{
	json_t *object = json_loadb(line, size, JSON_ALLOW_NUL, NULL);

	*logline = (struct logline){ .tree = object };
	if (!json_is_object(object))
		return "a JSON object";
	return take_members(logline, object);
}

void
logline_free(struct logline *logline)
{
	free(logline->decoded);
	json_decref(logline->tree);
}

#else

const char *
logline_parse_json(struct logline *logline, const char *line, size_t size)
{
	(void)line;
	(void)size;
	*logline = (struct logline){ 0 };
	return "text: built without jansson, portlog reads no JSON";
}

void
logline_free(struct logline *logline)
{
	*logline = (struct logline){ 0 };
}

#endif
