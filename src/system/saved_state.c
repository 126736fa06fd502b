/* SPDX-License-Identifier: MIT */
#include "system/saved_state.h"

#include <string.h>

#include "record/framer.h"

/* Sizes are part of it, so that a change of a structure changes it too. */
struct beginning {
	char magic[16];
	uint32_t listener_size, connection_size;
	uint64_t last_number;
};

static const char magic[16] = "portlog kept 1\n";

enum kind { KIND_LISTENER = 1, KIND_CONNECTION };

/* Before each structure; size counts what follows, with what is held. */
struct heading {
	uint64_t kind, size;
};

void
saved_state_begin(struct buffer *buffer, uint64_t last_number)
{
	struct beginning beginning = {
		.listener_size = sizeof(struct saved_listener),
		.connection_size = sizeof(struct saved_connection),
		.last_number = last_number,
	};

	memcpy(beginning.magic, magic, sizeof magic);
	buffer_add(buffer, &beginning, sizeof beginning);
}

void
saved_state_add_listener(struct buffer *buffer,
			 const struct saved_listener *listener)
{
	struct heading heading = { KIND_LISTENER, sizeof *listener };

	buffer_add(buffer, &heading, sizeof heading);
	buffer_add(buffer, listener, sizeof *listener);
}

void
saved_state_add_connection(struct buffer *buffer,
			   const struct saved_connection *connection,
			   const void *held)
{
	struct heading heading = { KIND_CONNECTION,
				   sizeof *connection + connection->held };

	buffer_add(buffer, &heading, sizeof heading);
	buffer_add(buffer, connection, sizeof *connection);
	buffer_add(buffer, held, (size_t)connection->held);
}

/* The next structure, of *at on; false: there is none, or not all of it. */
static bool
next(const unsigned char *data, size_t size, size_t *at,
     struct heading *heading, const unsigned char **body)
{
	if (size - *at < sizeof *heading)
		return false;
	memcpy(heading, data + *at, sizeof *heading);
	*at += sizeof *heading;
	if (heading->size > size - *at)
		return false;
	*body = data + *at;
	*at += (size_t)heading->size;
	return true;
}

static bool
is_listener(const struct heading *heading, const unsigned char *body,
	    struct saved_listener *out)
{
	if (heading->kind != KIND_LISTENER || heading->size != sizeof *out)
		return false;
	memcpy(out, body, sizeof *out);
	return memchr(out->name, '\0', sizeof out->name);
}

static bool
is_connection(const struct heading *heading, const unsigned char *body,
	      struct saved_connection *out)
{
	if (heading->kind != KIND_CONNECTION || heading->size < sizeof *out)
		return false;
	memcpy(out, body, sizeof *out);
	return out->held == heading->size - sizeof *out &&
	       out->peer_size <= sizeof out->peer &&
	       (out->framing <= FRAMING_CHUNK || out->framing == FRAMING_REST);
}

bool
saved_state_is_sound(const void *data, size_t size)
{
	struct beginning beginning;
	struct saved_connection connection;
	struct saved_listener listener;
	const unsigned char *body;
	struct heading heading;
	size_t at = sizeof beginning;

	if (size < sizeof beginning)
		return false;
	memcpy(&beginning, data, sizeof beginning);
	if (memcmp(beginning.magic, magic, sizeof magic) != 0 ||
	    beginning.listener_size != sizeof listener ||
	    beginning.connection_size != sizeof connection)
		return false;
	while (at < size)
		if (!next(data, size, &at, &heading, &body) ||
		    (!is_listener(&heading, body, &listener) &&
		     !is_connection(&heading, body, &connection)))
			return false;
	return true;
}

uint64_t
saved_state_last_number(const void *data)
{
	struct beginning beginning;

	memcpy(&beginning, data, sizeof beginning);
	return beginning.last_number;
}

bool
saved_state_find_listener(const void *data, size_t size, const char *name,
			  struct saved_listener *out)
{
	size_t at = sizeof(struct beginning);
	const unsigned char *body;
	struct heading heading;

	while (next(data, size, &at, &heading, &body))
		if (is_listener(&heading, body, out) &&
		    strcmp(out->name, name) == 0)
			return true;
	*out = (struct saved_listener){ 0 };
	return false;
}

bool
saved_state_find_connection(const void *data, size_t size, uint64_t number,
			    struct saved_connection *out,
			    const unsigned char **held)
{
	size_t at = sizeof(struct beginning);
	const unsigned char *body;
	struct heading heading;

	while (next(data, size, &at, &heading, &body))
		if (is_connection(&heading, body, out) &&
		    out->number == number) {
			*held = body + sizeof *out;
			return true;
		}
	*out = (struct saved_connection){ 0 };
	*held = NULL;
	return false;
}
