/* SPDX-License-Identifier: MIT */
/* The last lines: what is likely wrong, and how another host finds out. */
#include <stdio.h>
#include <string.h>

#include "client/check.h"
#include "config/load.h"

/* The listener that another host should try: the first one that it reaches. */
static const struct check_listener *
find_reachable(const struct check *c)
{
	for (size_t i = 0; c->listeners && i < c->config.listener_count; i++) {
		const struct check_listener *l = &c->listeners[i];

		if (l->socket && l->listens &&
		    !own_addresses_is_loopback(&l->socket->address))
			return l;
	}
	return NULL;
}

/* The address at which another host finds it; "HOST": there is none. */
static void
format_own(const struct check *c, const struct check_listener *l,
	   char host[ADDRESS_TEXT])
{
	const struct address *bound = &l->socket->address;

	snprintf(host, ADDRESS_TEXT, "HOST");
	if (!address_is_any(bound)) {
		address_format_host(bound, host);
		return;
	}
	for (size_t i = 0; i < c->addresses.count; i++) {
		const struct address *own = &c->addresses.list[i];

		if (own_addresses_is_loopback(own) ||
		    (bound->any.sa_family == AF_INET &&
		     own->any.sa_family != AF_INET))
			continue;
		address_format_host(own, host);
		return;
	}
}

static void
tell_command(struct check *c)
{
	const struct check_listener *l = find_reachable(c);
	bool is_default = strcmp(c->path, CONFIG_DEFAULT) == 0;
	const char *token = *c->token ? c->token : "probe";
	char host[ADDRESS_TEXT];

	if (!l)
		return;
	if (c->addresses.count == 0)
		own_addresses_find(&c->addresses);
	format_own(c, l, host);
	report_tell(&c->report, "Whether another host reaches it only that "
				"host can tell.  There:");
	report_tell(&c->report, "    echo %s | portlog send%s -w 3 %s %u",
		    token, probe_options(l->config), host, l->port);
	report_tell(&c->report, "and here:");
	report_tell(&c->report, "    portlog tail -f -g %s%s%s", token,
		    is_default ? "" : " -c ", is_default ? "" : c->path);
}

void
check_conclude(struct check *c)
{
	struct report *r = &c->report;

	report_flush(r);
	report_tell(r, "%s", "");
	if (r->first[REPORT_FAIL]) {
		report_tell(r, "The likely cause is the first fail: %s.",
			    r->first[REPORT_FAIL]);
		report_tell(r, "What is said after it may follow from it.");
		report_end(r, r->first[REPORT_FAIL]);
		return;
	}
	if (r->first[REPORT_WARN])
		report_tell(r, "Nothing fails.  The first warning: %s.",
			    r->first[REPORT_WARN]);
	else if (c->is_configured && c->has_probes)
		report_tell(r, "From here all works, as far as it is known.");
	tell_command(c);
	report_end(r, r->first[REPORT_WARN]);
}
