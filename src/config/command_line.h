/* SPDX-License-Identifier: MIT */
/*
 * command_line: the configuration that portlogd's -l, -f and -o describe.
 * Without memory the process ends.  Main thread.
 */
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

/* The size of an error with its NUL; what is longer is cut off. */
#define COMMAND_LINE_ERROR 512

/*
 * Make a configuration of them, with all defaults.  false: error says what was
 * found and what was expected.  Free the configuration in any case.
 */
bool command_line_configure(struct config *, const struct command_line *,
			    char error[COMMAND_LINE_ERROR]);

/*
 * Parse "tcp:9000", "udp:[::1]:9000", "tcp:192.0.2.1:9000" or "tcp:*:9000"; the
 * host of the first is "*".  Returns NULL, or what was expected: text to put
 * behind "expected ".
 */
const char *command_line_parse_listener(const char *text, enum protocol *,
					char host[ADDRESS_TEXT],
					uint16_t *port);

#endif
