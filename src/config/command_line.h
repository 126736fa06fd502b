/* SPDX-License-Identifier: MIT */
/* command_line: the configuration that portlogd's -l, -f and -o describe. */
#ifndef PORTLOG_CONFIG_COMMAND_LINE_H
#define PORTLOG_CONFIG_COMMAND_LINE_H

#include <stdint.h>

#include "config/config.h"

/* The options' values, borrowed from argv. */
struct command_line {
	const char **listeners; /* of -l; owned by the caller */
	size_t listener_count;
	const char *format; /* of -f, NULL: text */
	const char *output; /* of -o, NULL: stdout */
};

/* Room for what is wrong with a command line and a NUL; more is cut. */
#define COMMAND_LINE_ERROR 512

/*
 * Make a configuration of them, with all defaults.  false: error has what was
 * found and what was expected.  Free the configuration in any case.
 */
bool command_line_configure(struct config *, const struct command_line *,
			    char error[COMMAND_LINE_ERROR]);

/*
 * "tcp:9000", "udp:[::1]:9000", "tcp:192.0.2.1:9000", "tcp:*:9000": the
 * protocol, the address ("*" where none is given) and the port.  Returns NULL,
 * or what was expected instead.
 */
const char *command_line_parse_listener(const char *text, enum protocol *,
					char host[ADDRESS_TEXT],
					uint16_t *port);

#endif
