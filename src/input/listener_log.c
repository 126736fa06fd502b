/* SPDX-License-Identifier: MIT */
#include "input/listener_log.h"

#include <stdio.h>
#include <time.h>

#include "base/diag.h"
#include "input/tls_context.h"

static void
log_path(const struct listener *listener)
{
	const struct listener_config *config = listener->config;
	char mode[16] = "";

	/* Of a socket unit's, systemd has set both. */
	if (!listener->is_shared)
		snprintf(mode, sizeof mode, ", mode %04o", config->mode);
	diag(LOG_INFO, "listener %s: listening on %s %s%s%s%s", listener->name,
	     address_protocol(config->protocol), config->path, mode,
	     *mode && config->group ? ", group " : "",
	     *mode && config->group ? config->group : "");
	if (listener_is_stream(listener) && !fdstore_available())
		diag(LOG_WARNING,
		     "listener %s: to its peers a kill will look like an end "
		     "in order, for no systemd keeps their connections",
		     listener->name);
}

/* ", groups 239.1.2.3, ff15::514"; "": it has none. */
static void
describe_groups(const struct names *groups,
		char text[CONFIG_GROUPS * ADDRESS_TEXT])
{
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; i < groups->count; i++)
		used += (size_t)sprintf(text + used, "%s%.70s",
					i > 0 ? ", " : ", groups ",
					groups->list[i]);
}

/* "certificate valid until 2027-01-31"; "": it has no TLS. */
static void
describe_tls(const struct listener *listener, char text[TLS_DATES_TEXT])
{
	struct tls_dates dates;

	*text = '\0';
	if (!listener->tls)
		return;
	tls_context_dates(listener->tls, &dates);
	tls_dates_describe(&dates, time(NULL), text);
}

void
listener_log(const struct listener *listener)
{
	const struct bound *socket = &listener->socket;
	unsigned requested = listener->config->limits.receive_buffer;
	const char *interface = listener->config->interface;
	const char *on = interface ? " on " : "";
	char address[ADDRESS_TEXT], groups[CONFIG_GROUPS * ADDRESS_TEXT];
	char tls[TLS_DATES_TEXT], threads[32] = "";

	if (listener->first)
		return;
	if (listener->config->path) {
		log_path(listener);
		return;
	}
	address_format(&socket->address, address);
	interface = interface ? interface : "";
	if (listener->config->protocol == PROTOCOL_TCP) {
		describe_tls(listener, tls);
		diag(LOG_INFO, "listener %s: listening on tcp %s%s%s%s%s",
		     listener->name, address, on, interface,
		     *tls ? ", TLS, " : "", tls);
		return;
	}
	describe_groups(&listener->config->groups, groups);
	if (listener->followers > 0)
		snprintf(threads, sizeof threads, ", %zu threads",
			 listener_threads(listener));
	diag(LOG_INFO,
	     "listener %s: listening on udp %s%s%s, receive buffer: %u bytes "
	     "asked for, %u granted%s%s%s",
	     listener->name, address, on, interface, requested,
	     socket->receive_buffer,
	     socket->receive_buffer < requested ? " (net.core.rmem_max is less)"
						: "",
	     threads, groups);
}

void
listener_log_counters(const struct listener *listener)
{
	char text[256], waiting[32] = "";

	if (listener->first)
		return;
	counters_format(listener->counters, listener->config->protocol, text,
			sizeof text);
	if (listener_is_stream(listener))
		snprintf(waiting, sizeof waiting, " waiting=%u",
			 listener_waiting(listener));
	diag(LOG_INFO, "listener %s: %s%s", listener->name, text, waiting);
}
