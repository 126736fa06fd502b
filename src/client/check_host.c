/* SPDX-License-Identifier: MIT */
/* The steps of the host: its clock, the unit, the firewall. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "client/check.h"
#include "client/child.h"

#define CHILD_MS 5000

void
check_clock(struct check *c)
{
	struct timex time = { 0 };

	if (adjtimex(&time) != TIME_ERROR) {
		report_say(&c->report, REPORT_OK, "clock",
			   "it is synchronised");
		return;
	}
	report_say(&c->report, REPORT_WARN, "clock",
		   "it is not synchronised: times in the log may be wrong");
	report_advise(&c->report, "timedatectl; or chronyc tracking");
}

static void
report_filters(struct check *c)
{
	const struct unit *unit = &c->unit;

	report_say(&c->report, REPORT_WARN, UNIT_NAME,
		   "systemd drops what comes from %s, but from %s",
		   unit->denied, *unit->allowed ? unit->allowed : "nobody");
	report_advise(&c->report, "systemctl edit portlogd: IPAddressAllow= "
				  "and IPAddressDeny=");
}

void
check_unit(struct check *c)
{
	const struct unit *unit = &c->unit;
	bool has_restarted =
		*unit->restarts && strcmp(unit->restarts, "0") != 0;

	if (!unit->is_loaded)
		return;
	if (*unit->denied)
		report_filters(c);
	report_say(&c->report, has_restarted ? REPORT_WARN : REPORT_OK,
		   UNIT_NAME, "%s; restarts after a failure: %s", unit->state,
		   unit->restarts);
	if (has_restarted)
		report_advise(&c->report, "journalctl -u portlogd -p warning");
}

/* Sets, jumps and marks are not followed: it is a hint. */
static bool
drops_by_policy(void)
{
	const char *const arguments[] = { "nft", "list", "chains", NULL };
	struct buffer shown = { 0 };
	const char *hook = NULL;
	bool drops;

	if (geteuid() == 0 && child_run(arguments, &shown, CHILD_MS)) {
		buffer_add(&shown, "", 1);
		hook = strstr(shown.data, "hook input");
	}
	drops = hook && strstr(hook, "policy drop");
	buffer_free(&shown);
	return drops;
}

void
check_firewall(struct check *c)
{
	report_say(&c->report, REPORT_UNKNOWN, "firewall",
		   "no probe from this host passes its rules%s",
		   drops_by_policy()
			   ? "; a chain of nftables drops what no rule accepts"
			   : "");
	report_advise(&c->report, "as root: nft list ruleset; and try from "
				  "another host, as follows");
}
