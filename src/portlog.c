/* SPDX-License-Identifier: MIT */
/* portlog: send to a port; decode, replay and follow a log. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/diag.h"
#include "base/program.h"
#include "client/command.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "send", command_send },       { "decode", command_decode },
	{ "replay", command_replay },   { "tail", command_tail },
	{ "status", command_status },   { "who", command_who },
	{ "metrics", command_metrics }, { "check", command_check },
	{ "top", command_top },
};

static const char usage[] =
	"usage: portlog send|decode|replay|tail|status|who|top|metrics|check "
	"...\n"
	"       portlog -h | -V\n";

static const char help[] =
	"The companion of portlogd.\n"
	"\n"
	"  send    lines of standard input to a port, with a receipt\n"
	"  decode  a text log back to the bytes that were sent\n"
	"  replay  the records of a log to a port, at their pace\n"
	"  tail    the last lines of a log, and what comes\n"
	"  status  how a daemon does, and what was lost\n"
	"  who     who is connected, and who sends\n"
	"  top     status and who, live, with rates\n"
	"  metrics of the daemon, for Prometheus\n"
	"  check   why nothing arrives\n"
	"\n"
	"\"portlog COMMAND -h\" tells more, and so does portlog(1).\n";

static int
run(int argc, char **argv)
{
	static char program[] = "portlog";

	if (argc < 2)
		return program_misused(usage, "expected a command");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			/* What getopt() begins its messages with. */
			argv[1] = program;
			return commands[i].run(argc - 1, argv + 1);
		}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
		printf("%s\n%s", usage, help);
	else if (strcmp(argv[1], "-V") == 0 ||
		 strcmp(argv[1], "--version") == 0)
		puts("portlog " PACKAGE_VERSION);
	else
		return program_misused(
			usage, "found \"%s\", expected a command", argv[1]);
	return EX_OK;
}

int
main(int argc, char **argv)
{
	int result, flushed;

	diag_init("portlog");
	result = run(argc, argv);
	flushed = program_flush_stdout();
	return flushed == EX_OK ? result : flushed;
}
