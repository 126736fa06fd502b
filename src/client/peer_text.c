/* SPDX-License-Identifier: MIT */
#include "client/peer_text.h"

#include <stdio.h>
#include <string.h>

void
peer_text(const struct answer *a, char out[PEER_TEXT])
{
	const char *host = answer_text(a, "peer");
	bool is_v6;

	if (!host)
		host = "-";
	is_v6 = strchr(host, ':') != NULL;
	if (!answer_has(a, "port"))
		snprintf(out, PEER_TEXT, "%s", host);
	else
		snprintf(out, PEER_TEXT, is_v6 ? "[%.60s]:%.0f" : "%.60s:%.0f",
			 host, answer_number(a, "port"));
}
