/* SPDX-License-Identifier: MIT */
#include "daemon/status_who.h"

#include <string.h>

#include "base/clock.h"
#include "config/peer_names.h"
#include "input/connection_view.h"
#include "input/registry_view.h"
#include "input/senders.h"
#include "input/udp.h"

/* How many are looked at with the locks held: some 100 microseconds. */
#define STEP 64

struct step {
	struct connection_view list[STEP];
	size_t count;
};

static void
look(const struct registry_entry *entry, void *argument)
{
	struct step *step = argument;

	connection_look(entry, &step->list[step->count++]);
}

static void
add_age(struct json_line *line, const char *key, long long since_ms)
{
	long long age_ms = clock_now_ms() - since_ms;

	json_line_add_ms(line, key,
			 age_ms > 0 ? (unsigned long long)age_ms : 0);
}

/* As the log's JSON has it: "192.0.2.7" and 51034. */
static void
add_host(struct json_line *line, char text[ADDRESS_TEXT])
{
	const char *host, *port;
	size_t size;
	uint16_t number = 0;

	address_split(text, &host, &size, &port);
	address_parse_port(port, &number);
	text[host + size - text] = '\0';
	json_line_add_text(line, "peer", host);
	json_line_add_number(line, "port", number);
}

static void
add_peer(struct json_line *line, const struct listener *l,
	 const struct address *peer, const struct address *proxy)
{
	const char *name = peer_names_find(l->config->peer_names, peer);
	char text[ADDRESS_TEXT];

	json_line_add_text(line, "listener", l->name);
	json_line_add_text(line, "protocol",
			   address_protocol(l->config->protocol));
	address_format(peer, text);
	if (l->config->path)
		json_line_add_text(line, "peer", text);
	else
		add_host(line, text);
	if (name)
		json_line_add_text(line, "name", name);
	if (proxy->size > 0) {
		address_format(proxy, text);
		json_line_add_text(line, "by", text);
	}
}

static void
put_connection(const struct connection_view *v, struct status_request *r)
{
	struct json_line *line = &r->line;

	json_line_begin(line);
	add_peer(line, v->listener, &v->peer, &v->proxy);
	json_line_add_number(line, "connection", v->number);
	json_line_add_number(line, "records", v->records);
	json_line_add_number(line, "bytes", v->bytes);
	json_line_add_number(line, "unread", v->unread);
	add_age(line, "seconds", v->opened_ms);
	add_age(line, "idle_seconds", v->received_ms);
	json_line_end(line);
}

static void
put_connections(struct gate *gate, struct listeners *ls,
		struct status_request *r)
{
	struct registry_walk walk;
	struct step step;
	bool goes_on = true;

	gate_enter(gate);
	registry_walk_begin(&ls->registry, &walk);
	while (goes_on && !r->failed) {
		step.count = 0;
		goes_on = registry_walk_step(&ls->registry, &walk, STEP, look,
					     &step);
		for (size_t i = 0; i < step.count; i++)
			put_connection(&step.list[i], r);
		gate_leave(gate);
		status_request_write(r, false);
		gate_enter(gate);
	}
	registry_walk_end(&ls->registry, &walk);
	gate_leave(gate);
}

static void
put_sender(const struct listener *l, const struct sender *sender,
	   struct status_request *r)
{
	static const struct address no_proxy;
	struct json_line *line = &r->line;

	json_line_begin(line);
	add_peer(line, l, &sender->peer, &no_proxy);
	json_line_add_number(line, "datagrams", sender->datagrams);
	json_line_add_number(line, "bytes", sender->bytes);
	add_age(line, "seconds", sender->first_ms);
	add_age(line, "idle_seconds", sender->last_ms);
	json_line_end(line);
}

static void
put_forgotten(const struct listener *l, uint64_t forgotten,
	      struct status_request *r)
{
	json_line_begin(&r->line);
	json_line_add_text(&r->line, "listener", l->name);
	json_line_add_number(&r->line, "forgotten", forgotten);
	json_line_end(&r->line);
}

/* Returns whether there may be more of them; inside the gate. */
static bool
put_some_senders(const struct listeners *ls, size_t number, size_t *next,
		 struct status_request *r)
{
	const struct listener *l = &ls->list[number];
	struct sender list[STEP];
	uint64_t forgotten;
	size_t count;

	if (!l->udp)
		return false;
	count = senders_copy(udp_senders(l->udp), next, list, STEP);
	for (size_t i = 0; i < count; i++)
		put_sender(l, &list[i], r);
	forgotten = senders_forgotten(udp_senders(l->udp));
	if (count == 0 && forgotten > 0)
		put_forgotten(l, forgotten, r);
	return count > 0;
}

static void
put_senders(struct gate *gate, const struct listeners *ls, size_t number,
	    struct status_request *r)
{
	bool goes_on = true;
	size_t next = 0;

	while (goes_on && !r->failed) {
		gate_enter(gate);
		goes_on = put_some_senders(ls, number, &next, r);
		gate_leave(gate);
		status_request_write(r, false);
	}
}

void
status_who(struct gate *gate, struct listeners *ls, struct status_request *r)
{
	size_t count;

	put_connections(gate, ls, r);
	gate_enter(gate);
	count = ls->count;
	gate_leave(gate);
	for (size_t i = 0; i < count; i++)
		put_senders(gate, ls, i, r);
}
