/* SPDX-License-Identifier: MIT */
#include "config/read_tls.h"

#include <stdlib.h>

#include "base/memory.h"
#include "config/defaults.h"
#include "config/group.h"
#include "config/tls_names.h"

/* What is of no use where nobody is asked for a certificate. */
static const struct {
	const char *name;
	bool is_of_authorities; /* nor without authorities */
} about_clients[] = {
	{ "authorities", false },
	{ "revoked", true },
	{ "names", true },
	{ "fingerprints", false },
};

static void
check_clients(struct reader *r, const config_setting_t *group,
	      const struct config_tls *tls)
{
	config_setting_t *clients = config_setting_get_member(group, "clients");
	bool is_asked = tls->clients != TLS_CLIENTS_NONE;
	bool has_authorities = config_setting_get_member(group, "authorities");

	if (is_asked && !has_authorities &&
	    !config_setting_get_member(group, "fingerprints"))
		value_wrong_type(r, clients,
				 "\"authorities\" or \"fingerprints\" beside "
				 "it");
	for (size_t i = 0; i < 4; i++) {
		const char *name = about_clients[i].name;
		config_setting_t *member =
			config_setting_get_member(group, name);

		if (member && !is_asked)
			error_at(r, member,
				 "found \"%s\", expected \"clients\" beside "
				 "it, \"required\" or \"optional\"",
				 name);
		else if (member && about_clients[i].is_of_authorities &&
			 !has_authorities)
			error_at(r, member,
				 "found \"%s\" without \"authorities\", "
				 "expected both",
				 name);
	}
}

/* None could be meant as nobody, and would be everybody. */
static bool
has_items(struct reader *r, const config_setting_t *list)
{
	if (!list || !config_setting_is_aggregate(list) ||
	    value_is_reported(r, list))
		return false;
	if (config_setting_length(list) == 0)
		error_at(r, list, "%s: found none, expected at least one",
			 config_setting_name(list));
	return true;
}

static void
check_names(struct reader *r, const config_setting_t *names)
{
	if (!has_items(r, names))
		return;
	for (int i = 0; i < config_setting_length(names); i++) {
		config_setting_t *item =
			config_setting_get_elem(names, (unsigned)i);
		const char *name = config_setting_get_string(item);
		const char *expected = name ? tls_names_expect(name) : NULL;

		if (expected)
			error_at(r, item, "names: found \"%s\", expected %s",
				 name, expected);
	}
}

/* Write each of them in one way. */
static void
read_fingerprints(struct reader *r, const config_setting_t *list,
		  struct names *fingerprints)
{
	size_t count = 0;

	if (!has_items(r, list))
		return;
	for (int i = 0; i < config_setting_length(list); i++) {
		config_setting_t *item =
			config_setting_get_elem(list, (unsigned)i);
		const char *text = config_setting_get_string(item);
		char fingerprint[TLS_FINGERPRINT];

		if (!text)
			continue; /* and not in the names either */
		if (tls_fingerprint_read(fingerprint, text)) {
			free(fingerprints->list[count]);
			fingerprints->list[count] = memory_copy(fingerprint);
		} else {
			error_at(r, item,
				 "fingerprints: found \"%.100s\", expected "
				 "\"sha256:\" and 64 hexadecimal digits",
				 text);
		}
		count++;
	}
}

void
read_tls(struct reader *r, config_setting_t *group,
	 struct listener_config *listener)
{
	const struct option *table = config_tls_options;
	struct config_tls *tls;
	uint64_t wrong;

	if (!group)
		return;
	if (!config_setting_is_group(group)) {
		value_wrong_type(r, group, "a group: { ... }");
		return;
	}
	tls = config_add_tls(listener);
	tls->file = memory_copy(setting_token(r, group)->file);
	tls->line = setting_token(r, group)->line;
	wrong = group_read(r, group, table, tls);
	if (!group_is_wrong(wrong, table, "clients"))
		check_clients(r, group, tls);
	check_names(r, config_setting_get_member(group, "names"));
	read_fingerprints(r, config_setting_get_member(group, "fingerprints"),
			  &tls->fingerprints);
}
