/* SPDX-License-Identifier: MIT */
/* portlog tail: what a log has, and what comes. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/address.h"
#include "base/program.h"
#include "client/command.h"
#include "client/log_paths.h"
#include "client/log_time.h"
#include "client/tail.h"
#include "client/tail_journal.h"
#include "config/defaults.h"
#include "config/load.h"

#define DEFAULT_LINES 10
#define MAX_LINES 1000000

/* What getopt_long() returns for options without a letter. */
enum { OPTION_LOCAL = 256, OPTION_COLOUR };

struct arguments {
	const char *config;
	const char *since, *until; /* NULL: no limit */
	const char *lines, *limit, *form, *colour;
	bool is_misused; /* which was logged */
	bool has_help;
};

static const char usage[] =
	"usage: portlog tail [-fiN] [-n LINES] [-S TIME] [-U TIME] [-m LINES]\n"
	"                    [-l LISTENER] [-p PEER] [-t TAGS] [-g REGEX] "
	"[-LPTG: not these]\n"
	"                    [-H REGEX] [-o line|data|json] [--local]\n"
	"                    [--color auto|always|never] [-c CONFIG] "
	"[FILE]...\n";

static const char help[] =
	"Prints the last lines of what portlogd has written, and what comes.\n"
	"\n"
	"  -f           follow: print what is written from now on, too\n"
	"  -n LINES     the last lines, 10; all: all that there are\n"
	"  -S, -U TIME  since, until: 10m, 12:00, yesterday, 2026-11-23T07:12 "
	"(UTC)\n"
	"  -l LISTENER  of this listener         -L  not of this one\n"
	"  -p PEER      of this address, network or ADDRESS:PORT; -P not of "
	"it\n"
	"  -t TAGS      with one of these tags   -T  with none of them\n"
	"  -g REGEX     whose data matches       -G  does not match\n"
	"  -i           -g, -G and -H ignore case\n"
	"  -N           notes alone, as -t '*'\n"
	"  -m LINES     end after so many\n"
	"  -H REGEX     mark what matches\n"
	"  -o FORM      line, data (the bytes that were sent) or json\n"
	"  -c CONFIG    whose file outputs to read, by default\n"
	"               " CONFIG_DEFAULT "\n"
	"  --local      times of this host's zone, also in -S and -U\n"
	"  --color WHEN auto, always or never\n"
	"  -h           this help\n"
	"\n"
	"Rotated and compressed files are read too.  Exit code 1: nothing was "
	"found.  See\nportlog(1).\n";

static void
add_rule(struct tail *tail, struct arguments *a, int option, const char *text)
{
	static const char letters[] = "ltpg";
	const char *place = strchr(letters, option | 0x20);
	bool is_negated = !(option & 0x20);
	char error[256];

	if (!log_filter_add(&tail->filter,
			    (enum log_rule_kind)(place - letters), is_negated,
			    text, error)) {
		program_misused("", "-%c: found \"%s\": %s", option, text,
				error);
		a->is_misused = true;
	}
}

static void
add_highlight(struct tail *tail, struct arguments *a, const char *text)
{
	char error[256];

	if (log_filter_add(&tail->highlight, LOG_RULE_DATA, false, text, error))
		return;
	program_misused("", "-H: found \"%s\": %s", text, error);
	a->is_misused = true;
}

/* Rules need to know of -i: they are added in a second turn. */
static void
take_option(struct tail *tail, struct arguments *a, int option, bool adds_rules)
{
	switch (option) {
	case 'l':
	case 'L':
	case 'p':
	case 'P':
	case 't':
	case 'T':
	case 'g':
	case 'G':
		if (adds_rules)
			add_rule(tail, a, option, optarg);
		break;
	case 'N':
		if (adds_rules)
			add_rule(tail, a, 't', "*");
		break;
	case 'H':
		if (adds_rules)
			add_highlight(tail, a, optarg);
		break;
	case 'f':
		tail->follows = true;
		break;
	case 'i':
		tail->filter.ignores_case = tail->highlight.ignores_case = true;
		break;
	case 'n':
		a->lines = optarg;
		break;
	case 'm':
		a->limit = optarg;
		break;
	case 'S':
		a->since = optarg;
		break;
	case 'U':
		a->until = optarg;
		break;
	case 'o':
		a->form = optarg;
		break;
	case 'c':
		a->config = optarg;
		break;
	case OPTION_LOCAL:
		tail->printer.is_local = true;
		break;
	case OPTION_COLOUR:
		a->colour = optarg;
		break;
	case 'h':
		a->has_help = true;
		break;
	default:
		a->is_misused = true;
	}
}

static void
take_options(struct tail *tail, struct arguments *a, int argc, char **argv,
	     bool adds_rules)
{
	static const struct option words[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "local", no_argument, NULL, OPTION_LOCAL },
		{ "color", required_argument, NULL, OPTION_COLOUR },
		{ "config", required_argument, NULL, 'c' },
		{ "follow", no_argument, NULL, 'f' },
		{ "lines", required_argument, NULL, 'n' },
		{ "since", required_argument, NULL, 'S' },
		{ "until", required_argument, NULL, 'U' },
		{ 0 },
	};
	int option;

	optind = 0;
	while (!a->is_misused &&
	       (option = command_option(argc, argv,
					"fiNn:S:U:m:l:L:p:P:t:T:g:G:H:o:c:h",
					words)) != -1)
		take_option(tail, a, option, adds_rules);
}

static bool
parse_count(const char *text, size_t *count)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > MAX_LINES)
		return false;
	*count = value;
	return true;
}

/* Returns 0, or an exit code. */
static int
set_counts(struct tail *tail, const struct arguments *a)
{
	bool is_limited = !a->since && !a->until;

	tail->lines = is_limited ? DEFAULT_LINES : TAIL_ALL;
	tail->limit = SIZE_MAX;
	if (a->lines && strcmp(a->lines, "all") == 0)
		tail->lines = TAIL_ALL;
	else if (a->lines && !parse_count(a->lines, &tail->lines))
		return program_misused(usage,
				       "-n: found \"%s\", expected 0 to %d, or "
				       "all",
				       a->lines, MAX_LINES);
	if (a->limit &&
	    (!parse_count(a->limit, &tail->limit) || tail->limit == 0))
		return program_misused(usage,
				       "-m: found \"%s\", expected 1 to %d",
				       a->limit, MAX_LINES);
	return 0;
}

static int
set_bound(struct log_bound *bound, char option, const char *text, bool is_local)
{
	struct timespec now, time;

	if (!text)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!log_time_parse(&time, text, is_local, &now))
		return program_misused(usage, "-%c: found \"%s\", expected %s",
				       option, text, LOG_TIME_EXPECTED);
	log_bound_set(bound, &time);
	return 0;
}

static int
set_times(struct tail *tail, const struct arguments *a)
{
	bool is_local = tail->printer.is_local;
	int result = set_bound(&tail->filter.since, 'S', a->since, is_local);

	if (result == 0)
		result =
			set_bound(&tail->filter.until, 'U', a->until, is_local);
	if (result == 0 && a->until && tail->follows)
		return program_misused(usage,
				       "found -f and -U, expected one of them");
	return result;
}

static int
set_form(struct tail *tail, const struct arguments *a)
{
	static const char *const forms[] = { "line", "data", "json" };

	for (int i = 0; i < 3; i++)
		if (!a->form || strcmp(a->form, forms[i]) == 0) {
			tail->printer.form = (enum log_form)i;
			return 0;
		}
	return program_misused(usage,
			       "-o: found \"%s\", expected line, data or json",
			       a->form);
}

/* A program that reads the output wants no colours; nor does NO_COLOR. */
static int
set_colour(struct tail *tail, const struct arguments *a)
{
	const char *none = getenv("NO_COLOR"), *when = a->colour;
	struct log_printer *p = &tail->printer;

	p->is_terminal = isatty(STDOUT_FILENO);
	p->has_colour = p->is_terminal && !(none && *none);
	if (when && strcmp(when, "always") == 0)
		p->has_colour = true;
	else if (when && strcmp(when, "never") == 0)
		p->has_colour = false;
	else if (when && strcmp(when, "auto") != 0)
		return program_misused(usage,
				       "--color: found \"%s\", expected auto, "
				       "always or never",
				       when);
	p->has_colour = p->has_colour && p->form != LOG_FORM_JSON;
	p->highlight =
		tail->highlight.count > 0 ? &tail->highlight : &tail->filter;
	return 0;
}

/* Returns 0; -1: help was printed; else the exit code. */
static int
parse_options(struct tail *tail, struct arguments *a, int argc, char **argv)
{
	int result;

	take_options(tail, a, argc, argv, false);
	if (a->has_help) {
		printf("%s\n%s", usage, help);
		return -1;
	}
	if (!a->is_misused)
		take_options(tail, a, argc, argv, true);
	if (a->is_misused)
		return program_misused(usage, NULL);
	result = set_counts(tail, a);
	if (result == 0)
		result = set_times(tail, a);
	if (result == 0)
		result = set_form(tail, a);
	return result ? result : set_colour(tail, a);
}

/* What the daemon writes: its files; else the journal. */
static int
tail_configured(struct tail *tail, const char *path)
{
	struct log_paths paths = { 0 };
	int result = EXIT_FAILURE;

	if (log_paths_load(&tail->config, path)) {
		log_paths_find(&paths, &tail->config);
		for (size_t i = 0; i < paths.count; i++)
			tail_add(tail, paths.list[i]);
		tail->is_configured = true;
		result = paths.count > 0 || log_paths_are_written(&tail->config)
			       ? tail_run(tail)
			       : tail_journal(tail);
	}
	log_paths_free(&paths);
	config_free(&tail->config);
	return result;
}

int
command_tail(int argc, char **argv)
{
	struct arguments a = { .config = CONFIG_DEFAULT };
	struct tail tail = { 0 };
	int result = parse_options(&tail, &a, argc, argv);

	if (result != 0)
		return result < 0 ? EX_OK : result;
	program_raise_fd_limit();
	if (optind == argc)
		return tail_configured(&tail, a.config);
	for (int i = optind; i < argc; i++)
		tail_add(&tail, argv[i]);
	return tail_run(&tail);
}
