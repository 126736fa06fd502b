/* SPDX-License-Identifier: MIT */
/* portlog send: send stdin to a port, and wait for the receipt. */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/program.h"
#include "client/command.h"
#include "client/dial.h"
#include "client/send.h"

static const char usage[] =
	"usage: portlog send [-u] [-n] [-w SECONDS] HOST PORT\n"
	"       portlog send --tls [--ca FILE] [--cert FILE --key FILE]\n"
	"                    [-n] [-w SECONDS] HOST PORT\n";

static const char help[] =
	"Sends the lines of standard input to a port.\n"
	"\n"
	"  -u          UDP, a datagram a line, without its newline\n"
	"  -n          do not wait until the other side has closed\n"
	"  -w SECONDS  wait no longer than this: to connect, for the other "
	"side "
	"to\n"
	"              take more, and for the close\n" COMMAND_TLS_HELP
	"  -h          this help\n"
	"\n"
	"Exit 0 means that the other side has taken everything and closed: "
	"with\n"
	"portlogd, that it is in the log.  See portlog(1).\n";

/* What the command line says, apart from s. */
struct choice {
	enum protocol protocol;
	struct tls_options tls;
};

/* Returns 0; -1: help was printed; else the exit code. */
static int
parse_options(struct send *s, struct choice *choice, int argc, char **argv)
{
	static const struct option words[] = {
		COMMAND_TLS_WORDS,
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = command_option(argc, argv, "+unw:h", words)) != -1) {
		if (command_take_tls(&choice->tls, c))
			continue;
		switch (c) {
		case 'u':
			choice->protocol = PROTOCOL_UDP;
			break;
		case 'n':
			s->without_receipt = true;
			break;
		case 'w':
			if (!command_parse_ms(optarg, &s->timeout_ms))
				return program_misused(
					usage,
					"-w: found \"%s\", expected seconds",
					optarg);
			break;
		case 'h':
			printf("%s\n%s", usage, help);
			return -1;
		default:
			return program_misused(usage, NULL);
		}
	}
	if (argc - optind != 2)
		return program_misused(usage, "expected HOST and PORT");
	s->host = argv[optind];
	s->port = argv[optind + 1];
	c = command_check_tls(usage, &choice->tls, choice->protocol);
	return c != 0 ? c : command_check_port(usage, s->port);
}

/* Connect, send all, and close.  false: logged. */
static bool
run(struct send *s, enum protocol protocol)
{
	struct addrinfo *addresses = dial_resolve(s->host, s->port, protocol);

	if (!addresses)
		return false;
	s->next = addresses;
	if (protocol == PROTOCOL_TCP)
		send_stream(s);
	else
		send_datagrams(s);
	progress_end(&s->progress);
	if (s->channel.fd >= 0)
		channel_close(&s->channel);
	freeaddrinfo(addresses);
	return !s->has_failed;
}

int
command_send(int argc, char **argv)
{
	struct send s = { .timeout_ms = -1, .channel = channel_of(-1) };
	struct choice choice = { .protocol = PROTOCOL_TCP };
	int result = parse_options(&s, &choice, argc, argv);
	struct tls *tls = NULL;
	bool good;

	if (result != 0)
		return result < 0 ? EX_OK : result;
	if (choice.tls.is_on)
		s.tls = tls = tls_open(&choice.tls, s.host);
	good = (tls || !choice.tls.is_on) && run(&s, choice.protocol);
	tls_close(tls);
	return good ? EX_OK : EXIT_FAILURE;
}
