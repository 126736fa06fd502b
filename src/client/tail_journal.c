/* SPDX-License-Identifier: MIT */
#include "client/tail_journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"

/* The words of its command line: those of the options, and of the rules. */
struct words {
	char **list; /* the last is NULL */
	size_t count;
};

static void
add(struct words *words, const char *text)
{
	words->list = memory_append(words->list, words->count, sizeof(char *));
	words->list[words->count++] = text ? memory_copy(text) : NULL;
}

/* "NAME=VALUE", a match of a field, or "--name=value". */
static void
add_pair(struct words *words, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 2;
	char *text = memory_zeroed(1, size);

	snprintf(text, size, "%s=%s", name, value);
	add(words, text);
	free(text);
}

/* PEER, with a port or without. */
static void
add_peer(struct words *words, const char *peer)
{
	char text[ADDRESS_TEXT];
	struct address address;
	const char *host, *port;
	size_t size;

	if (!address_parse(&address, peer, 0) && strchr(peer, ':') &&
	    strlen(peer) < sizeof text) {
		address_split(peer, &host, &size, &port);
		snprintf(text, sizeof text, "%.*s", (int)size, host);
		add_pair(words, "PORTLOG_PEER", text);
		add_pair(words, "PORTLOG_PORT", port);
	} else {
		add_pair(words, "PORTLOG_PEER", peer);
	}
}

static void
add_tags(struct words *words, const char *tags)
{
	for (; *tags; tags++) {
		const char tag[] = { *tags, '\0' };

		add_pair(words, "PORTLOG_TAG", tag);
	}
}

/* Whether journalctl knows a rule: what is not wanted it cannot leave out. */
static bool
add_rule(struct words *words, const struct log_rule *rule)
{
	bool is_network = strchr(rule->text, '/');

	if (rule->is_negated || (rule->kind == LOG_RULE_PEER && is_network))
		return false;
	switch (rule->kind) {
	case LOG_RULE_LISTENER:
		add_pair(words, "PORTLOG_LISTENER", rule->text);
		break;
	case LOG_RULE_TAG:
		add_tags(words, rule->text);
		break;
	case LOG_RULE_PEER:
		add_peer(words, rule->text);
		break;
	case LOG_RULE_DATA:
		add_pair(words, "--grep", rule->text);
		break;
	}
	return true;
}

static void
add_bound(struct words *words, const char *name, const struct log_bound *bound)
{
	char text[40];

	if (!bound->is_set)
		return;
	snprintf(text, sizeof text, "@%lld.%06ld",
		 (long long)bound->time.tv_sec, bound->time.tv_nsec / 1000);
	add_pair(words, name, text);
}

static void
add_options(struct words *words, const struct tail *tail)
{
	char lines[24];

	add(words, "journalctl");
	add(words, "--quiet");
	snprintf(lines, sizeof lines, "%zu", tail->lines);
	add_pair(words, "--lines", tail->lines == TAIL_ALL ? "all" : lines);
	if (tail->follows)
		add(words, "--follow");
	if (!tail->printer.is_local)
		add(words, "--utc");
	if (tail->printer.form != LOG_FORM_LINE)
		add_pair(words, "--output",
			 tail->printer.form == LOG_FORM_JSON ? "json" : "cat");
	add_bound(words, "--since", &tail->filter.since);
	add_bound(words, "--until", &tail->filter.until);
	if (tail->filter.ignores_case)
		add_pair(words, "--case-sensitive", "no");
}

/* The journal has records with fields; of stdout it has lines of the unit. */
static bool
add_rules(struct words *words, const struct tail *tail)
{
	const struct output_config *output = &tail->config.outputs[0];
	bool has_fields = output->type == OUTPUT_JOURNAL;

	if (!has_fields)
		add_pair(words, "_SYSTEMD_UNIT", "portlogd.service");
	else
		add_pair(words, "SYSLOG_IDENTIFIER", output->ident);
	for (size_t i = 0; i < tail->filter.count; i++) {
		const struct log_rule *rule = &tail->filter.rules[i];

		if ((has_fields || rule->kind == LOG_RULE_DATA) &&
		    add_rule(words, rule))
			continue;
		diag(LOG_ERR,
		     "\"%s\": journalctl cannot look for this: give a FILE, or "
		     "have portlogd write one",
		     rule->text);
		return false;
	}
	return true;
}

int
tail_journal(const struct tail *tail)
{
	struct words words = { 0 };
	int result = EXIT_FAILURE;

	add_options(&words, tail);
	if (tail->limit != SIZE_MAX) {
		diag(LOG_ERR, "-m: journalctl cannot end after some lines: "
			      "give a FILE, or have portlogd write one");
	} else if (add_rules(&words, tail)) {
		add(&words, NULL);
		execvp(words.list[0], words.list);
		diag(LOG_ERR, "journalctl: %s", strerror(errno));
	}
	for (size_t i = 0; i < words.count; i++)
		free(words.list[i]);
	free(words.list);
	return result;
}
