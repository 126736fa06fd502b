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

bool
command_take_tls(struct tls_options *o, int option)
{
	switch (option) {
	case COMMAND_TLS:
		o->is_on = true;
		return true;
	case COMMAND_CA:
		o->ca = optarg;
		return true;
	case COMMAND_CERT:
		o->cert = optarg;
		return true;
	case COMMAND_KEY:
		o->key = optarg;
		return true;
	default:
		return false;
	}
}

int
command_check_tls(const char *usage, const struct tls_options *o,
		  enum protocol protocol)
{
	if (!o->is_on && (o->ca || o->cert || o->key))
		return program_misused(usage,
				       "--ca, --cert and --key need --tls");
	if (!o->cert != !o->key)
		return program_misused(usage, "--cert and --key need each "
					      "other");
	if (o->is_on && protocol == PROTOCOL_UDP)
		return program_misused(usage,
				       "-u and --tls exclude each other");
	return 0;
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
