/* SPDX-License-Identifier: MIT */
#include "client/table.h"

#include <stdio.h>
#include <string.h>

#include "client/log_view.h"

/* The characters of valid UTF-8. */
static size_t
width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

void
table_add(struct table *t, const char *text)
{
	size_t column = t->columns ? t->count % t->columns : t->count;
	size_t begin = t->cells.size, width;

	log_view_add_escaped(&t->cells, text, strlen(text));
	buffer_add(&t->cells, "", 1);
	width = width_of(t->cells.data + begin);
	if (width > t->widths[column])
		t->widths[column] = width;
	t->count++;
}

void
table_add_count(struct table *t, double value)
{
	char text[TABLE_NUMBER] = "-";

	if (value > 0)
		table_format_count(text, value);
	table_add(t, text);
}

void
table_add_seconds(struct table *t, double value)
{
	char text[TABLE_NUMBER];

	table_format_seconds(text, value);
	table_add(t, text);
}

void
table_end_headings(struct table *t)
{
	t->columns = t->count;
}

static void
put_spaces(struct buffer *out, size_t count)
{
	while (count-- > 0)
		buffer_add(out, " ", 1);
}

void
table_put(struct table *t, struct buffer *out)
{
	const char *cell = t->cells.data;

	for (size_t i = 0; i < t->count; i++) {
		size_t column = i % t->columns;
		size_t padding = t->widths[column] - width_of(cell);
		bool is_last = column + 1 == t->columns;

		if (t->numeric >> column & 1)
			put_spaces(out, padding);
		buffer_add(out, cell, strlen(cell));
		if (!is_last && !(t->numeric >> column & 1))
			put_spaces(out, padding);
		buffer_add(out, is_last ? "\n" : "  ", is_last ? 1 : 2);
		cell += strlen(cell) + 1;
	}
	buffer_free(&t->cells);
}

void
table_format_count(char out[TABLE_NUMBER], double value)
{
	static const char units[] = "kMGTPE";
	size_t unit = 0;

	if (value < 10000) {
		snprintf(out, TABLE_NUMBER, "%.0f", value);
		return;
	}
	value /= 1000;
	while (value >= 999.95 && units[unit + 1]) {
		value /= 1000;
		unit++;
	}
	snprintf(out, TABLE_NUMBER, "%.1f%c", value, units[unit]);
}

void
table_format_seconds(char out[TABLE_NUMBER], double seconds)
{
	long long s = (long long)seconds;

	if (s < 60)
		snprintf(out, TABLE_NUMBER, "%llds", s);
	else if (s < 3600)
		snprintf(out, TABLE_NUMBER, "%lldm%02lld", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TABLE_NUMBER, "%lldh%02lld", s / 3600,
			 s / 60 % 60);
	else
		snprintf(out, TABLE_NUMBER, "%lldd%02lldh", s / 86400,
			 s / 3600 % 24);
}
