/* SPDX-License-Identifier: MIT */
#include "base/user_group.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>

bool
user_group_find(const char *text, gid_t *group)
{
	const struct group *found = getgrnam(text);
	size_t digits = strspn(text, "0123456789");
	unsigned long number = strtoul(text, NULL, 10);

	*group = found ? found->gr_gid : (gid_t)number;
	/* The largest number says "no change" to chown(2). */
	return found ||
	       (digits > 0 && text[digits] == '\0' && number < (gid_t)-1);
}
