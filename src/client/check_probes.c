/* SPDX-License-Identifier: MIT */
/* The third and fourth step: what came of a probe through each listener. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/check.h"
#include "client/disk.h"
#include "client/probe_all.h"

#define CAUSE 256
#define FILTERED "the unit has IPAddressDeny="

/* Why this output takes nothing, as far as it is known. */
static bool
explain_output(const struct check *c, const struct output_config *o,
	       char cause[CAUSE])
{
	const struct output_status *s =
		daemon_status_output(&c->after, o->name);
	const char *trouble = NULL;
	struct disk disk;

	if (o->type == OUTPUT_FILE && disk_look(&disk, o))
		trouble = disk_trouble(&disk);
	if (trouble)
		snprintf(cause, CAUSE, "; the file system of %s %s", o->path,
			 trouble);
	else if (s && s->stall)
		snprintf(cause, CAUSE, "; output %s stands still: %s", o->name,
			 s->stall);
	return trouble || (s && s->stall);
}

/* Why this listener has written nothing, as far as it is known. */
static void
find_cause(struct check *c, const struct check_listener *l, char cause[CAUSE])
{
	struct net_sockets now;

	*cause = '\0';
	for (size_t i = 0; i < c->config.output_count; i++)
		if (l->config->output_mask & UINT64_C(1) << i &&
		    explain_output(c, c->outputs[i].config, cause))
			return;
	if (!l->socket || l->config->protocol != PROTOCOL_TCP)
		return;
	proc_net_read(&now);
	for (size_t i = 0; i < now.count; i++)
		if (now.list[i].inode == l->socket->inode &&
		    now.list[i].queue > 0)
			snprintf(cause, CAUSE,
				 "; connections that wait to be accepted: %lu: "
				 "max_connections is reached, or portlogd "
				 "stands still",
				 now.list[i].queue);
	proc_net_free(&now);
}

/* systemd may drop what comes, from this host too. */
static bool
is_filtered(const struct check *c, const struct check_listener *l)
{
	return !l->config->path && *c->unit.denied;
}

static void
report_untried(struct check *c, const struct check_listener *l, const char *why)
{
	report_say(&c->report, REPORT_UNKNOWN, l->name,
		   "cannot be tried from here: %s", why);
	report_advise(&c->report,
		      "from a host that may send to it: echo probe | portlog "
		      "send%s -w 3 HOST %u",
		      probe_options(l->config), l->port);
}

static void
report_failed(struct check *c, const struct check_listener *l)
{
	int error = l->probe.error;

	if (error == EACCES || error == EPERM) {
		report_say(&c->report, REPORT_UNKNOWN, l->name,
			   "this user may not send to it");
		report_advise(&c->report, "as root, or in the group of its "
					  "socket; ls -l shows it");
	} else if (error == ETIMEDOUT && is_filtered(c, l)) {
		report_untried(c, l, FILTERED);
	} else if (error == EAGAIN && l->config->path) {
		report_say(&c->report, REPORT_FAIL, l->name,
			   "its queue is full: portlogd does not read it");
		report_advise(&c->report, "see what is said of its outputs");
	} else if (error == ECONNRESET || error == EPIPE) {
		report_say(&c->report, REPORT_FAIL, l->name,
			   "the probe was refused with a reset");
		report_advise(&c->report,
			      "look at max_connections_per_source, allow and "
			      "deny; portlog tail -N shows who is refused");
	} else if (*l->probe.reason) {
		report_say(&c->report, REPORT_FAIL, l->name,
			   "the probe was not taken: %s", l->probe.reason);
		report_advise(&c->report,
			      "systemctl reload portlogd reads certificates "
			      "anew; journalctl -u portlogd -n 20");
	} else {
		report_say(&c->report, REPORT_FAIL, l->name,
			   "the probe was not taken: %s", strerror(error));
		report_advise(&c->report, "systemctl status portlogd");
	}
}

static void
report_unanswered(struct check *c, const struct check_listener *l,
		  const char *what, int limit_ms)
{
	char cause[CAUSE];

	find_cause(c, l, cause);
	report_say(&c->report, REPORT_FAIL, l->name, "%s within %d s%s", what,
		   limit_ms / 1000, cause);
	report_advise(&c->report,
		      *cause ? "mend that first: records wait in the kernel "
			       "meanwhile, and UDP drops them"
			     : "one of its outputs, or portlogd itself, "
			       "stands still: journalctl -u portlogd -n 20");
}

static void
report_stream(struct check *c, const struct check_listener *l)
{
	if (l->probe.state == PROBE_TAKEN)
		report_say(
			&c->report, REPORT_OK, l->name,
			"a probe got its receipt: its outputs have taken it");
	else if (l->probe.state == PROBE_FAILED)
		report_failed(c, l);
	else
		report_unanswered(c, l,
				  l->probe.unsent.size > 0
					  ? "there was no TLS handshake"
					  : "the probe got no receipt",
				  PROBE_RECEIPTS_MS);
}

/* An output whose file has the marker of a listener; NULL: none. */
static const struct check_output *
find_marker(const struct check *c, size_t listener)
{
	for (size_t i = 0; i < c->config.output_count; i++)
		if (c->outputs[i].markers.found[listener])
			return &c->outputs[i];
	return NULL;
}

/* Whether a file that can be read should have it. */
static bool
is_readable(const struct check *c, const struct check_listener *l)
{
	for (size_t i = 0; i < c->config.output_count; i++)
		if (l->config->output_mask & UINT64_C(1) << i &&
		    c->outputs[i].config->type == OUTPUT_FILE &&
		    c->outputs[i].files.error != EACCES)
			return true;
	return false;
}

static void
report_uncertain(struct check *c, const struct check_listener *l)
{
	const struct listener_status *after = daemon_status_listener(
		&c->after, l->config->name, (size_t)(l - c->listeners));

	if (l->status && after && after->records > l->status->records)
		report_say(&c->report, REPORT_UNKNOWN, l->name,
			   "a probe was sent, and its records went from %.0f "
			   "to %.0f; another peer may have done that",
			   l->status->records, after->records);
	else
		report_say(&c->report, REPORT_UNKNOWN, l->name,
			   "a probe was sent; no file that can be read from "
			   "here would have it");
	report_advise(&c->report,
		      "look for \"portlog check %s-%zu\" in its "
		      "outputs",
		      c->token, (size_t)(l - c->listeners));
}

static void
report_datagram(struct check *c, const struct check_listener *l)
{
	const struct check_output *found =
		find_marker(c, (size_t)(l - c->listeners));

	if (l->probe.state == PROBE_FAILED)
		report_failed(c, l);
	else if (found)
		report_say(&c->report, REPORT_OK, l->name,
			   "a probe was written to output %s",
			   found->config->name);
	else if (is_filtered(c, l))
		report_untried(c, l, FILTERED);
	else if (is_readable(c, l))
		report_unanswered(c, l, "the probe was sent, and not written",
				  PROBE_MARKERS_MS);
	else
		report_uncertain(c, l);
}

static void
report_probes(struct check *c, bool streams)
{
	for (size_t i = 0; i < c->config.listener_count; i++) {
		struct check_listener *l = &c->listeners[i];

		if (protocol_is_stream(l->config->protocol) != streams ||
		    !l->listens)
			continue;
		if (l->untried)
			report_untried(c, l, l->untried);
		else
			(streams ? report_stream : report_datagram)(c, l);
		probe_close(&l->probe);
	}
}

void
check_streams(struct check *c)
{
	if (!c->has_probes) {
		report_say(&c->report, REPORT_UNKNOWN, "probes",
			   "not sent, as -n says");
		report_advise(&c->report,
			      "without -n a record goes through each listener");
		return;
	}
	probe_all(c);
	report_probes(c, true);
}

void
check_datagrams(struct check *c)
{
	if (c->has_probes)
		report_probes(c, false);
}
