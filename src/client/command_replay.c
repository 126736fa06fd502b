/* SPDX-License-Identifier: MIT */
/* portlog replay: send the records of a log again. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/diag.h"
#include "base/program.h"
#include "client/command.h"
#include "client/lines.h"
#include "client/replay.h"
#include "record/log_line.h"

static const char usage[] = "usage: portlog replay [-u] [-s SPEED] "
			    "[-f FRAMING] FILE HOST PORT\n";

static const char help[] =
	"Sends the records of a log, text or JSON, again: one connection for\n"
	"each in the log, with the gaps in time that they had.\n"
	"\n"
	"  -u          UDP, a datagram a record\n"
	"  -s SPEED    so many times as fast; 0: all at once (default: 1)\n"
	"  -f FRAMING  how the other side tells records apart: line "
	"(default),\n"
	"              lf, nul, octet-counted or none\n"
	"  -h          this help\n"
	"\n"
	"FILE may be - for standard input.  See portlog(1).\n";

struct options {
	struct replay_options replay;
	const char *file;
};

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
parse_options(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = command_option(argc, argv, "+us:f:h")) != -1) {
		switch (c) {
		case 'u':
			o->replay.protocol = PROTOCOL_UDP;
			break;
		case 's':
			if (!parse_speed(optarg, &o->replay.speed))
				return program_misused(
					usage,
					"-s: found \"%s\", expected a number "
					"from 0 on",
					optarg);
			break;
		case 'f':
			if (!parse_framing(optarg, &o->replay.framing))
				return program_misused(
					usage,
					"-f: found \"%s\", expected line, lf, "
					"nul, octet-counted or none",
					optarg);
			break;
		case 'h':
			printf("%s\n%s", usage, help);
			return -1;
		default:
			return program_misused(usage, NULL);
		}
	}
	if (argc - optind != 3)
		return program_misused(usage, "expected FILE, HOST and PORT");
	o->file = argv[optind];
	o->replay.host = argv[optind + 1];
	o->replay.port = argv[optind + 2];
	return command_check_port(usage, o->replay.port);
}

/* Replay all lines.  false: a line was refused or not read, and logged. */
static bool
replay_lines(struct replay *replay, const char *file, struct lines *lines)
{
	struct line line;
	bool good = true;

	while (lines_next(lines, &line)) {
		bool is_json = line.size > 0 && line.text[0] == '{';
		struct log_line log_line;
		const char *expected =
			is_json ? log_line_parse_json(&log_line, line.text,
						      line.size)
				: log_line_parse_text(&log_line, line.text,
						      line.size);

		if (!expected)
			expected = replay_take(replay, &log_line);
		if (is_json)
			log_line_free(&log_line);
		if (!expected)
			continue;
		diag(LOG_ERR, "%s:%llu: expected %s", file, lines->number,
		     expected);
		good = false;
	}
	if (lines->error)
		diag(LOG_ERR, "%s: %s", file, strerror(lines->error));
	return good && !lines->error;
}

int
command_replay(int argc, char **argv)
{
	struct options o = { .replay = { .speed = 1 } };
	int result = parse_options(&o, argc, argv);
	struct replay *replay;
	struct lines lines;
	bool good;

	if (result != 0)
		return result < 0 ? EX_OK : result;
	if (!lines_open(&lines, o.file))
		return EXIT_FAILURE;
	program_raise_fd_limit(); /* one descriptor for each connection */
	replay = replay_start(&o.replay);
	if (!replay)
		return EXIT_FAILURE;
	good = replay_lines(replay, o.file, &lines);
	good = replay_end(replay) && good;
	lines_close(&lines);
	return good ? EX_OK : EXIT_FAILURE;
}
