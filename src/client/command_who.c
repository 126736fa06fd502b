/* SPDX-License-Identifier: MIT */
/* portlog who: who is connected, and who sends datagrams. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/program.h"
#include "client/answer.h"
#include "client/command.h"
#include "client/who.h"
#include "config/config.h"

#define MOST 1000000

struct arguments {
	const char *socket;
	bool has_help, is_misused; /* the latter was logged */
};

static const char usage[] =
	"usage: portlog who [-j] [-l LISTENER] [-p PEER] [--sort KEY] [-n N] "
	"[-s SOCKET]\n";

static const char help[] =
	"Prints who is connected to portlogd, and the last senders of "
	"datagrams.\n"
	"\n"
	"  -j           JSON, as the socket answers it\n"
	"  -l LISTENER  of this listener\n"
	"  -L LISTENER  not of this one\n"
	"  -p PEER      of this address, network or ADDRESS:PORT\n"
	"  -P PEER      not of it\n"
	"  --sort KEY   bytes, records, idle, since, unread or peer; the "
	"largest first\n"
	"  -n N         so many at the most\n"
	"  -s SOCKET    by default\n"
	"               " STATUS_SOCKET_DEFAULT "\n"
	"  -h           this help\n"
	"\n"
	"See portlog(1).\n";

static void
add_rule(struct who *who, struct arguments *a, int option)
{
	bool is_listener = option == 'l' || option == 'L';
	char error[256];

	if (log_filter_add(&who->filter,
			   is_listener ? LOG_RULE_LISTENER : LOG_RULE_PEER,
			   option == 'L' || option == 'P', optarg, error))
		return;
	program_misused("", "-%c: found \"%s\": %s", option, optarg, error);
	a->is_misused = true;
}

static void
set_sort(struct who *who, struct arguments *a)
{
	for (size_t i = 0; who_keys[i]; i++)
		if (strcmp(optarg, who_keys[i]) == 0) {
			who->sort = who_keys[i];
			return;
		}
	program_misused("",
			"--sort: found \"%s\", expected bytes, records, idle, "
			"since, unread or peer",
			optarg);
	a->is_misused = true;
}

static void
set_most(struct who *who, struct arguments *a)
{
	char *end;

	who->most = strtoul(optarg, &end, 10);
	if (*optarg >= '0' && *optarg <= '9' && !*end && who->most > 0 &&
	    who->most <= MOST)
		return;
	program_misused("", "-n: found \"%s\", expected 1 to %d", optarg, MOST);
	a->is_misused = true;
}

static void
take_option(struct who *who, struct arguments *a, int option)
{
	switch (option) {
	case 'j':
		who->is_json = true;
		break;
	case 'l':
	case 'L':
	case 'p':
	case 'P':
		add_rule(who, a, option);
		break;
	case 'o':
		set_sort(who, a);
		break;
	case 'n':
		set_most(who, a);
		break;
	case 's':
		a->socket = optarg;
		break;
	case 'h':
		a->has_help = true;
		break;
	default:
		a->is_misused = true;
	}
}

/* Returns an exit code. */
static int
show(const struct who *who, const char *socket)
{
	struct answer answer = { 0 };
	struct buffer out = { 0 };
	bool is_answered = answer_ask(&answer, socket, "who");

	if (is_answered && who->is_json && !who->sort &&
	    who->filter.count == 0 && who->most == SIZE_MAX)
		buffer_add(&out, answer.text.data, answer.text.size);
	else if (is_answered && answer_is_readable())
		who_print(who, &answer, &out);
	else
		is_answered = false;
	program_write_out(&out);
	buffer_free(&out);
	answer_free(&answer);
	return is_answered ? EX_OK : EXIT_FAILURE;
}

int
command_who(int argc, char **argv)
{
	static const struct option words[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "sort", required_argument, NULL, 'o' },
		{ 0 },
	};
	struct arguments a = { .socket = STATUS_SOCKET_DEFAULT };
	struct who who = { .most = SIZE_MAX };
	int option, result;

	while (!a.is_misused &&
	       (option = command_option(argc, argv, "jl:L:p:P:n:s:h", words)) !=
		       -1)
		take_option(&who, &a, option);
	if (!a.is_misused && optind < argc)
		program_misused("", "found \"%s\", expected options only",
				argv[optind]);
	if (a.has_help) {
		printf("%s\n%s", usage, help);
		result = EX_OK;
	} else if (a.is_misused || optind < argc) {
		result = program_misused(usage, NULL);
	} else {
		result = show(&who, a.socket);
	}
	log_filter_free(&who.filter);
	return result;
}
