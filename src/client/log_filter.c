/* SPDX-License-Identifier: MIT */
#include "client/log_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

/* These have a meaning in an extended regular expression. */
static const char special[] = ".[]{}()\\*+?|^$";

/* The size of "[...]" that regex begins with; a class in it ends it early. */
static size_t
bracket_size(const char *regex)
{
	size_t size = regex[1] == '^' ? 2 : 1;

	size += regex[size] == ']';
	return size + strcspn(regex + size, "]");
}

/*
 * The longest run of plain characters that each match has: none is known where
 * there are alternatives or groups.  A character that is followed by "*", "?"
 * or "{" need not be there.
 */
static char *
find_needle(const char *regex)
{
	const char *best = regex;
	size_t longest = 0;

	if (strpbrk(regex, "|()\\"))
		return NULL;
	while (*regex) {
		size_t size = strcspn(regex, special), kept = size;

		if (size > 0 && regex[size] && strchr("*?{", regex[size]))
			kept--;
		if (kept > longest) {
			longest = kept;
			best = regex;
		}
		regex += size;
		if (*regex == '[')
			regex += bracket_size(regex);
		else if (*regex == '{')
			regex += strcspn(regex, "}");
		regex += *regex != '\0';
	}
	if (longest == 0)
		return NULL;
	return memcpy(memory_zeroed(longest + 1, 1), best, longest);
}

static bool
compile(struct log_rule *rule, bool ignores_case, char error[256])
{
	int flags = REG_EXTENDED | (ignores_case ? REG_ICASE : 0);
	int code;

	rule->is_literal = !ignores_case && !strpbrk(rule->text, special);
	if (rule->is_literal)
		return true;
	code = regcomp(&rule->regex, rule->text, flags);
	if (code != 0)
		regerror(code, &rule->regex, error, 256);
	else if (!ignores_case)
		rule->needle = find_needle(rule->text);
	return code == 0;
}

static bool
check_tags(const char *text, char error[256])
{
	if (*text && strspn(text, "FPET*") == strlen(text))
		return true;
	snprintf(error, 256, "expected some of F, P, E, T and *");
	return false;
}

/* What is no address or network is compared as text: it may have a port. */
static bool
parse_peer(struct log_rule *rule, char error[256])
{
	char expected[NETWORK_EXPECTED];
	struct network network;

	if (network_parse(&network, rule->text, expected)) {
		prefix_table_add(&rule->network, &network, 0);
		prefix_table_sort(&rule->network);
	} else if (strchr(rule->text, '/')) {
		snprintf(error, 256, "expected %s", expected);
		return false;
	}
	return true;
}

static bool
prepare(struct log_rule *rule, bool ignores_case, char error[256])
{
	switch (rule->kind) {
	case LOG_RULE_DATA:
		return compile(rule, ignores_case, error);
	case LOG_RULE_TAG:
		return check_tags(rule->text, error);
	case LOG_RULE_PEER:
		return parse_peer(rule, error);
	case LOG_RULE_LISTENER:
		break;
	}
	return true;
}

void
log_bound_set(struct log_bound *bound, const struct timespec *time)
{
	bound->is_set = true;
	bound->time = *time;
	format_time(bound->text, time);
}

bool
log_filter_add(struct log_filter *filter, enum log_rule_kind kind,
	       bool is_negated, const char *text, char error[256])
{
	struct log_rule rule = { .kind = kind,
				 .is_negated = is_negated,
				 .text = text,
				 .size = strlen(text) };
	size_t place = filter->count;

	if (!prepare(&rule, filter->ignores_case, error))
		return false;
	filter->rules =
		memory_append(filter->rules, filter->count, sizeof rule);
	for (; place > 0 && filter->rules[place - 1].kind > kind; place--)
		filter->rules[place] = filter->rules[place - 1];
	filter->rules[place] = rule;
	filter->count++;
	return true;
}

/* regexec() of text that may hold a NUL; one ends it, as sanitizers expect. */
static bool
execute(const regex_t *regex, const char *text, size_t size, regmatch_t *match)
{
	struct buffer copy = { 0 };
	bool is_found;

	buffer_add(&copy, text, size);
	buffer_add(&copy, "", 1);
	*match = (regmatch_t){ .rm_so = 0, .rm_eo = (regoff_t)size };
	is_found = regexec(regex, copy.data, 1, match, REG_STARTEND) == 0;
	buffer_free(&copy);
	return is_found;
}

bool
log_rule_find(const struct log_rule *rule, const char *text, size_t size,
	      size_t *begin, size_t *length)
{
	const char *found;
	regmatch_t match;

	if (rule->kind != LOG_RULE_DATA)
		return false;
	if (rule->is_literal) {
		found = memmem(text, size, rule->text, rule->size);
		*begin = found ? (size_t)(found - text) : 0;
		*length = rule->size;
		return found;
	}
	if ((rule->needle &&
	     !memmem(text, size, rule->needle, strlen(rule->needle))) ||
	    !execute(&rule->regex, text, size, &match))
		return false;
	*begin = (size_t)match.rm_so;
	*length = (size_t)(match.rm_eo - match.rm_so);
	return true;
}

static bool
is_equal(const struct log_rule *rule, const char *text, size_t size)
{
	return rule->size == size && memcmp(rule->text, text, size) == 0;
}

static bool
is_of_peer(const struct log_rule *rule, const struct log_view *view)
{
	char text[ADDRESS_TEXT];
	const char *host, *port;
	struct address address;
	size_t size;

	if (is_equal(rule, view->peer, view->peer_size))
		return true;
	if (rule->network.count == 0 || view->peer_size >= sizeof text)
		return false;
	memcpy(text, view->peer, view->peer_size);
	text[view->peer_size] = '\0';
	if (!strchr(text, ':'))
		return false;
	address_split(text, &host, &size, &port);
	text[host + size - text] = '\0';
	return address_parse(&address, host, 0) &&
	       prefix_table_find(&rule->network, &address) != PREFIX_NONE;
}

static bool
matches(const struct log_rule *rule, const struct log_view *view)
{
	size_t begin, length;

	if (rule->kind == LOG_RULE_DATA)
		return log_rule_find(rule, view->data, view->size, &begin,
				     &length);
	if (view->is_foreign)
		return false;
	if (rule->kind == LOG_RULE_LISTENER)
		return is_equal(rule, view->listener, view->listener_size);
	if (rule->kind == LOG_RULE_TAG)
		return strchr(rule->text, (char)view->tag);
	return is_of_peer(rule, view);
}

static bool
is_in_time(const struct log_filter *filter, const struct log_view *view)
{
	const struct log_bound *since = &filter->since, *until = &filter->until;

	if (view->is_foreign)
		return !since->is_set && !until->is_set;
	return (!since->is_set ||
		memcmp(view->text, since->text, LOG_VIEW_TIME) >= 0) &&
	       (!until->is_set ||
		memcmp(view->text, until->text, LOG_VIEW_TIME) <= 0);
}

bool
log_filter_wants(const struct log_filter *filter, const struct log_view *view)
{
	unsigned asked = 0, met = 0;

	if (!is_in_time(filter, view))
		return false;
	for (size_t i = 0; i < filter->count; i++) {
		const struct log_rule *rule = &filter->rules[i];
		unsigned bit = 1U << rule->kind;

		if (rule->is_negated) {
			if (matches(rule, view))
				return false;
			continue;
		}
		/* Of a cheaper kind none has matched. */
		if ((asked & (bit - 1)) != (met & (bit - 1)))
			return false;
		asked |= bit;
		if (!(met & bit) && matches(rule, view))
			met |= bit;
	}
	return asked == met;
}

struct finder
log_filter_finder(const struct log_filter *filter)
{
	const struct log_rule *only = NULL;
	struct finder finder = { .needle = NULL };

	/* A line that is too late ends the search, so all are looked at. */
	if (filter->until.is_set)
		return finder;
	for (size_t i = 0; i < filter->count; i++) {
		const struct log_rule *rule = &filter->rules[i];

		if (rule->kind != LOG_RULE_DATA || rule->is_negated)
			continue;
		if (only)
			return finder; /* either will do */
		only = rule;
	}
	if (only)
		finder.needle = only->is_literal ? only->text : only->needle;
	if (finder.needle)
		finder.size = strlen(finder.needle);
	return finder;
}

bool
log_filter_is_empty(const struct log_filter *filter)
{
	return filter->count == 0 && !filter->since.is_set &&
	       !filter->until.is_set;
}

void
log_filter_free(struct log_filter *filter)
{
	for (size_t i = 0; i < filter->count; i++) {
		struct log_rule *rule = &filter->rules[i];

		prefix_table_free(&rule->network);
		free(rule->needle);
		if (rule->kind == LOG_RULE_DATA && !rule->is_literal)
			regfree(&rule->regex);
	}
	free(filter->rules);
}
