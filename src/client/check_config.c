/* SPDX-License-Identifier: MIT */
/* The first step: the configuration, and the daemon that runs it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "client/check.h"
#include "client/table.h"
#include "config/command_line.h"
#include "config/load.h"

/* How long the daemon may take to answer: it looks at what it has in memory. */
#define ANSWER_MS 3000

static void
report_errors(struct check *c, const struct errors *errors)
{
	for (size_t i = 0; i < errors->count; i++) {
		const struct error *e = &errors->list[i];

		if (e->line > 0)
			report_say(&c->report, REPORT_FAIL, "configuration",
				   "%s:%u: %s", e->file, e->line, e->text);
		else
			report_say(&c->report, REPORT_FAIL, "configuration",
				   "%s: %s", e->file, e->text);
		report_advise(&c->report,
			      "correct it; portlogd -t -c %s checks it; then "
			      "restart portlogd",
			      c->path);
	}
}

static void
load(struct check *c)
{
	struct errors errors = { 0 };

	config_load(&c->config, c->path, &errors);
	c->is_configured = errors.count == 0;
	report_errors(c, &errors);
	errors_free(&errors);
	if (c->is_configured)
		report_say(&c->report, REPORT_OK, "configuration",
			   "%s: listeners: %zu, outputs: %zu", c->path,
			   c->config.listener_count, c->config.output_count);
}

/* What the daemon does where its configuration is not there. */
static void
load_built_in(struct check *c)
{
	const struct command_line none = { 0 };
	char error[COMMAND_LINE_ERROR];

	c->is_configured = command_line_configure(&c->config, &none, error);
	report_say(&c->report, REPORT_OK, "configuration",
		   "built-in, for there is no %s: TCP and UDP port 8888, to "
		   "stdout",
		   c->path);
}

static void
name_listener(struct check_listener *l)
{
	const struct listener_config *config = l->config;

	if (config->name || l->status)
		l->name = memory_copy(config->name ? config->name
						   : l->status->name);
	else if (asprintf(&l->name, "%s/%u", address_protocol(config->protocol),
			  l->port) < 0)
		memory_missing();
}

static void
prepare(struct check *c)
{
	c->listeners =
		memory_zeroed(c->config.listener_count, sizeof *c->listeners);
	for (size_t i = 0; i < c->config.listener_count; i++) {
		struct check_listener *l = &c->listeners[i];

		l->config = &c->config.listeners[i];
		l->status =
			daemon_status_listener(&c->status, l->config->name, i);
		l->port = l->config->port;
		if (l->port == 0 && l->status)
			l->port = l->status->port;
		name_listener(l);
	}
	c->outputs = memory_zeroed(c->config.output_count, sizeof *c->outputs);
	for (size_t i = 0; i < c->config.output_count; i++)
		c->outputs[i].config = &c->config.outputs[i];
}

static void
report_silence(struct check *c)
{
	const char *socket = c->config.status_socket;
	int error = c->status.error;

	if (error == ETIMEDOUT || error == EPROTO || error == EAGAIN) {
		report_say(&c->report, REPORT_FAIL, "daemon",
			   "no answer within %d s at %s: it stands still",
			   ANSWER_MS / 1000, socket);
		report_advise(&c->report,
			      "if ps -C portlogd -o pid,stat shows T, it was "
			      "stopped: kill -CONT PID; else restart it");
		return;
	}
	report_say(&c->report, REPORT_UNKNOWN, "daemon",
		   "cannot be asked at %s: %s", socket,
		   error == ENOSYS ? "built without jansson" : strerror(error));
	if (error == EACCES)
		report_advise(&c->report, "as root, or in the group of that "
					  "socket, mostly adm, it can");
	else if (error == ENOSYS)
		report_advise(&c->report, "portlog status -j shows it");
	else
		report_advise(
			&c->report,
			"systemctl status portlogd shows whether it runs");
}

/* The file, or one that it includes, or which these are. */
static bool
has_changed(const struct check *c)
{
	const char *known = c->status.configuration_hash;
	char hash[CONFIG_HASH];

	snprintf(hash, sizeof hash, CONFIG_HASH_FORMAT, c->config.hash);
	return !known || strcmp(known, hash) != 0;
}

/* A relative path is one of the daemon's directory: nothing is known then. */
static bool
is_other(const char *path, const char *configuration)
{
	struct stat a, b;

	return *configuration == '/' && strcmp(path, configuration) != 0 &&
	       (stat(path, &a) != 0 || stat(configuration, &b) != 0 ||
		a.st_dev != b.st_dev || a.st_ino != b.st_ino);
}

static void
report_daemon(struct check *c)
{
	const struct daemon_status *s = &c->status;
	const char *configuration = s->configuration ? s->configuration : "";
	char uptime[TABLE_NUMBER];

	if (is_other(c->path, configuration)) {
		report_say(&c->report, REPORT_WARN, "daemon",
			   "process %d has another configuration, %s", s->pid,
			   configuration);
		report_advise(&c->report, "portlog check -c %s checks that one",
			      configuration);
	} else if (has_changed(c)) {
		report_say(&c->report, REPORT_WARN, "daemon",
			   "process %d does not know the configuration: it was "
			   "changed since the start",
			   s->pid);
		report_advise(&c->report, "systemctl restart portlogd");
	} else {
		table_format_seconds(uptime, s->uptime_s);
		report_say(&c->report, REPORT_OK, "daemon",
			   "process %d has run it for %s", s->pid, uptime);
	}
}

void
check_configuration(struct check *c)
{
	bool is_there = access(c->path, F_OK) == 0 || errno != ENOENT;

	if (is_there && access(c->path, R_OK) != 0 && errno == EACCES) {
		report_say(&c->report, REPORT_UNKNOWN, "configuration",
			   "%s: %s", c->path, strerror(errno));
		report_advise(&c->report, "as root: sudo portlog check");
		return;
	}
	if (!is_there && strcmp(c->path, CONFIG_DEFAULT) == 0)
		load_built_in(c);
	else
		load(c);
	if (!c->is_configured)
		return;
	if (*c->config.status_socket) {
		daemon_status_ask(&c->status, c->config.status_socket,
				  ANSWER_MS);
		(c->status.has_answered ? report_daemon : report_silence)(c);
	}
	if (strcmp(c->path, CONFIG_DEFAULT) == 0)
		unit_read(&c->unit);
	prepare(c);
}
