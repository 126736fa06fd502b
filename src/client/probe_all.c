/* SPDX-License-Identifier: MIT */
#include "client/probe_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/child.h"
#include "config/networks.h"

#define STEP_MS 20
#define STATUS_MS 1000
#define JOURNAL_MS 3000

/* Connections at one time: they count for max_connections. */
#define AT_ONCE 16

static void
make_token(char token[PROBE_TOKEN])
{
	unsigned random = 0;

	if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
		random = (unsigned)clock_now_ms();
	snprintf(token, PROBE_TOKEN, "%08x", random);
}

/* Whether the listener takes what comes from this address of ours to it. */
static bool
is_let_in(const struct listener_config *l, const struct address *own)
{
	return networks_allow(l, own) ||
	       (l->protocol == PROTOCOL_TCP && networks_has_proxy(l, own));
}

static bool
fits(const struct address *bound, const struct address *own)
{
	return !bound ||
	       (bound->any.sa_family == own->any.sa_family &&
		(address_is_any(bound) || address_same_host(bound, own)));
}

/* An address of ours at which the listener takes a probe.  false: none. */
static bool
find_address(const struct check *c, struct check_listener *l)
{
	bool is_any = strcmp(l->config->address, "*") == 0;
	struct address bound;

	if (!is_any && !address_parse(&bound, l->config->address, 0))
		return false;
	/* One that needs a zone is not in the list. */
	if (!is_any && !address_is_any(&bound)) {
		l->address = bound;
		l->address.in.sin_port = htons((uint16_t)l->port);
		return is_let_in(l->config, &bound);
	}
	for (size_t i = 0; i < c->addresses.count; i++) {
		const struct address *own = &c->addresses.list[i];

		if (!fits(is_any ? NULL : &bound, own) ||
		    !is_let_in(l->config, own))
			continue;
		l->address = *own;
		l->address.in.sin_port = htons((uint16_t)l->port);
		return true;
	}
	return false;
}

/* Why there can be no probe from here; NULL: there can. */
static const char *
find_obstacle(const struct check *c, struct check_listener *l,
	      const char *marker)
{
	const char *interface = l->config->interface;

	if (interface && strcmp(interface, "lo") != 0)
		return "it takes nothing but from its interface";
	if (!l->config->path && !find_address(c, l))
		return "its allow or deny refuses this host";
	if (l->config->tls && l->config->tls->clients == TLS_CLIENTS_REQUIRED)
		return "it requires a certificate of whoever sends";
	if (l->config->tls && access(l->config->tls->certificate, R_OK) != 0)
		return "this user cannot read its certificate";
	if (l->config->limits.max_record < strlen(marker))
		return "its max_record is shorter than a probe";
	if (l->status && protocol_is_stream(l->config->protocol) &&
	    (l->status->connections >= l->status->max_connections ||
	     c->status.connections >= c->status.max_connections))
		return "max_connections is reached";
	return NULL;
}

/* Whoever has the listener's own certificate is it.  NULL: logged. */
static struct tls *
open_tls(const struct config_tls *config)
{
	const struct tls_options options = { .ca = config->certificate };

	return tls_open(&options, NULL);
}

static void
send_one(struct check *c, struct check_listener *l, long long until_ms)
{
	struct tls *tls = NULL;
	char marker[PROBE_MARKER];

	probe_marker(marker, c->token, (size_t)(l - c->listeners));
	l->untried = l->listens ? find_obstacle(c, l, marker) : "";
	if (l->untried)
		return;
	if (l->config->tls && !(tls = open_tls(l->config->tls))) {
		l->untried = "its certificate file has none";
		return;
	}
	probe_send(&l->probe, l->config, l->config->path ? NULL : &l->address,
		   tls, marker, until_ms);
	tls_close(tls);
}

static void
send_all(struct check *c)
{
	long long until_ms = clock_now_ms() + PROBE_RECEIPTS_MS;
	struct probe *awaited[AT_ONCE];
	size_t count = 0;

	for (size_t i = 0; i < c->config.listener_count; i++) {
		struct check_listener *l = &c->listeners[i];

		send_one(c, l, until_ms);
		if (!l->untried && protocol_is_stream(l->config->protocol))
			awaited[count++] = &l->probe;
		if (count == AT_ONCE) {
			probe_wait(awaited, count, until_ms);
			count = 0;
		}
	}
	probe_wait(awaited, count, until_ms);
}

static void
open_files(struct check *c)
{
	for (size_t i = 0; i < c->config.output_count; i++) {
		struct check_output *o = &c->outputs[i];

		o->markers.count = c->config.listener_count;
		o->markers.found = memory_zeroed(o->markers.count + 1, 1);
		if (o->config->type == OUTPUT_FILE)
			marker_files_open(&o->files, o->config->path);
	}
}

/* Whether all markers that can come to this output are there. */
static bool
has_all(const struct check *c, const struct check_output *o)
{
	uint64_t bit = UINT64_C(1) << (o - c->outputs);

	for (size_t i = 0; i < c->config.listener_count; i++) {
		struct check_listener *l = &c->listeners[i];
		bool is_stream = protocol_is_stream(l->config->protocol);

		if (!is_stream)
			probe_is_refused(&l->probe);
		if (l->config->output_mask & bit && !o->markers.found[i] &&
		    l->probe.state == (is_stream ? PROBE_TAKEN : PROBE_SENT))
			return false;
	}
	return true;
}

static void
search_journal(const struct check *c, struct check_output *o,
	       const char *prefix)
{
	char since[40], field[80];
	const char *const arguments[] = { "journalctl",   "--quiet",
					  "--output=cat", since,
					  field,          NULL };
	struct buffer out = { 0 };

	snprintf(since, sizeof since, "--since=@%lld.%06ld",
		 (long long)c->began.tv_sec, c->began.tv_nsec / 1000);
	snprintf(field, sizeof field, "SYSLOG_IDENTIFIER=%s", o->config->ident);
	o->files.error = child_run(arguments, &out, JOURNAL_MS) ? 0 : EACCES;
	if (out.size > 0)
		markers_search(&o->markers, prefix, out.data, out.size, true);
	buffer_free(&out);
}

/* Search all that can be read.  false: they have not all markers yet. */
static bool
search_all(struct check *c)
{
	char prefix[PROBE_MARKER];
	bool found = true;

	snprintf(prefix, sizeof prefix, "portlog check %s-", c->token);
	for (size_t i = 0; i < c->config.output_count; i++) {
		struct check_output *o = &c->outputs[i];

		if (o->config->type == OUTPUT_JOURNAL)
			search_journal(c, o, prefix);
		else if (o->config->type == OUTPUT_FILE)
			marker_files_search(&o->files, o->config->path, prefix,
					    &o->markers);
		else
			continue;
		found = (o->files.error == EACCES || has_all(c, o)) && found;
	}
	return found;
}

/* Whether the daemon has counted a record for each datagram. */
static bool
has_counted(const struct check *c)
{
	for (size_t i = 0; i < c->config.listener_count; i++) {
		const struct check_listener *l = &c->listeners[i];
		const struct listener_status *after =
			daemon_status_listener(&c->after, l->config->name, i);

		if (l->status && after && l->probe.state == PROBE_SENT &&
		    !protocol_is_stream(l->config->protocol) &&
		    after->records <= l->status->records)
			return false;
	}
	return true;
}

static void
ask_again(struct check *c)
{
	long long until_ms = clock_now_ms() + STATUS_MS;

	daemon_status_ask(&c->after, c->config.status_socket, STATUS_MS);
	while (!has_counted(c) && clock_now_ms() < until_ms) {
		clock_sleep_ms(STEP_MS);
		daemon_status_free(&c->after);
		daemon_status_ask(&c->after, c->config.status_socket,
				  STATUS_MS);
	}
}

void
probe_all(struct check *c)
{
	long long until_ms;

	make_token(c->token);
	clock_gettime(CLOCK_REALTIME, &c->began);
	own_addresses_find(&c->addresses);
	open_files(c);
	send_all(c);
	until_ms = clock_now_ms() + PROBE_MARKERS_MS;
	while (!search_all(c) && clock_now_ms() < until_ms)
		clock_sleep_ms(STEP_MS);
	if (c->status.has_answered)
		ask_again(c);
}
