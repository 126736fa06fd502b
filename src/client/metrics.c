/* SPDX-License-Identifier: MIT */
#include "client/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/log_view.h"

/* How a member of the answer becomes a value. */
enum value {
	VALUE_NUMBER,
	VALUE_BOOL,
	VALUE_ONE,     /* there is only the information in the labels */
	VALUE_TIME,    /* of day: seconds since 1970 */
	VALUE_AGO,     /* seconds before the answer: the time of day */
	VALUE_ENDINGS, /* a sample for each of `endings` */
};

struct metric {
	const char *name;
	const char *of;  /* of the lines that have this member */
	const char *key; /* the member that is the value */
	enum value value;
	const char *help;
};

/* A name that ends in "_total" is a counter, any other a gauge. */
static const struct metric metrics[] = {
	{ "portlog_build_info", "portlog", "portlog", VALUE_ONE,
	  "Version of the daemon." },
	{ "portlog_start_time_seconds", "daemon", "started", VALUE_TIME,
	  "When the process began; listeners count on from those before." },
	{ "portlog_connections", "daemon", "connections", VALUE_NUMBER,
	  "Connections now, of all listeners." },
	{ "portlog_connections_limit", "daemon", "max_connections",
	  VALUE_NUMBER, "The most connections of all listeners." },
	{ "portlog_listener_info", "listener", "listener", VALUE_ONE,
	  "Where it listens." },
	{ "portlog_listener_absent", "listener", "absent", VALUE_BOOL,
	  "Whether its interface or address is not there." },
	{ "portlog_listener_records_total", "listener", "records", VALUE_NUMBER,
	  "Records received." },
	{ "portlog_listener_received_bytes_total", "listener", "bytes",
	  VALUE_NUMBER, "Bytes received." },
	{ "portlog_listener_last_record_timestamp_seconds", "listener",
	  "last_record", VALUE_TIME, "When the last record was received." },
	{ "portlog_listener_connections", "total", "connections", VALUE_NUMBER,
	  "Connections now." },
	{ "portlog_listener_connections_limit", "total", "max_connections",
	  VALUE_NUMBER, "The most connections." },
	{ "portlog_listener_connections_accepted_total", "total", "total",
	  VALUE_NUMBER, "Connections accepted." },
	{ "portlog_listener_connections_refused_total", "total", "refused",
	  VALUE_NUMBER, "Connections refused." },
	{ "portlog_listener_connections_closed_total", "total", "closed_eof",
	  VALUE_ENDINGS, "Connections that ended, by reason." },
	{ "portlog_listener_probes_total", "total", "probes", VALUE_NUMBER,
	  "Connections that ended and had sent nothing." },
	{ "portlog_listener_accept_queue", "total", "waiting", VALUE_NUMBER,
	  "Connections that wait to be accepted." },
	{ "portlog_listener_accept_queue_limit", "total", "max_waiting",
	  VALUE_NUMBER, "The most that can wait." },
	{ "portlog_listener_lost_bytes_total", "total", "lost_bytes",
	  VALUE_NUMBER, "Bytes of streams that a kill lost, at the most." },
	{ "portlog_listener_lost_datagrams_total", "lost", "lost", VALUE_NUMBER,
	  "Datagrams that the kernel dropped, or that a kill lost." },
	{ "portlog_listener_truncated_datagrams_total", "lost", "truncated",
	  VALUE_NUMBER, "Datagrams that were cut." },
	{ "portlog_listener_refused_datagrams_total", "lost", "refused",
	  VALUE_NUMBER, "Datagrams refused." },
	{ "portlog_listener_limited_datagrams_total", "lost", "limited",
	  VALUE_NUMBER, "Datagrams over the rate of their source." },
	{ "portlog_listener_receive_buffer_bytes", "listener", "receive_buffer",
	  VALUE_NUMBER, "Size of the receive buffer, as granted." },
	{ "portlog_listener_receive_buffer_asked_bytes", "listener",
	  "receive_buffer_asked", VALUE_NUMBER,
	  "Size of the receive buffer, as configured." },
	{ "portlog_listener_receive_buffer_used_bytes", "listener",
	  "receive_buffer_used", VALUE_NUMBER,
	  "How much of the receive buffer is in use." },
	{ "portlog_output_info", "output", "output", VALUE_ONE,
	  "Where it writes." },
	{ "portlog_output_records_total", "output", "records", VALUE_NUMBER,
	  "Records written." },
	{ "portlog_output_written_bytes_total", "output", "bytes", VALUE_NUMBER,
	  "Bytes written." },
	{ "portlog_output_rotations_total", "output", "rotations", VALUE_NUMBER,
	  "How often its path led to another file, which was opened." },
	{ "portlog_output_file_replaced", "output", "file_replaced", VALUE_BOOL,
	  "Whether its path cannot be opened again: the old file goes on." },
	{ "portlog_output_errors_total", "output", "errors", VALUE_NUMBER,
	  "Writes that failed and began a stall." },
	{ "portlog_output_stalled", "output", "stalled", VALUE_BOOL,
	  "Whether it stands still." },
	{ "portlog_output_stalled_seconds_total", "output", "stalled_seconds",
	  VALUE_NUMBER, "How long it has stood still." },
	{ "portlog_output_waiting_records", "output", "waiting", VALUE_NUMBER,
	  "Records that wait to be written." },
	{ "portlog_output_last_write_timestamp_seconds", "output",
	  "written_seconds_ago", VALUE_AGO, "When a write ended last." },
};

/* Label `reason` of a sample; its member is "closed_", and "_" for "-". */
static const char *const endings[] = { "eof",       "reset",     "idle",
				       "shutdown",  "bad-frame", "error",
				       "truncated", "restart",   "tls-error",
				       "killed" };

/* What VALUE_ONE has as labels, where it is a member. */
static const char *const labels[] = { "protocol", "address", "path",
				      "framing",  "type",    "format" };

static void put(struct buffer *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void
put(struct buffer *out, const char *format, ...)
{
	char text[512];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	buffer_add(out, text, (size_t)size);
}

/* Escaped as in a log, and then as a label is. */
static void
put_label(struct buffer *out, const char *separator, const char *key,
	  const char *value)
{
	struct buffer escaped = { 0 };

	log_view_add_escaped(&escaped, value, strlen(value));
	put(out, "%s%s=\"", separator, key);
	for (size_t i = 0; i < escaped.size; i++) {
		if (escaped.data[i] == '"' || escaped.data[i] == '\\')
			buffer_add(out, "\\", 1);
		buffer_add(out, &escaped.data[i], 1);
	}
	buffer_add(out, "\"", 1);
	buffer_free(&escaped);
}

static void
put_labels(struct buffer *out, const struct metric *m, const struct answer *a,
	   const char *reason)
{
	const char *listener = answer_text(a, "listener");
	const char *output = answer_text(a, "output");
	const char *version = answer_text(a, "portlog");

	if (listener)
		put_label(out, "{", "listener", listener);
	else if (output)
		put_label(out, "{", "output", output);
	else if (version)
		put_label(out, "{", "version", version);
	else
		return;
	if (reason)
		put_label(out, ",", "reason", reason);
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (m->value == VALUE_ONE && answer_text(a, labels[i]))
			put_label(out, ",", labels[i],
				  answer_text(a, labels[i]));
	put(out, "}");
}

static double
value_of(const struct metric *m, const struct answer *a, double now)
{
	switch (m->value) {
	case VALUE_ONE:
		return 1;
	case VALUE_BOOL:
		return answer_is_true(a, m->key);
	case VALUE_TIME:
		return log_view_seconds(answer_text(a, m->key));
	case VALUE_AGO:
		return now - answer_number(a, m->key);
	case VALUE_NUMBER:
	case VALUE_ENDINGS:
		break;
	}
	return answer_number(a, m->key);
}

static void
put_head(struct buffer *out, const char *name, const char *help)
{
	size_t size = strlen(name);
	bool is_counter = size > 6 && strcmp(name + size - 6, "_total") == 0;

	put(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    is_counter ? "counter" : "gauge");
}

/* Whole numbers have no decimals, others those of a millisecond. */
static void
put_value(struct buffer *out, double value)
{
	bool is_whole = value == (double)(long long)value;

	put(out, " %.*f\n", is_whole ? 0 : 3, value);
}

static void
put_endings(struct buffer *out, const struct metric *m, const struct answer *a)
{
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		char key[32], *dash;

		snprintf(key, sizeof key, "closed_%s", endings[i]);
		while ((dash = strchr(key, '-')))
			*dash = '_';
		if (!answer_has(a, key))
			continue;
		put(out, "%s", m->name);
		put_labels(out, m, a, endings[i]);
		put_value(out, answer_number(a, key));
	}
}

/* All samples of one name stand together. */
static void
put_metric(struct buffer *out, const struct metric *m, struct answer *a,
	   double now)
{
	bool has_head = false;

	a->next = 0;
	while (answer_next(a)) {
		if (!answer_has(a, m->of) || !answer_has(a, m->key))
			continue;
		if (!has_head)
			put_head(out, m->name, m->help);
		has_head = true;
		if (m->value == VALUE_ENDINGS) {
			put_endings(out, m, a);
			continue;
		}
		put(out, "%s", m->name);
		put_labels(out, m, a, NULL);
		put_value(out, value_of(m, a, now));
	}
}

void
metrics_put(struct answer *a, struct buffer *out)
{
	bool is_up = answer_next(a);
	double now = is_up ? log_view_seconds(answer_text(a, "time"))
			   : (double)time(NULL);

	put_head(out, "portlog_up", "Whether the daemon answered.");
	put(out, "portlog_up %d\n", is_up);
	for (size_t i = 0; is_up && i < sizeof metrics / sizeof *metrics; i++)
		put_metric(out, &metrics[i], a, now);
	put_head(out, "portlog_metrics_timestamp_seconds",
		 "When this was asked, since 1970.");
	put(out, "portlog_metrics_timestamp_seconds");
	put_value(out, now);
}
