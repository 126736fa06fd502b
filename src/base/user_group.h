/* SPDX-License-Identifier: MIT */
/* user_group: the groups of users.  Main thread; may block on their source. */
#ifndef PORTLOG_BASE_USER_GROUP_H
#define PORTLOG_BASE_USER_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* A group by its name or number; false: there is none of that name. */
bool user_group_find(const char *text, gid_t *group);

#endif
