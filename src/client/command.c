/* SPDX-License-Identifier: MIT */
#include "client/command.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/address.h"
#include "base/program.h"

#define MAX_SECONDS (14.0 * 24 * 60 * 60)

bool
command_parse_ms(const char *text, int *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds >= 0) ||
	    seconds > MAX_SECONDS)
		return false;
	*ms = (int)(seconds * 1000);
	return true;
}

/*
 * getaddrinfo() takes "" for 0 and 65537 for 1, so only digits that are a port
 * pass, or what has a letter: the name of a service.
 */
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
	return program_misused(
		usage,
		"PORT: found \"%s\", expected 1 to 65535, or the "
		"name of a service",
		port);
}

int
command_option(int argc, char **argv, const char *letters,
	       const struct option *words)
{
	static const struct option help[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};

	return getopt_long(argc, argv, letters, words ? words : help, NULL);
}
