/* SPDX-License-Identifier: MIT */
#include "config/command_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/conflicts.h"
#include "config/defaults.h"
#include "config/expect.h"
#include "config/options.h"

const char *
command_line_parse_listener(const char *text, enum protocol *protocol,
			    char host[ADDRESS_TEXT], uint16_t *port)
{
	const char *rest = text + 4, *colon = strrchr(text, ':');
	const char *expected;
	size_t size;

	if (strncmp(text, "tcp:", 4) != 0 && strncmp(text, "udp:", 4) != 0)
		return "\"tcp:\" or \"udp:\", then [ADDRESS:]PORT";
	*protocol = text[0] == 't' ? PROTOCOL_TCP : PROTOCOL_UDP;
	if (!address_parse_port(colon + 1, port))
		return "a port from 0 to 65535 at its end";
	snprintf(host, ADDRESS_TEXT, "*");
	if (colon < rest)
		return NULL;
	size = (size_t)(colon - rest);
	if (size == 1 && rest[0] == '*')
		return NULL;
	if (size >= 2 && rest[0] == '[' && colon[-1] == ']') {
		rest++;
		size -= 2;
	} else if (memchr(rest, ':', size)) {
		return "an IPv6 address in brackets";
	}
	if (size >= ADDRESS_TEXT)
		return "a numeric address before the port";
	memcpy(host, rest, size);
	host[size] = '\0';
	expected = expect_address(host);
	return expected ? expected
			: expect_usable_address(host, *protocol, false);
}

__attribute__((format(printf, 2, 3))) static bool
failed(char error[COMMAND_LINE_ERROR], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, COMMAND_LINE_ERROR, format, arguments);
	va_end(arguments);
	return false;
}

/* Whether the last listener excludes none of those before it. */
static bool
check_conflicts(const struct config *config, const struct command_line *line,
		char error[COMMAND_LINE_ERROR])
{
	size_t last = config->listener_count - 1;

	for (size_t i = 0; i < last; i++)
		if (conflicts_listeners(&config->listeners[i],
					&config->listeners[last]))
			return failed(error,
				      "-l: found \"%s\" and \"%s\", expected "
				      "one listener on a port and address",
				      line->listeners[i],
				      line->listeners[last]);
	return true;
}

static bool
add_listener(struct config *config, const char *text,
	     char error[COMMAND_LINE_ERROR])
{
	struct listener_config *l = config_add_listener(config);
	char host[ADDRESS_TEXT];
	uint16_t port;
	const char *expected =
		command_line_parse_listener(text, &l->protocol, host, &port);

	if (expected)
		return failed(error, "-l: found \"%s\", expected %s", text,
			      expected);
	free(l->address);
	l->address = memory_copy(host);
	l->port = port;
	return true;
}

static bool
add_output(struct config *config, const struct command_line *line,
	   char error[COMMAND_LINE_ERROR])
{
	struct output_config *output = config_add_output(config);
	const char *expected;
	int format = line->format ? option_choice(config_formats, line->format)
				  : FORMAT_TEXT;

	if (format < 0)
		return failed(
			error,
			"-f: found \"%s\", expected \"text\", \"json\" or "
			"\"raw\"",
			line->format);
	output->format = (enum format)format;
	if (!line->output)
		return true;
	expected = expect_path(line->output);
	if (expected)
		return failed(error, "-o: found \"%s\", expected %s",
			      line->output, expected);
	output->type = OUTPUT_FILE;
	output->path = memory_copy(line->output);
	return true;
}

bool
command_line_configure(struct config *config, const struct command_line *line,
		       char error[COMMAND_LINE_ERROR])
{
	config_set_defaults(config);
	/* Who starts one by hand may have a service that has the path. */
	config->status_socket[0] = '\0';
	if (!add_output(config, line, error))
		return false;
	config_complete_outputs(config);
	for (size_t i = 0; i < line->listener_count; i++)
		if (!add_listener(config, line->listeners[i], error) ||
		    !check_conflicts(config, line, error))
			return false;
	config_complete_listeners(config);
	return true;
}
