/* SPDX-License-Identifier: MIT */
#include "client/daemon_status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/memory.h"
#include "client/answer.h"

static char *
copy(const struct answer *a, const char *key)
{
	const char *text = answer_text(a, key);

	return text ? memory_copy(text) : NULL;
}

static unsigned
port_of(const struct answer *a)
{
	const char *address = answer_text(a, "address"), *host, *port;
	size_t size;

	if (!address)
		return 0;
	address_split(address, &host, &size, &port);
	return (unsigned)strtoul(port, NULL, 10);
}

static void
add_listener(struct daemon_status *s, const struct answer *a)
{
	s->listeners = memory_append(s->listeners, s->listener_count,
				     sizeof *s->listeners);
	s->listeners[s->listener_count++] = (struct listener_status){
		.name = copy(a, "listener"),
		.port = port_of(a),
		.is_absent = answer_is_true(a, "absent"),
		.records = answer_number(a, "records"),
		.refused = answer_number(a, "refused"),
		.lost = answer_number(a, "lost"),
		.connections = answer_number(a, "connections"),
		.max_connections = answer_number(a, "max_connections"),
		.waiting = answer_number(a, "waiting"),
		.receive_buffer = answer_number(a, "receive_buffer"),
		.receive_buffer_asked =
			answer_number(a, "receive_buffer_asked"),
	};
}

static void
add_output(struct daemon_status *s, const struct answer *a)
{
	s->outputs =
		memory_append(s->outputs, s->output_count, sizeof *s->outputs);
	s->outputs[s->output_count++] = (struct output_status){
		.name = copy(a, "output"),
		.records = answer_number(a, "records"),
		.bytes = answer_number(a, "bytes"),
		.waiting = answer_number(a, "waiting"),
		.stall = copy(a, "reason"),
		.stalled_s = answer_number(a, "stalled_now_seconds"),
	};
}

static void
set_daemon(struct daemon_status *s, const struct answer *a)
{
	s->pid = (int)answer_number(a, "pid");
	s->uptime_s = answer_number(a, "uptime_seconds");
	free(s->configuration);
	free(s->configuration_hash);
	s->configuration = copy(a, "configuration");
	s->configuration_hash = copy(a, "configuration_hash");
	s->connections = answer_number(a, "connections");
	s->max_connections = answer_number(a, "max_connections");
}

void
daemon_status_ask(struct daemon_status *s, const char *socket_path,
		  int timeout_ms)
{
	struct answer answer = { 0 };

	*s = (struct daemon_status){ 0 };
	if (!answer_ask_once(&answer, socket_path, "status", timeout_ms))
		s->error = errno;
	while (answer_next(&answer)) {
		if (answer_has(&answer, "daemon"))
			set_daemon(s, &answer);
		else if (answer_has(&answer, "listener"))
			add_listener(s, &answer);
		else if (answer_has(&answer, "output"))
			add_output(s, &answer);
	}
	answer_free(&answer);
	s->has_answered = s->error == 0 && s->pid > 0;
	if (s->error == 0 && !s->has_answered)
		s->error = ENOSYS;
}

const struct listener_status *
daemon_status_listener(const struct daemon_status *s, const char *name,
		       size_t place)
{
	if (!name)
		return place < s->listener_count ? &s->listeners[place] : NULL;
	for (size_t i = 0; i < s->listener_count; i++)
		if (s->listeners[i].name &&
		    strcmp(s->listeners[i].name, name) == 0)
			return &s->listeners[i];
	return NULL;
}

const struct output_status *
daemon_status_output(const struct daemon_status *s, const char *name)
{
	for (size_t i = 0; i < s->output_count; i++)
		if (s->outputs[i].name && strcmp(s->outputs[i].name, name) == 0)
			return &s->outputs[i];
	return NULL;
}

void
daemon_status_free(struct daemon_status *s)
{
	for (size_t i = 0; i < s->listener_count; i++)
		free(s->listeners[i].name);
	for (size_t i = 0; i < s->output_count; i++) {
		free(s->outputs[i].name);
		free(s->outputs[i].stall);
	}
	free(s->listeners);
	free(s->outputs);
	free(s->configuration);
	free(s->configuration_hash);
	*s = (struct daemon_status){ 0 };
}
