/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define MOST_SECONDS (14.0 * 24 * 60 * 60)

int
command_misused(const char *usage, const char *format, ...)
{
	if (format) {
		va_list arguments;

		va_start(arguments, format);
		fputs("portlog: ", stderr);
		vfprintf(stderr, format, arguments);
		fputs("\n", stderr);
		va_end(arguments);
	}
	fputs(usage, stderr);
	return EX_USAGE;
}

bool
command_parse_ms(const char *text, int *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds >= 0) ||
	    seconds > MOST_SECONDS)
		return false;
	*ms = (int)(seconds * 1000);
	return true;
}
