/* SPDX-License-Identifier: MIT */
#include "client/sparkline.h"

#include <string.h>

void
sparkline_add(struct sparkline *s, double value)
{
	if (s->count == SPARKLINE_VALUES) {
		memmove(s->values, s->values + 1,
			(SPARKLINE_VALUES - 1) * sizeof *s->values);
		s->count--;
	}
	s->values[s->count++] = value;
}

static double
largest(const double *values, size_t count)
{
	double most = 0;

	for (size_t i = 0; i < count; i++)
		if (values[i] > most)
			most = values[i];
	return most;
}

/* Something is never shown as nothing. */
static const char *
bar_of(double value, double most, bool is_utf8)
{
	static const char *const bars[] = { "▁", "▂", "▃", "▄",
					    "▅", "▆", "▇", "█" };
	static const char *const ascii[] = { "_", ".", "-", "=",
					     "+", "*", "%", "#" };
	size_t height;

	if (value <= 0)
		return value < 0 ? "?" : " ";
	height = (size_t)(value / most * 8);
	if (height > 7)
		height = 7;
	return (is_utf8 ? bars : ascii)[height];
}

void
sparkline_put(const struct sparkline *s, size_t width, bool is_utf8,
	      char out[SPARKLINE_TEXT])
{
	size_t count = s->count < width ? s->count : width;
	const double *values = s->values + s->count - count;
	double most = largest(values, count);

	*out = '\0';
	for (size_t i = 0; i < count; i++)
		out = stpcpy(out, bar_of(values[i], most, is_utf8));
}
