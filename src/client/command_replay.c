/* SPDX-License-Identifier: MIT */
/* portlog replay: send the records of a log again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/program.h"
#include "client/command.h"
#include "client/log_files.h"
#include "client/replay.h"
#include "record/log_line.h"

static const char usage[] = "usage: portlog replay [-u] [-s SPEED] "
			    "[-f FRAMING] [-g SECONDS]\n"
			    "                      [--tls [--ca FILE] "
			    "[--cert FILE --key FILE]]\n"
			    "                      FILE... HOST PORT\n";

static const char help[] =
	"Sends the records of a log, text or JSON, again: one connection for\n"
	"each in the log, with the gaps in time that they had.\n"
	"\n"
	"  -u          UDP, a datagram a record\n"
	"  -s SPEED    so many times as fast; 0: all at once (default: 1)\n"
	"  -f FRAMING  how the other side tells records apart: line "
	"(default),\n"
	"              lf, nul, octet-counted or none\n"
	"  -g, --max-gap SECONDS\n"
	"              wait no longer than this between two "
	"records\n" COMMAND_TLS_HELP "  -h          this help\n"
	"\n"
	"FILE may be - for standard input, and be compressed, by gzip, xz or "
	"zstd.\n"
	"See portlog(1).\n";

static bool
parse_speed(const char *text, double *speed)
{
	char *end;

	*speed = strtod(text, &end);
	return end != text && *end == '\0' && *speed >= 0 && *speed <= 1e6;
}

static bool
parse_framing(const char *text, enum replay_framing *framing)
{
	static const char *const names[] = {
		[REPLAY_LINE] = "line",
		[REPLAY_LF] = "lf",
		[REPLAY_NUL] = "nul",
		[REPLAY_OCTET_COUNTED] = "octet-counted",
		[REPLAY_NONE] = "none",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(text, names[i]) == 0) {
			*framing = (enum replay_framing)i;
			return true;
		}
	return false;
}

/* Returns 0; -1: help was printed; else the exit code. */
static int
parse_options(struct replay_options *o, struct tls_options *tls, int argc,
	      char **argv)
{
	static const struct option words[] = {
		COMMAND_TLS_WORDS,
		{ "max-gap", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = command_option(argc, argv, "+us:f:g:h", words)) != -1) {
		if (command_take_tls(tls, c))
			continue;
		switch (c) {
		case 'u':
			o->protocol = PROTOCOL_UDP;
			break;
		case 's':
			if (!parse_speed(optarg, &o->speed))
				return program_misused(
					usage,
					"-s: found \"%s\", expected a number "
					"from 0 on",
					optarg);
			break;
		case 'f':
			if (!parse_framing(optarg, &o->framing))
				return program_misused(
					usage,
					"-f: found \"%s\", expected line, lf, "
					"nul, octet-counted or none",
					optarg);
			break;
		case 'g':
			if (!command_parse_ms(optarg, &o->max_gap_ms))
				return program_misused(
					usage,
					"-g: found \"%s\", expected seconds",
					optarg);
			break;
		case 'h':
			printf("%s\n%s", usage, help);
			return -1;
		default:
			return program_misused(usage, NULL);
		}
	}
	if (argc - optind < 3)
		return program_misused(usage, "expected FILE, HOST and PORT");
	o->host = argv[argc - 2];
	o->port = argv[argc - 1];
	c = command_check_tls(usage, tls, o->protocol);
	return c != 0 ? c : command_check_port(usage, o->port);
}

static const char *
take(void *replay, const struct log_line *line)
{
	return replay_take(replay, line);
}

/* Replay the files, as many as count.  false: logged. */
static bool
run(const struct replay_options *options, char **paths, size_t count)
{
	struct log_files files = { .take = take,
				   .paths = paths,
				   .count = count,
				   .argument = replay_start(options) };
	bool good;

	if (!files.argument)
		return false;
	good = log_files_read(&files);
	return replay_end(files.argument) && good;
}

int
command_replay(int argc, char **argv)
{
	struct replay_options options = { .speed = 1, .max_gap_ms = -1 };
	struct tls_options tls_options = { .is_on = false };
	int result = parse_options(&options, &tls_options, argc, argv);
	struct tls *tls = NULL;
	bool good;

	if (result != 0)
		return result < 0 ? EX_OK : result;
	program_raise_fd_limit(); /* one descriptor for each connection */
	if (tls_options.is_on)
		options.tls = tls = tls_open(&tls_options, options.host);
	good = (tls || !tls_options.is_on) &&
	       run(&options, argv + optind, (size_t)(argc - optind - 2));
	tls_close(tls);
	return good ? EX_OK : EXIT_FAILURE;
}
