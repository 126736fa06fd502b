/* SPDX-License-Identifier: MIT */
#include "client/unit.h"

#include <stdio.h>
#include <string.h>

#include "client/child.h"

#define ANSWER_MS 3000

/* Take a line "NAME=VALUE" if it is of that name. */
static void
take(char value[UNIT_VALUE], const char *name, const char *line, size_t size)
{
	size_t length = strlen(name);

	if (size > length && memcmp(line, name, length) == 0 &&
	    line[length] == '=')
		snprintf(value, UNIT_VALUE, "%.*s", (int)(size - length - 1),
			 line + length + 1);
}

static void
take_line(struct unit *unit, const char *line, size_t size)
{
	char loaded[UNIT_VALUE] = "";

	take(loaded, "LoadState", line, size);
	unit->is_loaded = unit->is_loaded || strcmp(loaded, "loaded") == 0;
	take(unit->state, "ActiveState", line, size);
	take(unit->restarts, "NRestarts", line, size);
	take(unit->allowed, "IPAddressAllow", line, size);
	take(unit->denied, "IPAddressDeny", line, size);
}

void
unit_read(struct unit *unit)
{
	static const char properties[] =
		"--property=LoadState,ActiveState,NRestarts,IPAddressAllow,"
		"IPAddressDeny";
	const char *const arguments[] = { "systemctl", "show", properties,
					  UNIT_NAME, NULL };
	struct buffer shown = { 0 };

	*unit = (struct unit){ 0 };
	if (child_run(arguments, &shown, ANSWER_MS))
		for (size_t begin = 0; begin < shown.size;) {
			const char *line = shown.data + begin;
			const char *end =
				memchr(line, '\n', shown.size - begin);
			size_t size =
				end ? (size_t)(end - line) : shown.size - begin;

			take_line(unit, line, size);
			begin += size + 1;
		}
	buffer_free(&shown);
}
