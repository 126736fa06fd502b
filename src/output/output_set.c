/* SPDX-License-Identifier: MIT */
#include "output/output_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "base/thread.h"
#include "config/options.h"
#include "output/files.h"
#include "output/output.h"
#include "output/render.h"
#include "output/sync.h"
#include "record/path_pattern.h"

/* How long to wait for writes in progress before giving up. */
#define ABANDON_NS 300000000L

struct output_set {
	size_t count;
	struct output list[];
};

/*
 * A device has no lines that a short write could mix.  Of a pattern no file is
 * open yet.
 */
static bool
is_same_file(const struct sink *a, const struct sink *b)
{
	return a && b && a->type != 0 && a->type != S_IFCHR &&
	       a->device == b->device && a->inode == b->inode;
}

/* The configuration was compared by its paths; links may be made since. */
static bool
has_own_file(const struct output_set *outputs, const struct output *last)
{
	for (size_t i = 0; i < outputs->count; i++) {
		const struct output *other = &outputs->list[i];

		if (!is_same_file(other->sink, last->sink))
			continue;
		diag(LOG_ERR,
		     "cannot open output %s: it is the same file as output %s",
		     last->config->name, other->config->name);
		return false;
	}
	return true;
}

struct output_set *
output_set_open(const struct config *config, int wake_fd, int broken_fd)
{
	size_t count = config->output_count;
	struct output_set *outputs = memory_zeroed(
		1, sizeof *outputs + count * sizeof outputs->list[0]);

	while (outputs->count < count) {
		struct output *output = &outputs->list[outputs->count];
		bool is_open =
			output_open(output, &config->outputs[outputs->count],
				    wake_fd, broken_fd);
		bool is_good = is_open && has_own_file(outputs, output);

		outputs->count += is_open;
		if (!is_good) {
			output_set_close(outputs);
			return NULL;
		}
	}
	return outputs;
}

bool
output_set_start(struct output_set *outputs, const char *run,
		 atomic_uint *all_doubts)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (!output_start(&outputs->list[i], run, all_doubts))
			return false;
	return true;
}

bool
output_set_try(const struct config *config)
{
	bool all = true;

	for (size_t i = 0; i < config->output_count; i++)
		all &= output_try(&config->outputs[i]);
	return all;
}

uint64_t
output_set_with_notes(const struct output_set *outputs)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < outputs->count; i++)
		if (outputs->list[i].config->format != FORMAT_RAW)
			mask |= UINT64_C(1) << i;
	return mask;
}

size_t
output_set_descriptors(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->output_count; i++) {
		const char *path = config->outputs[i].path;

		count += path && path_pattern_is(path) ? FILES_OPEN : 1;
		count += config->outputs[i].sync != SYNC_NONE;
	}
	return count;
}

static bool
has_output(uint64_t mask, size_t number)
{
	return mask >> number & 1;
}

/* What the paths of these outputs depend on; 0: each has one file. */
static unsigned
path_parts(const struct output_set *outputs, uint64_t mask)
{
	unsigned parts = 0;

	for (size_t i = 0; i < outputs->count; i++)
		if (has_output(mask, i) && outputs->list[i].files)
			parts |= path_pattern_parts(
				outputs->list[i].config->path);
	return parts;
}

static bool
must_settle(const struct output *output)
{
	return output->config->sync == SYNC_ALWAYS;
}

/*
 * Render once for all outputs of the mask, which get the same lines.  Returns
 * as output_set_emit().
 */
static unsigned
emit_lines(struct output_set *outputs, uint64_t mask, struct rendering r,
	   char *scratch, size_t size)
{
	const unsigned parts = path_parts(outputs, mask);
	struct rendered lines;
	bool is_first = true;
	unsigned sum = 0;

	for (; r.count > 0; is_first = false) {
		size_t before = r.count;

		render_records(&lines, &r, parts, scratch, size);
		for (size_t i = 0; i < outputs->count; i++) {
			struct output *output = &outputs->list[i];
			unsigned doubts;

			if (!has_output(mask, i))
				continue;
			output_add_waiting(output,
					   lines.count - (before - r.count));
			doubts = output_emit(output, &lines);
			if (is_first && must_settle(output))
				sum += doubts;
		}
	}
	return sum;
}

/* The outputs of the mask that get the same lines as output number first. */
static uint64_t
same_lines(const struct output_set *outputs, uint64_t mask, size_t first)
{
	const struct output *output = &outputs->list[first];
	uint64_t same = 0;

	for (size_t i = first; i < outputs->count; i++) {
		const struct output *other = &outputs->list[i];

		if (has_output(mask, i) &&
		    other->config->format == output->config->format &&
		    other->max_line == output->max_line)
			same |= UINT64_C(1) << i;
	}
	return same;
}

unsigned
output_set_emit(struct output_set *outputs, uint64_t mask,
		const struct record *records, size_t count, char *scratch,
		size_t size)
{
	uint64_t streams = 0;
	unsigned doubts = 0;

	for (size_t i = 0; i < outputs->count; i++) {
		struct output *output = &outputs->list[i];

		if (!has_output(mask, i))
			continue;
		output_add_waiting(output, count);
		if (output_is_stream(output))
			streams |= UINT64_C(1) << i;
	}
	for (size_t i = 0; i < outputs->count; i++) {
		struct output *output = &outputs->list[i];
		struct rendering rendering = {
			.format = output->config->format,
			.max_line = output->max_line,
			.records = records,
			.count = count,
		};
		uint64_t same;

		if (!has_output(streams, i))
			continue;
		same = same_lines(outputs, streams, i);
		doubts += emit_lines(outputs, same, rendering, scratch, size);
		streams &= ~same;
	}
	for (size_t i = 0; i < outputs->count; i++)
		if (has_output(mask, i) && !output_is_stream(&outputs->list[i]))
			output_send(&outputs->list[i], records, count);
	return doubts;
}

uint64_t
output_set_syncing(const struct output_set *outputs, uint64_t mask)
{
	uint64_t syncing = 0;

	for (size_t i = 0; i < outputs->count; i++)
		if (has_output(mask, i) && must_settle(&outputs->list[i]))
			syncing |= UINT64_C(1) << i;
	return syncing;
}

unsigned
output_set_settle(struct output_set *outputs, uint64_t mask)
{
	unsigned doubts = 0;

	for (size_t i = 0; i < outputs->count; i++)
		if (has_output(mask, i))
			doubts += output_settle(&outputs->list[i]);
	return doubts;
}

bool
output_set_has_sync(const struct output_set *outputs, uint64_t mask)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (has_output(mask, i) &&
		    outputs->list[i].config->sync != SYNC_NONE)
			return true;
	return false;
}

unsigned
output_set_doubts(const struct output_set *outputs, uint64_t mask)
{
	unsigned sum = 0;

	for (size_t i = 0; i < outputs->count; i++)
		if (has_output(mask, i))
			sum += atomic_load(&outputs->list[i].doubts);
	return sum;
}

void
output_set_request_reopen(struct output_set *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		output_request_reopen(&outputs->list[i]);
}

void
output_set_reopen(struct output_set *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		output_check_reader(&outputs->list[i]);
		output_reopen(&outputs->list[i]);
	}
}

bool
output_set_is_reopened(const struct output_set *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (!output_is_reopened(&outputs->list[i]))
			return false;
	return true;
}

bool
output_set_is_writing(struct output_set *outputs)
{
	bool busy = false;

	for (size_t i = 0; i < outputs->count; i++)
		busy |= atomic_load(&outputs->list[i].counters.busy_since_ms) !=
				0 ||
			output_is_settling(&outputs->list[i]);
	return busy;
}

bool
output_set_is_broken(const struct output_set *outputs, uint64_t mask)
{
	bool broken = false;

	for (size_t i = 0; i < outputs->count; i++)
		broken |= has_output(mask, i) &&
			  atomic_load(&outputs->list[i].broken);
	return broken;
}

const struct output *
output_set_get(const struct output_set *outputs, size_t number)
{
	return &outputs->list[number];
}

void
output_set_log(struct output_set *outputs)
{
	static const char *const types[] = { "stdout", "file", "syslog",
					     "the journal" };

	for (size_t i = 0; i < outputs->count; i++) {
		const struct output_config *c = outputs->list[i].config;

		size_t max_line = outputs->list[i].max_line;
		char limit[64] = "";

		if (max_line > 0)
			snprintf(limit, sizeof limit,
				 ", at most %zu bytes a line", max_line);
		diag(LOG_INFO, "output %s: writing %s to %s%s", c->name,
		     output_is_stream(&outputs->list[i])
			     ? config_formats[c->format]
			     : "records",
		     c->path ? c->path : types[c->type], limit);
	}
}

void
output_set_log_counters(struct output_set *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		char text[256];

		output_counters_format(&outputs->list[i].counters, text,
				       sizeof text);
		diag(LOG_INFO, "output %s: %s", outputs->list[i].config->name,
		     text);
	}
}

void
output_set_abandon(struct output_set *outputs)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ABANDON_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	for (size_t i = 0; i < outputs->count; i++)
		output_abandon(&outputs->list[i], &until);
	clock_sleep_ms(ABANDON_NS / 10000000);
}

unsigned long long
output_set_log_unwritten(struct output_set *outputs)
{
	unsigned long long sum = 0;

	for (size_t i = 0; i < outputs->count; i++) {
		struct output *output = &outputs->list[i];
		unsigned long long n = atomic_load(&output->counters.waiting);

		if (n > 0)
			diag(LOG_ERR, "output %s: %llu records unwritten",
			     output->config->name, n);
		sum += n;
	}
	return sum;
}

void
output_set_log_unsynced(struct output_set *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		struct output *output = &outputs->list[i];
		long long bytes = sync_unsynced(output);

		if (bytes > 0)
			diag(LOG_ERR, "output %s: %lld bytes not synced",
			     output->config->name, bytes);
	}
}

bool
output_set_close(struct output_set *outputs)
{
	bool closed = true;

	for (size_t i = 0; i < outputs->count; i++)
		if (!output_close(&outputs->list[i]))
			closed = false;
	free(outputs);
	return closed;
}
