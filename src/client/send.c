/* SPDX-License-Identifier: MIT */
#include "client/send.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "client/dial.h"

bool
send_failed(struct send *s, const char *what)
{
	progress_end(&s->progress);
	s->has_failed = true;
	diag(LOG_ERR, "%s port %s: %s; %llu lines were handed over", s->host,
	     s->port, what, s->progress.lines);
	return false;
}

bool
send_input_failed(struct send *s, int error)
{
	char what[128];

	snprintf(what, sizeof what, "standard input: %s", strerror(error));
	return send_failed(s, what);
}

bool
send_connect(struct send *s)
{
	s->channel = channel_of(dial_next(&s->next, s->timeout_ms));
	if (s->channel.fd >= 0 &&
	    (!s->tls || channel_secure(&s->channel, s->tls, s->timeout_ms)))
		return true;
	diag(LOG_ERR, "%s port %s: %s", s->host, s->port,
	     channel_reason(&s->channel));
	s->has_failed = true;
	return false;
}
