/* SPDX-License-Identifier: MIT */
#include "daemon/status_answer.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/load.h"
#include "config/options.h"
#include "daemon/status_who.h"
#include "input/poller.h"
#include "output/output.h"
#include "output/output_state.h"
#include "record/format_time.h"
#include "record/path_pattern.h"
#include "system/sockets_input.h"

static void
add_time(struct json_line *line, const char *key, const struct timespec *time)
{
	char text[FORMAT_TIME];

	format_time(text, time);
	json_line_add_text(line, key, text);
}

static void
add_age(struct json_line *line, const char *key, long long since_ms)
{
	long long age_ms = clock_now_ms() - since_ms;

	json_line_add_ms(line, key,
			 age_ms > 0 ? (unsigned long long)age_ms : 0);
}

static void
put_header(struct status_request *r)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_line_begin(&r->line);
	json_line_add_text(&r->line, "portlog", PACKAGE_VERSION);
	json_line_add_number(&r->line, "format", 1);
	add_time(&r->line, "time", &now);
	json_line_add_number(&r->line, "monotonic_ms",
			     (unsigned long long)clock_now_ms());
	json_line_end(&r->line);
}

static void
put_daemon(const struct status_view *view, struct status_request *r)
{
	static const char *const phases[] = {
		[LISTENERS_SERVING] = "serving",
		[LISTENERS_DRAINING] = "stopping",
		[LISTENERS_HANDING_OVER] = "restarting",
	};
	struct listeners *ls = view->listeners;
	struct json_line *line = &r->line;
	char hash[CONFIG_HASH];

	json_line_begin(line);
	json_line_add_text(line, "daemon", phases[ls->phase]);
	json_line_add_number(line, "pid", (unsigned long long)getpid());
	add_time(line, "started", &view->started);
	add_age(line, "uptime_seconds", view->started_ms);
	json_line_add_number(line, "generation", ls->state.header->generation);
	json_line_add_text(line, "configuration", view->config_name);
	snprintf(hash, sizeof hash, CONFIG_HASH_FORMAT, ls->config->hash);
	json_line_add_text(line, "configuration_hash", hash);
	if (view->watchdog_ms > 0)
		json_line_add_ms(line, "watchdog_seconds",
				 (unsigned long long)view->watchdog_ms);
	json_line_add_number(line, "connections",
			     registry_count(&ls->registry));
	json_line_add_number(line, "max_connections", ls->max_connections);
	json_line_end(line);
}

/* "closed_bad_frame", of those that this listener can have. */
static void
add_closed(struct json_line *line, const struct listener *l, enum ending ending)
{
	const char *name = ending_name(ending);
	bool is_of_tls = ending == ENDING_TRUNCATED ||
			 ending == ENDING_RESTART || ending == ENDING_TLS_ERROR;
	char key[32], *dash;

	if (!name || (is_of_tls && !l->tls))
		return;
	snprintf(key, sizeof key, "closed_%s", name);
	while ((dash = strchr(key, '-')))
		*dash = '_';
	json_line_add_number(line, key,
			     atomic_load(&l->events->closed[ending]));
}

static void
add_ends(struct json_line *line, const struct listener *l)
{
	for (enum ending ending = 0; ending < COUNTED_ENDINGS; ending++)
		add_closed(line, l, ending);
	json_line_add_number(line, "probes", atomic_load(&l->events->probes));
	json_line_add_number(line, "lost_bytes",
			     atomic_load(&l->events->lost_bytes));
}

static void
add_connections(struct json_line *line, const struct listener *l)
{
	const struct listener_counters *c = l->counters;
	unsigned most = l->is_absent ? 0 : sockets_pending_limit(l->socket.fd);

	json_line_add_number(line, "connections", atomic_load(&c->connections));
	json_line_add_number(line, "max_connections",
			     l->config->limits.max_connections);
	json_line_add_number(line, "total", atomic_load(&c->accepted));
	json_line_add_number(line, "waiting",
			     l->is_absent ? 0 : listener_waiting(l));
	if (most > 0)
		json_line_add_number(line, "max_waiting", most);
	if (l->config->proxies.count > 0)
		json_line_add_number(line, "unadmitted",
				     atomic_load(&l->unadmitted));
	add_ends(line, l);
}

static void
add_datagrams(struct json_line *line, const struct listener *l)
{
	const struct listener_counters *c = l->counters;
	unsigned long long queued = 0;

	json_line_add_number(line, "lost", atomic_load(&c->lost));
	json_line_add_number(line, "truncated", atomic_load(&c->truncated));
	json_line_add_number(line, "limited", atomic_load(&c->limited));
	if (l->is_absent)
		return;
	if (!l->config->path) {
		json_line_add_number(line, "receive_buffer",
				     l->socket.receive_buffer);
		json_line_add_number(line, "receive_buffer_asked",
				     l->config->limits.receive_buffer);
	}
	for (size_t i = 0; i <= l->followers; i++)
		queued += l[i].socket.fd >= 0 ? sockets_queued(l[i].socket.fd)
					      : 0;
	json_line_add_number(line, "receive_buffer_used", queued);
	if (l->config->threads > 1)
		json_line_add_number(line, "threads", listener_threads(l));
}

static void
add_place(struct json_line *line, const struct listener *l)
{
	json_line_add_text(line, "protocol",
			   address_protocol(l->config->protocol));
	if (l->config->path) {
		json_line_add_text(line, "path", l->config->path);
	} else {
		char address[ADDRESS_TEXT];

		address_format(&l->socket.address, address);
		json_line_add_text(line, "address", address);
	}
	if (l->config->interface)
		json_line_add_text(line, "interface", l->config->interface);
	json_line_add_text(line, "framing",
			   option_find(config_listener_options, "framing")
				   ->choices[l->config->framing]);
	json_line_add_bool(line, "absent", l->is_absent);
	if (l->is_absent)
		add_age(line, "absent_seconds", l->absent_since_ms);
}

static void
add_last_record(struct json_line *line, const struct listener *l)
{
	struct timespec time = {
		.tv_sec = atomic_load(&l->events->last_record_s),
	};

	if (time.tv_sec > 0)
		add_time(line, "last_record", &time);
}

static void
put_listener(const struct listener *l, struct status_request *r)
{
	struct json_line *line = &r->line;

	json_line_begin(line);
	json_line_add_text(line, "listener", l->name);
	json_line_add_text(line, "key", l->key);
	add_place(line, l);
	json_line_add_number(line, "records",
			     atomic_load(&l->counters->records));
	json_line_add_number(line, "bytes", atomic_load(&l->counters->bytes));
	add_last_record(line, l);
	json_line_add_number(line, "refused",
			     atomic_load(&l->counters->refused));
	if (listener_is_stream(l))
		add_connections(line, l);
	else
		add_datagrams(line, l);
	json_line_end(line);
}

static void
add_stall(struct json_line *line, const struct output *output)
{
	const struct output_counters *c = &output->counters;
	unsigned long long ms;
	const char *reason = output_counters_stall(c, &ms);
	long long written_ms = atomic_load(&c->written_at_ms);

	if (atomic_load(&output->broken))
		reason = "broken";
	json_line_add_bool(line, "stalled", reason);
	if (reason) {
		json_line_add_text(line, "reason", reason);
		json_line_add_ms(line, "stalled_now_seconds", ms);
	}
	json_line_add_ms(line, "stalled_seconds",
			 output_counters_stalled_ms(c));
	if (written_ms > 0)
		add_age(line, "written_seconds_ago", written_ms);
}

/* system: of its file, where the kernel told it; else without blocks. */
static void
put_output(const struct output *output, const struct statvfs *system,
	   struct status_request *r)
{
	const struct output_config *config = output->config;
	const struct output_counters *c = &output->counters;
	struct json_line *line = &r->line;

	json_line_begin(line);
	json_line_add_text(line, "output", config->name);
	json_line_add_text(line, "type", config_output_types[config->type]);
	if (output_is_stream(output))
		json_line_add_text(line, "format",
				   config_formats[config->format]);
	if (config->path)
		json_line_add_text(line, "path", config->path);
	json_line_add_number(line, "records", atomic_load(&c->records));
	json_line_add_number(line, "bytes", atomic_load(&c->bytes));
	json_line_add_number(line, "errors", atomic_load(&c->errors));
	json_line_add_number(line, "waiting", atomic_load(&c->waiting));
	if (output->ops->reopen) {
		json_line_add_number(line, "rotations",
				     atomic_load(&c->rotations));
		json_line_add_bool(line, "file_replaced",
				   atomic_load(&c->is_replaced));
	}
	add_stall(line, output);
	if (system->f_blocks > 0)
		json_line_add_number(line, "free",
				     (unsigned long long)system->f_bavail *
					     system->f_frsize);
	json_line_end(line);
}

/* statvfs(3) may block for ever: not inside the gate. */
static void
find_free(const struct status_view *view, const struct output *output,
	  struct statvfs *system)
{
	const char *path = output->config->path;
	char directory[PATH_MAX] = "";

	memset(system, 0, sizeof *system);
	if (output->config->type != OUTPUT_FILE || strlen(path) >= PATH_MAX)
		return;
	path_pattern_directory(path, directory);
	gate_leave(view->gate);
	if (statvfs(directory, system) != 0)
		system->f_blocks = 0;
	gate_enter(view->gate);
}

static void
answer_status(const struct status_view *view, struct status_request *r)
{
	const struct listeners *ls = view->listeners;
	struct statvfs system;

	gate_enter(view->gate);
	put_daemon(view, r);
	for (size_t i = 0; i < ls->count; i++) {
		if (ls->list[i].first)
			continue;
		put_listener(&ls->list[i], r);
		gate_leave(view->gate);
		status_request_write(r, false);
		gate_enter(view->gate);
	}
	for (size_t i = 0; i < ls->config->output_count; i++) {
		const struct output *output = output_set_get(ls->outputs, i);

		find_free(view, output, &system);
		put_output(output, &system, r);
		gate_leave(view->gate);
		status_request_write(r, false);
		gate_enter(view->gate);
	}
	gate_leave(view->gate);
}

static void
put_error(struct status_request *r, const char *line)
{
	char text[STATUS_REQUEST_LINE + 64];

	snprintf(text, sizeof text, "found \"%s\", expected status or who",
		 line);
	json_line_begin(&r->line);
	json_line_add_text(&r->line, "error", text);
	json_line_end(&r->line);
}

void
status_answer(const struct status_view *view, struct status_request *r,
	      const char *line)
{
	put_header(r);
	if (strcmp(line, "status") == 0)
		answer_status(view, r);
	else if (strcmp(line, "who") == 0)
		status_who(view->gate, view->listeners, r);
	else
		put_error(r, line);
	json_line_begin(&r->line);
	json_line_add_bool(&r->line, "end", true);
	json_line_end(&r->line);
	status_request_write(r, true);
}
