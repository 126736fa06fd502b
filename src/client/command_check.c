/* SPDX-License-Identifier: MIT */
/* portlog check: why nothing arrives. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/program.h"
#include "base/thread.h"
#include "client/check.h"
#include "client/command.h"
#include "config/defaults.h"
#include "config/load.h"

static const char usage[] = "usage: portlog check [-njq] [-c CONFIG]\n";

static const char help[] =
	"Says why nothing arrives: sends a record through each listener of "
	"portlogd, and\nlooks where it is.  ok, warn, fail or unknown, and "
	"what to do.\n"
	"\n"
	"  -n         send nothing\n"
	"  -j         JSON, an object a line\n"
	"  -q         print nothing: the exit code tells\n"
	"  -c CONFIG  that of the daemon, by default\n"
	"             " CONFIG_DEFAULT "\n"
	"  -h         this help\n"
	"\n"
	"Exit code 1: something fails.  See portlog(1).\n";

/* In this order: the first that fails is likely the cause of the others. */
static const struct {
	const char *name;
	void (*run)(struct check *);
} steps[] = {
	{ "listens", check_listens },
	{ "stream", check_streams },
	{ "datagram", check_datagrams },
	{ "output", check_outputs },
	{ "receive-buffer", check_receive_buffers },
	{ "drops", check_drops },
	{ "backlog", check_backlogs },
	{ "limits", check_limits },
	{ "disk", check_disks },
	{ "clock", check_clock },
	{ "unit", check_unit },
	{ "firewall", check_firewall },
};

/* Longer than all the time limits of a step together. */
#define STEP_MS 15000

/* When the present step must be done; on CLOCK_MONOTONIC. */
static atomic_llong until_ms;

/*
 * A file system that does not answer holds whoever asks for its files, and no
 * time limit helps: this thread ends the process then.
 */
static void *
watch(void *argument)
{
	while (clock_now_ms() < atomic_load(&until_ms))
		clock_sleep_ms(100);
	diag(LOG_ERR,
	     "a step takes more than %d s: most likely a file system "
	     "does not answer; df shows which",
	     STEP_MS / 1000);
	_exit(EXIT_FAILURE);
	return argument;
}

static void
start_step(struct check *c, const char *name)
{
	report_flush(&c->report);
	c->report.check = name;
	atomic_store(&until_ms, clock_now_ms() + STEP_MS);
}

/* Returns 0; -1: help was printed; else the exit code. */
static int
parse_options(struct check *c, int argc, char **argv)
{
	const char *none = getenv("NO_COLOR");
	int option;

	while ((option = command_option(argc, argv, "njqc:h", NULL)) != -1) {
		switch (option) {
		case 'n':
			c->has_probes = false;
			break;
		case 'j':
			c->report.is_json = true;
			break;
		case 'q':
			c->report.is_quiet = true;
			break;
		case 'c':
			c->path = optarg;
			break;
		case 'h':
			printf("%s\n%s", usage, help);
			return -1;
		default:
			return program_misused(usage, NULL);
		}
	}
	c->report.has_colour = isatty(STDOUT_FILENO) && !(none && *none);
	if (optind < argc)
		return program_misused(usage,
				       "found \"%s\", expected options only",
				       argv[optind]);
	return 0;
}

static void
free_all(struct check *c)
{
	for (size_t i = 0; c->outputs && i < c->config.output_count; i++) {
		marker_files_free(&c->outputs[i].files);
		free(c->outputs[i].markers.found);
	}
	for (size_t i = 0; c->listeners && i < c->config.listener_count; i++)
		free(c->listeners[i].name);
	free(c->outputs);
	free(c->listeners);
	daemon_status_free(&c->status);
	daemon_status_free(&c->after);
	proc_net_free(&c->sockets);
	own_addresses_free(&c->addresses);
	config_free(&c->config);
	report_free(&c->report);
}

int
command_check(int argc, char **argv)
{
	struct check c = { .path = CONFIG_DEFAULT, .has_probes = true };
	int result = parse_options(&c, argc, argv);

	if (result != 0)
		return result < 0 ? EX_OK : result;
	start_step(&c, "configuration");
	thread_start(NULL, watch, NULL);
	check_configuration(&c);
	for (size_t i = 0; c.is_configured && i < sizeof steps / sizeof *steps;
	     i++) {
		start_step(&c, steps[i].name);
		steps[i].run(&c);
	}
	start_step(&c, "end");
	check_conclude(&c);
	result = c.report.counts[REPORT_FAIL] > 0 ? EXIT_FAILURE : EX_OK;
	free_all(&c);
	return result;
}
