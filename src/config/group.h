/* SPDX-License-Identifier: MIT */
/*
 * group: one group of the libconfig tree to one structure, by its table of
 * options.  Main thread; no call blocks.
 */
#ifndef PORTLOG_CONFIG_GROUP_H
#define PORTLOG_CONFIG_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "config/value.h"

/* The most rows of a table: each is a bit of what group_read() returns. */
#define GROUP_OPTIONS 64

/*
 * Read all members of a group, each by its row of the table.  Returns a bit for
 * each row that has an error: its value is wrong, or it is required and
 * missing.
 */
uint64_t group_read(struct reader *, config_setting_t *group,
		    const struct option *table, void *target);

/* Whether these bits have that of the row of this name. */
bool group_is_wrong(uint64_t wrong, const struct option *table,
		    const char *name);

/* Group `number` of a list; what is no group is not counted. */
const config_setting_t *group_at(const config_setting_t *list, size_t number);

/* Say in words where group `number` of the list that holds group stands. */
void group_describe_place(const struct reader *, const config_setting_t *group,
			  size_t number, char out[256]);

/*
 * Refuse settings that are not for these kinds, and miss those that are; user
 * is what the error calls whoever has these kinds.
 */
void group_check_applies(struct reader *, config_setting_t *group,
			 const struct option *table, unsigned kinds,
			 const char *user);

#endif
