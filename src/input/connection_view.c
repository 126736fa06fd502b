/* SPDX-License-Identifier: MIT */
#include "input/connection_view.h"

#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "base/clock.h"

/* TCP knows it, also of what nobody has read yet. */
static long long
find_received_ms(const struct connection *c)
{
	const struct registry_entry *entry = &c->entry;
	long long received_ms = atomic_load(&entry->received_ms);
	struct tcp_info info;
	socklen_t size = sizeof info;

	if (c->origin.protocol == PROTOCOL_TCP &&
	    getsockopt(entry->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
		received_ms = clock_now_ms() - info.tcpi_last_data_recv;
	return received_ms > c->opened_ms ? received_ms : c->opened_ms;
}

void
connection_look(const struct registry_entry *entry, struct connection_view *v)
{
	const struct connection *c = (const struct connection *)entry;
	int unread = 0;

	ioctl(entry->fd, FIONREAD, &unread);
	*v = (struct connection_view){
		.listener = c->listener,
		.peer = entry->peer,
		.proxy = entry->proxy,
		.number = c->origin.connection,
		.records = atomic_load(&entry->records),
		.bytes = atomic_load(&entry->bytes),
		.unread = unread > 0 ? (unsigned)unread : 0,
		.opened_ms = c->opened_ms,
		.received_ms = find_received_ms(c),
	};
}
