/* SPDX-License-Identifier: MIT */
#include "client/status_print.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/log_view.h"
#include "client/table.h"

struct report {
	const struct answer *answer;
	struct buffer *out;
	struct buffer warnings;
	struct table listeners, outputs;
	double now; /* of the daemon's clock, since 1970 */
};

/* A line, what is not printable escaped. */
static void put(struct buffer *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void
put(struct buffer *out, const char *format, ...)
{
	char text[8192];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	log_view_add_escaped(out, text, strlen(text));
	buffer_add(out, "\n", 1);
}

static const char *
text_of(const struct report *r, const char *key)
{
	const char *text = answer_text(r->answer, key);

	return text ? text : "-";
}

static double
number_of(const struct report *r, const char *key)
{
	return answer_number(r->answer, key);
}

static void
put_daemon(struct report *r)
{
	char up[TABLE_NUMBER];

	table_format_seconds(up, number_of(r, "uptime_seconds"));
	put(r->out,
	    "%s, pid %.0f, up %s since %.19sZ, %.0f of %.0f connections, %s",
	    text_of(r, "daemon"), number_of(r, "pid"), up,
	    text_of(r, "started"), number_of(r, "connections"),
	    number_of(r, "max_connections"), text_of(r, "configuration"));
}

static void
add_headings(struct table *t, const char *const *headings)
{
	for (; *headings; headings++)
		table_add(t, *headings);
	table_end_headings(t);
}

/* "12/1024" of connections; "3%" of a receive buffer. */
static void
add_load(struct report *r)
{
	char text[64] = "-";
	double buffer = number_of(r, "receive_buffer");

	if (answer_has(r->answer, "max_connections"))
		snprintf(text, sizeof text, "%.0f/%.0f",
			 number_of(r, "connections"),
			 number_of(r, "max_connections"));
	else if (buffer > 0)
		snprintf(text, sizeof text, "%.0f%%",
			 100 * number_of(r, "receive_buffer_used") / buffer);
	table_add(&r->listeners, text);
}

static void
warn_of_listener(struct report *r)
{
	const char *name = text_of(r, "listener");
	double lost = number_of(r, "lost"), waiting = number_of(r, "waiting");
	double lost_bytes = number_of(r, "lost_bytes");
	double got = number_of(r, "receive_buffer");
	double asked = number_of(r, "receive_buffer_asked");

	if (answer_is_true(r->answer, "absent"))
		put(&r->warnings,
		    "%s: cannot listen for %.0f s: its interface or address "
		    "is not there",
		    name, number_of(r, "absent_seconds"));
	if (lost > 0)
		put(&r->warnings, "%s: %.0f datagrams were lost", name, lost);
	if (lost_bytes > 0)
		put(&r->warnings,
		    "%s: %.0f bytes of streams were lost at the most, when "
		    "portlogd was killed",
		    name, lost_bytes);
	if (number_of(r, "connections") >= number_of(r, "max_connections") &&
	    waiting > 0)
		put(&r->warnings,
		    "%s: max_connections is reached; %.0f more wait", name,
		    waiting);
	if (got < asked)
		put(&r->warnings,
		    "%s: receive buffer: %.0f bytes asked for, %.0f granted "
		    "(net.core.rmem_max is less)",
		    name, asked, got);
}

/* How long ago the last record came. */
static void
add_last(struct report *r)
{
	double ago_s = r->now -
		       log_view_seconds(answer_text(r->answer, "last_record"));

	if (answer_has(r->answer, "last_record"))
		table_add_seconds(&r->listeners, ago_s > 0 ? ago_s : 0);
	else
		table_add(&r->listeners, "-");
}

static void
add_listener(struct report *r)
{
	struct table *t = &r->listeners;

	table_add(t, text_of(r, "listener"));
	table_add(t, answer_has(r->answer, "path") ? text_of(r, "path")
						   : text_of(r, "address"));
	table_add_count(t, number_of(r, "records"));
	table_add_count(t, number_of(r, "bytes"));
	add_last(r);
	add_load(r);
	table_add_count(t, number_of(r, "waiting"));
	table_add_count(t, number_of(r, "refused"));
	table_add_count(t, number_of(r, "lost"));
	table_add_count(t, number_of(r, "truncated"));
	warn_of_listener(r);
}

static void
warn_of_output(struct report *r)
{
	char time[TABLE_NUMBER];

	if (answer_is_true(r->answer, "file_replaced"))
		put(&r->warnings,
		    "%s: its path cannot be opened again: the old file goes on",
		    text_of(r, "output"));
	if (!answer_is_true(r->answer, "stalled"))
		return;
	table_format_seconds(time, number_of(r, "stalled_now_seconds"));
	put(&r->warnings, "%s: stands still for %s: %s; %.0f records wait",
	    text_of(r, "output"), time, text_of(r, "reason"),
	    number_of(r, "waiting"));
}

static void
add_output(struct report *r)
{
	struct table *t = &r->outputs;
	bool is_stalled = answer_is_true(r->answer, "stalled");

	table_add(t, text_of(r, "output"));
	table_add(t, text_of(r, "type"));
	table_add_count(t, number_of(r, "records"));
	table_add_count(t, number_of(r, "bytes"));
	table_add_count(t, number_of(r, "errors"));
	table_add_count(t, number_of(r, "waiting"));
	if (answer_has(r->answer, "written_seconds_ago"))
		table_add_seconds(t, number_of(r, "written_seconds_ago"));
	else
		table_add(t, "-");
	table_add_count(t, number_of(r, "free"));
	table_add(t, is_stalled ? text_of(r, "reason") : "ok");
	warn_of_output(r);
}

void
status_print(struct answer *answer, struct buffer *out)
{
	static const char *const of_listeners[] = {
		"LISTENER", "WHERE",   "RECORDS", "BYTES",     "LAST", "LOAD",
		"WAITING",  "REFUSED", "LOST",    "TRUNCATED", NULL
	};
	static const char *const of_outputs[] = {
		"OUTPUT",  "TYPE",    "RECORDS", "BYTES", "ERRORS",
		"WAITING", "WRITTEN", "FREE",    "STATE", NULL
	};
	struct report r = { .answer = answer,
			    .out = out,
			    .listeners = { .numeric = 0x3fc },
			    .outputs = { .numeric = 0x0fc } };

	add_headings(&r.listeners, of_listeners);
	add_headings(&r.outputs, of_outputs);
	while (answer_next(answer)) {
		if (answer_has(answer, "time"))
			r.now = log_view_seconds(answer_text(answer, "time"));
		else if (answer_has(answer, "daemon"))
			put_daemon(&r);
		else if (answer_has(answer, "listener"))
			add_listener(&r);
		else if (answer_has(answer, "output"))
			add_output(&r);
	}
	table_put(&r.listeners, out);
	table_put(&r.outputs, out);
	buffer_add(out, r.warnings.data, r.warnings.size);
	buffer_free(&r.warnings);
}
