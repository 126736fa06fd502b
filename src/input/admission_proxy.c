/* SPDX-License-Identifier: MIT */
#include "input/admission_proxy.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/escape.h"
#include "config/networks.h"
#include "input/connection_io.h"
#include "input/connection_memory.h"
#include "input/connection_progress.h"
#include "input/proxy_header.h"
#include "input/transport.h"

/* The pause where poll(2) returns before what was asked for is there. */
#define RETRY_MS 100

/* Bytes of a name in a note; of a longer one these are the first. */
#define NAME_BYTES 128
#define NAME_TEXT (ESCAPE_GROWTH * NAME_BYTES + 1)

static_assert(STATE_HEADER_MAX == PROXY_HEADER_MAX,
	      "the state bounds a header by another size");

static void
describe(struct connection *c, const struct proxy_header *header)
{
	size_t size = header->name_size;
	char name[NAME_TEXT];

	if (size > NAME_BYTES)
		size = NAME_BYTES;
	name[escape_value(name, sizeof name, header->name, size)] = '\0';
	connection_describe_proxy(c, size > 0 ? name : NULL);
}

/* Its peer is the source of which the header tells, if that may talk. */
static enum admission_result
admit_told(const struct admission *a, const struct proxy_header *header)
{
	struct connection *c = a->connection;
	const struct listener_config *config = c->listener->config;
	const struct address *source = &header->source;

	if (!networks_allow(config, source))
		return admission_refuse(a, source, "network", NULL);
	address_format(&c->entry.peer, c->by);
	if (!registry_set_peer(c->registry, &c->entry, source,
			       config->limits.max_connections_per_source))
		return admission_refuse(a, source, "limit", NULL);
	connection_name_peer(c);
	describe(c, header);
	return ADMISSION_GRANTED;
}

/* A whole header is in the stream, and none of it was taken. */
static enum admission_result
admit(const struct admission *a, const struct proxy_header *header,
      bool is_told)
{
	struct connection *c = a->connection;
	enum admission_result result =
		is_told ? admit_told(a, header) : ADMISSION_GRANTED;

	if (result != ADMISSION_GRANTED)
		return result;
	c->header_left = header->size;
	connection_progress_header(c, is_told ? &header->source : NULL,
				   header->size);
	return ADMISSION_GRANTED;
}

static enum admission_result
refuse_header(const struct admission *a, const char *detail)
{
	return admission_refuse(a, &a->connection->entry.peer, "proxy", detail);
}

/* There is but a part of it: *wanted are the bytes to wait for. */
static enum admission_result
await_more(const struct admission *a, size_t size, size_t needed,
	   size_t *wanted)
{
	const struct connection *c = a->connection;

	if (needed > c->listener->pool.input_size)
		return refuse_header(a, "detail=malformed");
	if (a->has_ended && registry_is_stopped(c->registry, &c->entry))
		return admission_refuse(a, &c->entry.peer, "shutdown", NULL);
	if (a->has_ended)
		return refuse_header(a, "detail=malformed");
	if (size < *wanted)
		clock_sleep_ms(RETRY_MS);
	*wanted = needed;
	return ADMISSION_GRANTED;
}

/* Look at what there is, and leave it in the kernel. */
static enum admission_result
look(const struct admission *a, size_t *wanted)
{
	struct connection *c = a->connection;
	unsigned char *data = c->batch->input;
	struct proxy_header header;
	ssize_t size = recv(c->entry.fd, data, c->listener->pool.input_size,
			    MSG_PEEK | MSG_DONTWAIT);

	if (size < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM ||
			 errno == ENOBUFS))
		return await_more(a, 0, *wanted, wanted);
	if (size <= 0)
		return admission_leave(a);
	switch (proxy_header_read(&header, data, (size_t)size)) {
	case PROXY_INCOMPLETE:
		return await_more(a, (size_t)size, header.size, wanted);
	case PROXY_TOLD:
		return admit(a, &header, true);
	case PROXY_NOT_TOLD:
		return admit(a, &header, false);
	case PROXY_MISSING:
		return refuse_header(a, "detail=missing");
	case PROXY_CHECKSUM:
		return refuse_header(a, "detail=checksum");
	case PROXY_MALFORMED:
		break;
	}
	return refuse_header(a, "detail=malformed");
}

static enum admission_result
await_header(struct admission *a)
{
	struct connection *c = a->connection;
	enum admission_result result = ADMISSION_GRANTED;
	size_t wanted = PROXY_HEADER_MIN;

	while (result == ADMISSION_GRANTED &&
	       c->proxy_header == STATE_HEADER_AWAITED) {
		sockets_set_low_water(c->entry.fd, wanted);
		result = admission_wait(a, POLLIN);
		if (result != ADMISSION_GRANTED)
			break;
		connection_borrow(c);
		result = look(a, &wanted);
		connection_give_back(c);
	}
	return result;
}

/* The state has what it says: a kill in between loses nothing of it. */
static void
take_header(struct connection *c)
{
	sockets_set_low_water(c->entry.fd, 1);
	if (c->header_left > 0)
		transport_take(c->entry.fd, c->header_left);
	c->header_left = 0;
	connection_progress_header_taken(c);
}

enum admission_result
admission_read_header(struct admission *a)
{
	enum admission_result result = await_header(a);

	if (result == ADMISSION_GRANTED)
		take_header(a->connection);
	return result;
}
