/* SPDX-License-Identifier: MIT */
/* portlogd: logs all that it receives on TCP and UDP ports.  main(). */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"
#include "base/program.h"
#include "config/command_line.h"
#include "config/defaults.h"
#include "config/dump.h"
#include "config/load.h"
#include "daemon/certificates.h"
#include "daemon/full_test.h"
#include "daemon/low_ports.h"
#include "daemon/server.h"
#include "daemon/signals.h"

/* What getopt_long() returns for an option without a letter. */
#define KEEP_LOW_PORTS 256

struct options {
	const char *config;
	struct command_line line; /* -l, -f and -o */
	int tests; /* of -t: the second tries outputs and ports too */
	bool dump, keep_low_ports, help, version;
};

static const char usage[] =
	"usage: portlogd [-c FILE] [-l PROTO:[ADDRESS:]PORT]... [-f FORMAT] "
	"[-o FILE]\n"
	"                [-t | -T | --keep-low-ports] [-v] [-h] [-V]\n";

static const char help[] =
	"Logs everything that arrives on TCP and UDP ports, one safe line a "
	"record.\n"
	"\n"
	"  -c, --config FILE    configuration, by default\n"
	"                       " CONFIG_DEFAULT "\n"
	"  -l, --listen PROTO:[ADDRESS:]PORT\n"
	"                       listen here, without a configuration file:\n"
	"                       tcp:9000, udp:[::1]:9000, tcp:192.0.2.1:9000;\n"
	"                       may be repeated\n"
	"  -f, --format FORMAT  text, json or raw, without a configuration "
	"file\n"
	"  -o, --output FILE    append to FILE instead of stdout, likewise\n"
	"  -t, --test[=full]    check the configuration and exit; full, or "
	"-tt:\n"
	"                       try its outputs and ports too\n"
	"  -T, --dump           check it and print it with every default\n"
	"      --keep-low-ports bind ports below 1024, for systemd to keep\n"
	"                       until portlogd runs, and exit\n"
	"  -v, --verbose        debug messages on stderr\n"
	"  -h, --help           this help\n"
	"  -V, --version        the version\n"
	"\n"
	"Without a configuration file and -l it listens on TCP and UDP port "
	"8888\n"
	"of every address and writes text to stdout.  See portlogd(8).\n";

static void
add_listener(struct options *o, const char *text)
{
	struct command_line *line = &o->line;

	line->listeners = memory_grow(line->listeners, line->listener_count + 1,
				      sizeof *line->listeners);
	line->listeners[line->listener_count++] = text;
}

/* "-t", "--test" or "--test=full"; false: another value. */
static bool
take_test(struct options *o)
{
	o->tests += optarg ? 2 : 1;
	if (!optarg || strcmp(optarg, "full") == 0)
		return true;
	diag(LOG_ERR, "--test: found \"%s\", expected \"full\" or nothing",
	     optarg);
	return false;
}

/* Take an option that getopt_long() returned.  false: it is wrong. */
static bool
take_option(struct options *o, int c)
{
	switch (c) {
	case 'c':
		o->config = optarg;
		return true;
	case 'l':
		add_listener(o, optarg);
		return true;
	case 'f':
		o->line.format = optarg;
		return true;
	case 'o':
		o->line.output = optarg;
		return true;
	case 't':
		return take_test(o);
	case 'T':
		o->dump = true;
		return true;
	case KEEP_LOW_PORTS:
		o->keep_low_ports = true;
		return true;
	case 'v':
		diag_be_verbose();
		return true;
	case 'h':
		o->help = true;
		return true;
	case 'V':
		o->version = true;
		return true;
	default:
		return false;
	}
}

/* Returns EX_OK or EX_USAGE.  getopt_long() prints its own errors. */
static int
parse_options(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "listen", required_argument, NULL, 'l' },
		{ "format", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "test", optional_argument, NULL, 't' },
		{ "dump", no_argument, NULL, 'T' },
		{ "keep-low-ports", no_argument, NULL, KEEP_LOW_PORTS },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:l:f:o:tTvhV", known, NULL)) !=
	       -1)
		if (!take_option(o, c))
			return program_misused(usage, NULL);
	if (optind < argc)
		return program_misused(usage,
				       "found \"%s\", expected options only",
				       argv[optind]);
	return EX_OK;
}

/* Only these errors say that it is absent; others that it cannot be reached. */
static bool
default_config_exists(void)
{
	struct stat status;

	return lstat(CONFIG_DEFAULT, &status) == 0 ||
	       (errno != ENOENT && errno != ENOTDIR);
}

/* Refuse options that exclude each other: each that is given must be used. */
static int
check_options(struct options *o)
{
	if ((o->tests > 0) + o->dump + o->keep_low_ports > 1)
		return program_misused(usage,
				       "found more than one of -t, -T and "
				       "--keep-low-ports");
	if (o->config && o->line.listener_count > 0)
		return program_misused(usage,
				       "found -c and -l, expected one of them");
	if (o->config && (o->line.format || o->line.output))
		return program_misused(
			usage,
			"found -c with %s, which only goes without "
			"a configuration file",
			o->line.format ? "-f" : "-o");
	if (o->config || o->line.listener_count > 0 || !default_config_exists())
		return EX_OK;
	o->config = CONFIG_DEFAULT;
	if (o->line.format || o->line.output)
		return program_misused(usage,
				       "found %s without -l, but there is a "
				       "configuration file, %s",
				       o->line.format ? "-f" : "-o", o->config);
	return EX_OK;
}

static int
configure_from_options(struct config *config, const struct options *o)
{
	char error[COMMAND_LINE_ERROR];

	return command_line_configure(config, &o->line, error)
		     ? EX_OK
		     : program_misused(usage, "%s", error);
}

/* Whether it is to run, and not to check, dump or prepare something. */
static bool
starts(const struct options *o)
{
	return o->tests == 0 && !o->dump && !o->keep_low_ports;
}

static int
configure_from_file(struct config *config, const struct options *o)
{
	struct errors errors = { 0 };
	int result;

	config_load(config, o->config, &errors);
	/* For root alone, perhaps; and of no interest to --dump. */
	if (starts(o) || o->tests > 0)
		certificates_check(config, &errors);
	result = errors.count > 0 ? EX_CONFIG : EX_OK;
	/* The daemon, which starts after --keep-low-ports, logs them itself. */
	for (size_t i = 0; !o->keep_low_ports && i < errors.count; i++) {
		const struct error *e = &errors.list[i];

		if (e->line > 0)
			diag_plain("%s:%u: %s", e->file, e->line, e->text);
		else
			diag_plain("%s: %s", e->file, e->text);
	}
	errors_free(&errors);
	return result;
}

static const char *
name_config(const struct options *o)
{
	if (o->config)
		return o->config;
	return o->line.listener_count > 0 ? "command line"
					  : "built-in, without " CONFIG_DEFAULT;
}

static int
test(const struct config *config, const struct options *o)
{
	bool is_full = o->tests > 1;

	if (is_full && !full_test(config))
		return EXIT_FAILURE;
	printf("%s: ok%s\n", name_config(o),
	       is_full ? "" : "; not tried: outputs, ports");
	return program_flush_stdout();
}

static int
run(const struct config *config, const char *name, char *const arguments[])
{
	switch (server_run(config, name, arguments)) {
	case SERVER_STOPPED:
		return EX_OK;
	case SERVER_LEFT:
		_exit(EX_OK); /* threads still use all memory */
	case SERVER_ABANDONED:
		_exit(EXIT_FAILURE);
	case SERVER_FAILED:
		break;
	}
	return EXIT_FAILURE;
}

static int
check_or_run(const struct options *o, char *const arguments[])
{
	struct config config;
	int result = o->config ? configure_from_file(&config, o)
			       : configure_from_options(&config, o);

	if (result == EX_OK && o->tests > 0) {
		result = test(&config, o);
	} else if (result == EX_OK && o->dump) {
		config_dump(&config, stdout);
		result = program_flush_stdout();
	} else if (result == EX_OK && o->keep_low_ports) {
		result = low_ports_bind(&config) ? EX_OK : EXIT_FAILURE;
	} else if (result == EX_OK) {
		diag(LOG_DEBUG, "configuration: %s", name_config(o));
		result = run(&config, name_config(o), arguments);
	}
	if (result == EX_CONFIG && starts(o))
		server_refuse();
	config_free(&config);
	return result;
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	int result;

	signals_block();
	/*
	 * glibc raises this threshold to the size of what is freed; then the
	 * batches of a burst of connections would never leave the process.
	 */
	mallopt(M_MMAP_THRESHOLD, 131072);
	diag_init("portlogd");
	result = parse_options(&options, argc, argv);
	if (!starts(&options))
		signals_unblock();
	if (result == EX_OK && options.help) {
		printf("%s\n%s", usage, help);
		result = program_flush_stdout();
	} else if (result == EX_OK && options.version) {
		puts("portlogd " PACKAGE_VERSION);
		result = program_flush_stdout();
	} else if (result == EX_OK) {
		result = check_options(&options);
		if (result == EX_OK)
			result = check_or_run(&options, argv);
	}
	free(options.line.listeners);
	return result;
}
