/* SPDX-License-Identifier: MIT */
/* portlog top: a daemon live, on a terminal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/program.h"
#include "client/answer.h"
#include "client/command.h"
#include "client/top_screen.h"
#include "config/config.h"

#define ASK_MS 1000

struct arguments {
	const char *socket;
	int every_ms;
	bool has_help;
};

static const char usage[] = "usage: portlog top [-d SECONDS] [-s SOCKET]\n";

static const char help[] =
	"Shows portlogd live: listeners, outputs and peers, with their rates.\n"
	"\n"
	"  -d SECONDS  between two looks; default: 1\n"
	"  -s SOCKET   by default\n"
	"              " STATUS_SOCKET_DEFAULT "\n"
	"  -h          this help\n"
	"\n"
	"Its keys: h for help, q to quit.  See portlog(1).\n";

/* Returns 0 or an exit code. */
static int
parse_options(struct arguments *a, int argc, char **argv)
{
	int option;

	while ((option = command_option(argc, argv, "d:s:h", NULL)) != -1) {
		switch (option) {
		case 'd':
			if (!command_parse_ms(optarg, &a->every_ms) ||
			    a->every_ms < 100)
				return program_misused(
					usage,
					"-d: found \"%s\", expected seconds, "
					"0.1 at the least",
					optarg);
			break;
		case 's':
			a->socket = optarg;
			break;
		case 'h':
			a->has_help = true;
			return 0;
		default:
			return program_misused(usage, NULL);
		}
	}
	if (optind < argc)
		return program_misused(usage,
				       "found \"%s\", expected options only",
				       argv[optind]);
	return 0;
}

/* NULL: it was; else why not. */
static const char *
look(struct top *top, const char *socket_path)
{
	static char error[256];
	struct answer status = { 0 }, who = { 0 };
	bool is_there =
		answer_ask_once(&status, socket_path, "status", ASK_MS) &&
		answer_ask_once(&who, socket_path, "who", ASK_MS);

	if (is_there)
		top_update(top, &status, &who);
	else
		snprintf(error, sizeof error, "no answer: %s: %s", socket_path,
			 strerror(errno));
	answer_free(&status);
	answer_free(&who);
	return is_there ? NULL : error;
}

static void
show(const struct arguments *a)
{
	struct top_screen screen = { 0 };
	struct top top = { 0 };
	const char *error = NULL;
	long long next_ms = 0;

	while (!screen.has_ended) {
		long long now_ms = clock_now_ms();

		if (now_ms >= next_ms) {
			error = look(&top, a->socket);
			next_ms = clock_now_ms() + a->every_ms;
		}
		top_screen_draw(&screen, &top, error);
		now_ms = clock_now_ms();
		top_screen_key(&screen,
			       next_ms > now_ms ? (int)(next_ms - now_ms) : 0);
	}
	top_free(&top);
}

/* Who may not look is told so as status tells it, not on a screen. */
static bool
can_look(const char *socket_path)
{
	struct answer answer = { 0 };
	bool can = answer_ask(&answer, socket_path, "status");

	answer_free(&answer);
	return can;
}

int
command_top(int argc, char **argv)
{
	struct arguments a = { .socket = STATUS_SOCKET_DEFAULT,
			       .every_ms = 1000 };
	int result = parse_options(&a, argc, argv);

	if (a.has_help)
		printf("%s\n%s", usage, help);
	if (result != 0 || a.has_help)
		return result;
	if (!top_screen_exists()) {
		diag(LOG_ERR, "top: built without ncurses: use portlog status "
			      "-w 2");
		return EXIT_FAILURE;
	}
	if (!answer_is_readable() || !can_look(a.socket) || !top_screen_open())
		return EXIT_FAILURE;
	show(&a);
	top_screen_close();
	return EX_OK;
}
