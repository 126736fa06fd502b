/* SPDX-License-Identifier: MIT */
#include "client/top_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "client/peer_text.h"
#include "client/table.h"

/* What a terminal would act on is not shown. */
static void
copy(char out[TOP_CELL], const char *text)
{
	snprintf(out, TOP_CELL, "%s", text ? text : "-");
	for (; *out; out++)
		if ((unsigned char)*out < ' ' || (unsigned char)*out > '~')
			*out = '?';
}

/* A row with the names of the present object, which may be new. */
static struct top_row *
find(struct top_rows *rows, const char *name, const char *listener)
{
	struct top_row wanted = { .record_rate = -1, .byte_rate = -1 };

	copy(wanted.name, name);
	copy(wanted.listener, listener);
	for (size_t i = 0; i < rows->count; i++) {
		size_t at = (rows->next + i) % rows->count;
		struct top_row *row = &rows->list[at];

		if (strcmp(row->name, wanted.name) != 0 ||
		    strcmp(row->listener, wanted.listener) != 0)
			continue;
		rows->next = at + 1;
		return row;
	}
	rows->list = memory_append(rows->list, rows->count, sizeof *rows->list);
	rows->list[rows->count] = wanted;
	rows->list[rows->count].records = rows->list[rows->count].bytes = -1;
	return &rows->list[rows->count++];
}

/* A counter that has become less has begun anew. */
static double
rate_of(double before, double now, double seconds)
{
	return before < 0 || now < before || seconds <= 0
		     ? -1
		     : (now - before) / seconds;
}

static void
count(struct top_row *row, double records, double bytes, double seconds)
{
	row->record_rate = rate_of(row->records, records, seconds);
	row->byte_rate = rate_of(row->bytes, bytes, seconds);
	row->records = records;
	row->bytes = bytes;
	row->is_present = true;
	sparkline_add(&row->history, row->record_rate);
}

static void
take_listener(struct top *top, const struct answer *a, double seconds)
{
	struct top_row *row =
		find(&top->listeners, answer_text(a, "listener"), NULL);
	double asked = answer_number(a, "receive_buffer");

	count(row, answer_number(a, "records"), answer_number(a, "bytes"),
	      seconds);
	row->lost = answer_number(a, "lost");
	row->waiting = answer_number(a, "waiting");
	*row->trouble = '\0';
	if (answer_is_true(a, "absent"))
		copy(row->trouble, "absent");
	if (answer_has(a, "connections"))
		snprintf(row->load, sizeof row->load, "%.0f/%.0f",
			 answer_number(a, "connections"),
			 answer_number(a, "max_connections"));
	else if (asked > 0)
		snprintf(row->load, sizeof row->load, "buffer %.0f%%",
			 100 * answer_number(a, "receive_buffer_used") / asked);
}

static void
take_output(struct top *top, const struct answer *a, double seconds)
{
	struct top_row *row =
		find(&top->outputs, answer_text(a, "output"), NULL);

	count(row, answer_number(a, "records"), answer_number(a, "bytes"),
	      seconds);
	row->waiting = answer_number(a, "waiting");
	row->idle_seconds = answer_has(a, "written_seconds_ago")
				  ? answer_number(a, "written_seconds_ago")
				  : -1;
	*row->trouble = '\0';
	if (answer_is_true(a, "stalled"))
		copy(row->trouble, answer_text(a, "reason"));
}

static void
take_peer(struct top *top, const struct answer *a, double seconds)
{
	bool is_datagrams = answer_has(a, "datagrams");
	char peer[PEER_TEXT];
	struct top_row *row;

	peer_text(a, peer);
	row = find(&top->peers, peer, answer_text(a, "listener"));
	count(row, answer_number(a, is_datagrams ? "datagrams" : "records"),
	      answer_number(a, "bytes"), seconds);
	row->seconds = answer_number(a, "seconds");
	row->idle_seconds = answer_number(a, "idle_seconds");
	row->waiting = answer_number(a, "unread");
}

static void
take_daemon(struct top *top, const struct answer *a)
{
	char up[TABLE_NUMBER], config[TOP_CELL];

	table_format_seconds(up, answer_number(a, "uptime_seconds"));
	copy(config, answer_text(a, "configuration"));
	snprintf(top->title, sizeof top->title,
		 "portlogd %s, pid %.0f, up %s, %.0f of %.0f connections, %s",
		 answer_text(a, "daemon"), answer_number(a, "pid"), up,
		 answer_number(a, "connections"),
		 answer_number(a, "max_connections"), config);
}

static void
expect_none(struct top_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		rows->list[i].is_present = false;
}

static void
remove_gone(struct top_rows *rows)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->count; i++)
		if (rows->list[i].is_present)
			rows->list[kept++] = rows->list[i];
	rows->count = kept;
}

void
top_update(struct top *top, struct answer *status, struct answer *who)
{
	double seconds = 0;

	expect_none(&top->listeners);
	expect_none(&top->outputs);
	expect_none(&top->peers);
	while (answer_next(status)) {
		double now_ms = answer_number(status, "monotonic_ms");

		if (answer_has(status, "monotonic_ms")) {
			seconds = (now_ms - top->monotonic_ms) / 1000;
			top->monotonic_ms = now_ms;
		} else if (answer_has(status, "daemon")) {
			take_daemon(top, status);
		} else if (answer_has(status, "listener")) {
			take_listener(top, status, seconds);
		} else if (answer_has(status, "output")) {
			take_output(top, status, seconds);
		}
	}
	while (answer_next(who))
		if (answer_has(who, "peer"))
			take_peer(top, who, seconds);
	remove_gone(&top->listeners);
	remove_gone(&top->outputs);
	remove_gone(&top->peers);
}

void
top_free(struct top *top)
{
	free(top->listeners.list);
	free(top->outputs.list);
	free(top->peers.list);
	*top = (struct top){ 0 };
}
