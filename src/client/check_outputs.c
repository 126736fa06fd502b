/* SPDX-License-Identifier: MIT */
/* The steps of the outputs: what they have of the probes, stalls, disks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/check.h"
#include "client/disk.h"

static bool
writes_to(const struct check *c, const struct check_listener *l,
	  const struct check_output *o)
{
	return l->config->output_mask & UINT64_C(1) << (o - c->outputs);
}

static bool
is_sent(const struct check_listener *l)
{
	return l->probe.state == PROBE_SENT || l->probe.state == PROBE_TAKEN;
}

/* How many probes were sent for an output, and how many markers it has. */
static size_t
count_probes(const struct check *c, const struct check_output *o, size_t *found)
{
	size_t sent = 0;

	*found = 0;
	for (size_t i = 0; i < c->config.listener_count; i++) {
		const struct check_listener *l = &c->listeners[i];

		if (!writes_to(c, l, o) || !is_sent(l))
			continue;
		sent++;
		*found += o->markers.found[i];
	}
	return sent;
}

/* A listener whose receipt says what the output has not; NULL: none. */
static const struct check_listener *
find_missing(const struct check *c, const struct check_output *o)
{
	for (size_t i = 0; i < c->config.listener_count; i++) {
		const struct check_listener *l = &c->listeners[i];

		if (writes_to(c, l, o) && l->probe.state == PROBE_TAKEN &&
		    !o->markers.found[i])
			return l;
	}
	return NULL;
}

static void
report_unreadable(struct check *c, const struct check_output *o)
{
	report_say(&c->report, REPORT_UNKNOWN, o->config->name,
		   "%s cannot be read: %s", o->config->path,
		   strerror(o->files.error));
	report_advise(&c->report, "as root, or in the group of the log, mostly "
				  "adm: sudo portlog check");
}

static void
report_missing(struct check *c, const struct check_output *o,
	       const struct check_listener *l)
{
	if (o->files.error == ENOENT)
		report_say(&c->report, REPORT_FAIL, o->config->name,
			   "there is no file at %s: portlogd writes to one "
			   "that was removed",
			   o->config->path);
	else
		report_say(&c->report, REPORT_FAIL, o->config->name,
			   "%s has not the probe of %s, which the outputs have "
			   "taken: portlogd writes to another file",
			   o->config->path, l->name);
	report_advise(&c->report, "systemctl reload portlogd opens it anew; "
				  "why it could not: journalctl -u portlogd");
}

static void
report_marks(struct check *c, const struct check_output *o)
{
	size_t found, sent = count_probes(c, o, &found);
	const struct check_listener *missing = find_missing(c, o);

	if (sent == 0)
		return;
	if (found == sent) {
		report_say(&c->report, REPORT_OK, o->config->name,
			   "it has all %zu probes that were sent for it", sent);
	} else if (o->config->type == OUTPUT_FILE && o->files.error != 0 &&
		   o->files.error != ENOENT) {
		report_unreadable(c, o);
	} else if (missing) {
		report_missing(c, o, missing);
	} else {
		report_say(&c->report, REPORT_UNKNOWN, o->config->name,
			   "it has %zu of %zu probes", found, sent);
		report_advise(&c->report,
			      "see above why the others have not come so far");
	}
}

/* No file: only how much it has written can be seen. */
static void
report_counts(struct check *c, const struct check_output *o)
{
	const char *name = o->config->name;
	const struct output_status *before =
		daemon_status_output(&c->status, name);
	const struct output_status *after =
		daemon_status_output(&c->after, name);
	size_t found, sent = count_probes(c, o, &found);

	if (sent == 0)
		return;
	if (before && after && after->records > before->records)
		report_say(&c->report, REPORT_UNKNOWN, name,
			   "its records went from %.0f to %.0f; what they are "
			   "cannot be seen from here",
			   before->records, after->records);
	else
		report_say(&c->report, REPORT_UNKNOWN, name,
			   "what it has written cannot be seen from here");
	report_advise(&c->report,
		      "look for \"portlog check %s\" where it leads", c->token);
}

static void
report_content(struct check *c, const struct check_output *o)
{
	bool is_file = o->config->type == OUTPUT_FILE;
	size_t found;

	/* Who may not read all of the journal sees what there is not. */
	count_probes(c, o, &found);
	(is_file || found > 0 ? report_marks : report_counts)(c, o);
}

static void
report_stall(struct check *c, const struct check_output *o)
{
	const struct daemon_status *s =
		c->after.has_answered ? &c->after : &c->status;
	const struct output_status *now =
		daemon_status_output(s, o->config->name);

	if (!now || !now->stall)
		return;
	report_say(&c->report, REPORT_FAIL, o->config->name,
		   "it stands still for %.0f s: %s; %.0f records wait",
		   now->stalled_s, now->stall, now->waiting);
	report_advise(&c->report,
		      "portlogd tries again each second; why it fails: "
		      "journalctl -u portlogd -n 20");
}

void
check_outputs(struct check *c)
{
	for (size_t i = 0; i < c->config.output_count; i++) {
		report_stall(c, &c->outputs[i]);
		if (c->has_probes)
			report_content(c, &c->outputs[i]);
	}
}

/* How long the room lasts, if it is written as on average so far; 0: unknown.
 */
static double
days_left(const struct check *c, const struct check_output *o,
	  const struct disk *disk)
{
	const struct output_status *s =
		daemon_status_output(&c->status, o->config->name);
	double room = (double)(disk->free - disk->keep);

	if (!s || s->bytes <= 0 || c->status.uptime_s < 60)
		return 0;
	return room / (s->bytes / c->status.uptime_s) / 86400;
}

static void
report_room(struct check *c, const struct check_output *o,
	    const struct disk *disk)
{
	double days = days_left(c, o, disk), mib = 1048576;
	char lasts[48] = "";

	if (days > 0)
		snprintf(lasts, sizeof lasts,
			 ", for %.1f days as on average so far", days);
	report_say(&c->report, days > 0 && days < 1 ? REPORT_WARN : REPORT_OK,
		   disk->directory, "%.0f MiB may be written%s",
		   (double)(disk->free - disk->keep) / mib, lasts);
	if (days > 0 && days < 1)
		report_advise(&c->report,
			      "set max_size and keep, or rotate earlier");
}

static void
check_disk(struct check *c, const struct check_output *o)
{
	struct disk disk;
	const char *trouble;

	if (!disk_look(&disk, o->config)) {
		report_say(&c->report, REPORT_UNKNOWN, disk.directory, "%s",
			   strerror(errno));
		report_advise(&c->report, "as root: df -h %s", disk.directory);
		return;
	}
	trouble = disk_trouble(&disk);
	if (trouble) {
		report_say(&c->report, REPORT_FAIL, disk.directory,
			   "its file system %s", trouble);
		report_advise(&c->report, "df -h %s; df -i %s; mount",
			      disk.directory, disk.directory);
	} else if (disk.has_blocks) {
		report_room(c, o, &disk);
	}
}

void
check_disks(struct check *c)
{
	for (size_t i = 0; i < c->config.output_count; i++)
		if (c->outputs[i].config->type == OUTPUT_FILE)
			check_disk(c, &c->outputs[i]);
}
