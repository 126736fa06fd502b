/* SPDX-License-Identifier: MIT */
/* unit: what systemd knows of the service.  One thread. */
#ifndef PORTLOG_CLIENT_UNIT_H
#define PORTLOG_CLIENT_UNIT_H

#include <stdbool.h>

#define UNIT_NAME "portlogd.service"
#define UNIT_VALUE 256

/* As systemctl shows it; "": it does not. */
struct unit {
	bool is_loaded;
	char state[UNIT_VALUE];
	char restarts[UNIT_VALUE]; /* after failures */
	char allowed[UNIT_VALUE];  /* IPAddressAllow=, as the next */
	char denied[UNIT_VALUE];
};

/* Ask systemctl, if there is one.  It blocks for 3 s at most. */
void unit_read(struct unit *);

#endif
