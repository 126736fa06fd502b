/* SPDX-License-Identifier: MIT */
/* The steps of the host: its clock, the unit, the firewall. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "client/check.h"
#include "client/child.h"
#include "config/load.h"

#define UNIT "portlogd.service"
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

/* The value of a property in what systemctl shows; "": none. */
static const char *
find_property(const struct buffer *shown, const char *name, char value[256])
{
	size_t length = strlen(name);
	const char *line = shown->data, *end = line + shown->size;

	*value = '\0';
	while (line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t size = (size_t)((stop ? stop : end) - line);

		if (size > length && memcmp(line, name, length) == 0 &&
		    line[length] == '=')
			snprintf(value, 256, "%.*s", (int)(size - length - 1),
				 line + length + 1);
		line += size + 1;
	}
	return value;
}

static void
report_filters(struct check *c, const struct buffer *shown)
{
	char allowed[256], denied[256];

	find_property(shown, "IPAddressAllow", allowed);
	if (!*find_property(shown, "IPAddressDeny", denied))
		return;
	report_say(&c->report, REPORT_WARN, UNIT,
		   "systemd drops what comes from %s, but from %s", denied,
		   *allowed ? allowed : "nobody");
	report_advise(&c->report, "systemctl edit portlogd: IPAddressAllow= "
				  "and IPAddressDeny=");
}

static void
report_unit(struct check *c, const struct buffer *shown)
{
	char value[256], state[256];
	bool has_restarted =
		strcmp(find_property(shown, "NRestarts", value), "0") != 0 &&
		*value;

	find_property(shown, "ActiveState", state);
	report_filters(c, shown);
	report_say(&c->report, has_restarted ? REPORT_WARN : REPORT_OK, UNIT,
		   "%s, %s restarts after a failure", state, value);
	if (has_restarted)
		report_advise(&c->report, "journalctl -u portlogd -p warning");
}

/* That of another daemon than the service's tells nothing. */
void
check_unit(struct check *c)
{
	const char *const arguments[] = {
		"systemctl", "show",
		"--property=LoadState,ActiveState,"
		"NRestarts,IPAddressAllow,IPAddressDeny",
		UNIT, NULL
	};
	struct buffer shown = { 0 };
	char value[256];

	if (strcmp(c->path, CONFIG_DEFAULT) == 0 &&
	    child_run(arguments, &shown, CHILD_MS) &&
	    strcmp(find_property(&shown, "LoadState", value), "loaded") == 0)
		report_unit(c, &shown);
	buffer_free(&shown);
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
