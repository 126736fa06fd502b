/* SPDX-License-Identifier: MIT */
#include "client/who.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/memory.h"
#include "client/peer_text.h"
#include "client/table.h"

const char *const who_keys[] = { "bytes",  "records", "idle", "since",
				 "unread", "peer",    NULL };

/* One that is wanted. */
struct row {
	char peer[ADDRESS_TEXT];
	double value; /* by which it is sorted */
	size_t begin; /* where in the answer it is */
};

struct rows {
	struct row *list;
	size_t count;
};

static const char *
text_of(const struct answer *a, const char *key)
{
	const char *text = answer_text(a, key);

	return text ? text : "-";
}

/* Over UDP each datagram counts as one. */
static double
records_of(const struct answer *a)
{
	return answer_number(a, answer_has(a, "datagrams") ? "datagrams"
							   : "records");
}

static double
value_of(const struct answer *a, const char *sort)
{
	if (!sort)
		return answer_number(a, "bytes");
	if (strcmp(sort, "records") == 0)
		return records_of(a);
	if (strcmp(sort, "idle") == 0)
		return answer_number(a, "idle_seconds");
	if (strcmp(sort, "since") == 0)
		return answer_number(a, "seconds");
	return answer_number(a, sort);
}

static bool
is_wanted(const struct who *who, const struct answer *a, const char *peer)
{
	const char *listener = text_of(a, "listener");
	const struct log_view view = { .listener = listener,
				       .listener_size = strlen(listener),
				       .peer = peer,
				       .peer_size = strlen(peer) };

	return log_filter_wants(&who->filter, &view);
}

static void
collect(const struct who *who, struct answer *a, struct rows *rows)
{
	while (answer_next(a)) {
		struct row row = { .begin = a->begin };

		if (!answer_has(a, "peer"))
			continue;
		peer_text(a, row.peer);
		if (!is_wanted(who, a, row.peer))
			continue;
		row.value = value_of(a, who->sort);
		rows->list = memory_append(rows->list, rows->count, sizeof row);
		rows->list[rows->count++] = row;
	}
}

/* The largest first; equal ones, and all by peer, by their names. */
static int
compare(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->value != b->value)
		return a->value < b->value ? 1 : -1;
	return strcmp(a->peer, b->peer);
}

static void
add_row(struct table *t, const struct answer *a, const char *peer)
{
	table_add(t, text_of(a, "listener"));
	table_add(t, peer);
	table_add(t, text_of(a, "name"));
	table_add(t, text_of(a, "by"));
	table_add_seconds(t, answer_number(a, "seconds"));
	table_add_seconds(t, answer_number(a, "idle_seconds"));
	table_add_count(t, records_of(a));
	table_add_count(t, answer_number(a, "bytes"));
	table_add_count(t, answer_number(a, "unread"));
}

static void
print_table(const struct rows *rows, struct answer *a, struct buffer *out)
{
	static const char *const headings[] = { "LISTENER", "PEER",  "NAME",
						"BY",       "FOR",   "IDLE",
						"RECORDS",  "BYTES", "UNREAD" };
	struct table t = { .numeric = 0x1f0 };

	for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
		table_add(&t, headings[i]);
	table_end_headings(&t);
	for (size_t i = 0; i < rows->count; i++) {
		a->next = rows->list[i].begin;
		answer_next(a);
		add_row(&t, a, rows->list[i].peer);
	}
	table_put(&t, out);
}

static void
print_line(const struct answer *a, struct buffer *out)
{
	buffer_add(out, a->text.data + a->begin, a->next - a->begin);
}

/* What is about no peer stays where it was: at the beginning, at the end. */
static void
print_json(const struct rows *rows, struct answer *a, struct buffer *out)
{
	a->next = 0;
	if (answer_next(a))
		print_line(a, out);
	for (size_t i = 0; i < rows->count; i++) {
		a->next = rows->list[i].begin;
		if (answer_next(a))
			print_line(a, out);
	}
	a->next = 0;
	while (answer_next(a))
		if (answer_has(a, "forgotten") || answer_has(a, "end"))
			print_line(a, out);
}

static void
print_forgotten(const struct who *who, struct answer *a, struct buffer *out)
{
	a->next = 0;
	while (answer_next(a)) {
		char text[256];

		if (!answer_has(a, "forgotten") || !is_wanted(who, a, "-"))
			continue;
		snprintf(text, sizeof text,
			 "%.80s: %.0f times a sender was forgotten for "
			 "another\n",
			 text_of(a, "listener"), answer_number(a, "forgotten"));
		buffer_add(out, text, strlen(text));
	}
}

void
who_print(const struct who *who, struct answer *a, struct buffer *out)
{
	struct rows rows = { 0 };

	collect(who, a, &rows);
	if (rows.count > 0)
		qsort(rows.list, rows.count, sizeof *rows.list, compare);
	if (rows.count > who->most)
		rows.count = who->most;
	if (who->is_json)
		print_json(&rows, a, out);
	else
		print_table(&rows, a, out);
	if (!who->is_json)
		print_forgotten(who, a, out);
	free(rows.list);
}
