/* SPDX-License-Identifier: MIT */
/* portlog status: how a daemon does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/program.h"
#include "client/answer.h"
#include "client/command.h"
#include "client/status_print.h"
#include "config/config.h"

struct arguments {
	const char *socket;
	int every_ms; /* 0: once */
	bool is_json, is_quiet, has_help;
};

static const char usage[] =
	"usage: portlog status [-j | -q] [-w SECONDS] [-s SOCKET]\n";

static const char help[] =
	"Prints how portlogd does: its listeners, its outputs, what was lost.\n"
	"\n"
	"  -j          JSON, as the socket answers it\n"
	"  -q          print nothing: the exit code tells\n"
	"  -w SECONDS  again and again, so many seconds apart\n"
	"  -s SOCKET   by default\n"
	"              " STATUS_SOCKET_DEFAULT "\n"
	"  -h          this help\n"
	"\n"
	"Exit code 1: it does not run, or an output stands still.  See "
	"portlog(1).\n";

/* Returns 0 or an exit code. */
static int
parse_options(struct arguments *a, int argc, char **argv)
{
	int option;

	while ((option = command_option(argc, argv, "jqw:s:h", NULL)) != -1) {
		switch (option) {
		case 'j':
			a->is_json = true;
			break;
		case 'q':
			a->is_quiet = true;
			break;
		case 's':
			a->socket = optarg;
			break;
		case 'w':
			if (!command_parse_ms(optarg, &a->every_ms) ||
			    a->every_ms < 100)
				return program_misused(
					usage,
					"-w: found \"%s\", expected seconds, "
					"0.1 at the least",
					optarg);
			break;
		case 'h':
			a->has_help = true;
			return 0;
		default:
			return program_misused(usage, NULL);
		}
	}
	if (a->is_json && a->is_quiet)
		return program_misused(usage,
				       "found -j and -q, expected one of them");
	if (optind < argc)
		return program_misused(usage,
				       "found \"%s\", expected options only",
				       argv[optind]);
	return 0;
}

/* Within a string the quotes would have a backslash before them. */
static bool
has_stalled(const struct buffer *text)
{
	static const char stalled[] = "\"stalled\":true";

	return memmem(text->data, text->size, stalled, sizeof stalled - 1);
}

/* Returns an exit code. */
static int
show(const struct arguments *a, bool clears)
{
	struct answer answer = { 0 };
	struct buffer out = { 0 };
	bool is_well = answer_ask(&answer, a->socket, "status");

	if (is_well && a->is_json) {
		buffer_add(&out, answer.text.data, answer.text.size);
	} else if (is_well && !a->is_quiet) {
		if (clears)
			buffer_add(&out, "\033[H\033[2J", 7);
		status_print(&answer, &out);
		if (a->every_ms > 0)
			buffer_add(&out, "\n", 1);
	}
	program_write_out(&out);
	is_well = is_well && !has_stalled(&answer.text);
	buffer_free(&out);
	answer_free(&answer);
	return is_well ? EX_OK : EXIT_FAILURE;
}

int
command_status(int argc, char **argv)
{
	struct arguments a = { .socket = STATUS_SOCKET_DEFAULT };
	int result = parse_options(&a, argc, argv);
	bool clears = a.every_ms > 0 && isatty(STDOUT_FILENO);

	if (a.has_help)
		printf("%s\n%s", usage, help);
	if (result != 0 || a.has_help)
		return result;
	if (!a.is_json && !a.is_quiet && !answer_is_readable())
		return EXIT_FAILURE;
	result = show(&a, clears);
	while (a.every_ms > 0) {
		clock_sleep_ms((unsigned)a.every_ms);
		result = show(&a, clears);
	}
	return result;
}
