/* SPDX-License-Identifier: MIT */
#include "config/group.h"

#include <stdio.h>
#include <string.h>

uint64_t
group_read(struct reader *r, config_setting_t *group,
	   const struct option *table, void *target)
{
	const char *names[GROUP_OPTIONS + 1] = { NULL };
	uint64_t wrong = 0;

	for (size_t i = 0; table[i].name; i++) {
		names[i] = table[i].name;
		if (!table[i].required || table[i].applies != 0 ||
		    config_setting_get_member(group, table[i].name))
			continue;
		error_at(r, group, "missing setting \"%s\"", table[i].name);
		wrong |= 1ULL << i;
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *member =
			config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(member);
		const struct option *option = option_find(table, name);
		const char *near = errors_nearest(name, names);

		if (option)
			wrong |=
				(uint64_t)!value_read(r, member, option, target)
				<< (option - table);
		else if (near)
			error_at(r, member,
				 "unknown setting \"%s\", did you mean \"%s\"?",
				 name, near);
		else
			error_at(r, member, "unknown setting \"%s\"", name);
	}
	return wrong;
}

bool
group_is_wrong(uint64_t wrong, const struct option *table, const char *name)
{
	return wrong >> (option_find(table, name) - table) & 1;
}

const config_setting_t *
group_at(const config_setting_t *list, size_t number)
{
	const config_setting_t *group = config_setting_get_elem(list, 0);

	for (unsigned i = 1; !config_setting_is_group(group) || number-- > 0;
	     i++)
		group = config_setting_get_elem(list, i);
	return group;
}

void
group_describe_place(const struct reader *r, const config_setting_t *group,
		     size_t number, char out[256])
{
	const config_setting_t *first =
		group_at(config_setting_parent(group), number);
	const struct token *here = setting_token(r, group);
	const struct token *there = setting_token(r, first);
	bool is_here;

	is_here = strcmp(there->file, here->file) == 0;
	snprintf(out, 256, "line %u%s%s", there->line, is_here ? "" : " of ",
		 is_here ? "" : there->file);
}

void
group_check_applies(struct reader *r, config_setting_t *group,
		    const struct option *table, unsigned kinds,
		    const char *user)
{
	for (; table->name; table++) {
		config_setting_t *member =
			config_setting_get_member(group, table->name);

		if (member && !option_applies(table, kinds))
			error_at(r, member,
				 "found \"%s\", which %s has no use for",
				 table->name, user);
		else if (!member && table->required && table->applies & kinds)
			error_at(r, group, "missing setting \"%s\"",
				 table->name);
	}
}
