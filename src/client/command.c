/* SPDX-License-Identifier: MIT */
#include "client/command.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/address.h"
#include "base/diag.h"

#define MOST_SECONDS (14.0 * 24 * 60 * 60)

int
command_misused(const char *usage, const char *format, ...)
{
	if (format) {
		char text[512];
		va_list arguments;

		va_start(arguments, format);
		vsnprintf(text, sizeof text, format, arguments);
		va_end(arguments);
		diag(LOG_ERR, "%s", text);
	}
	fputs(usage, stderr);
	return EX_USAGE;
}

bool
command_parse_ms(const char *text, int *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds >= 0) ||
	    seconds > MOST_SECONDS)
		return false;
	*ms = (int)(seconds * 1000);
	return true;
}

/* getaddrinfo() takes "" for 0 and 65537 for 1; no name is without a letter. */
static bool
is_port(const char *text)
{
	uint16_t port;

	if (address_parse_port(text, &port))
		return port > 0;
	while (*text && !isalpha((unsigned char)*text))
		text++;
	return *text != '\0';
}

int
command_check_port(const char *usage, const char *port)
{
	if (is_port(port))
		return 0;
	return command_misused(
		usage,
		"PORT: found \"%s\", expected 1 to 65535, or the "
		"name of a service",
		port);
}

int
command_option(int argc, char **argv, const char *letters)
{
	static const struct option words[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};

	return getopt_long(argc, argv, letters, words, NULL);
}
