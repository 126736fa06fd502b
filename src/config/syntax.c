/* SPDX-License-Identifier: MIT */
#include "config/syntax.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEPTH 64

/* How much of a token is shown. */
#define SHOWN 40

/* A place where a token cannot stand. */
struct place {
	const struct scanned *scanned;
	size_t number;
	char first;  /* of the token that stands here; NUL: the end */
	char last;   /* of the token before it; NUL: there is none */
	size_t open; /* the list or group around it; 0: there is none */
	bool in_list;
};

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool
is_word(char c)
{
	return isalpha((unsigned char)c) || c == '*';
}

/* The innermost list or group that is open before a token; 0: there is none. */
static size_t
find_open(const struct scanned *s, size_t number)
{
	size_t open[DEPTH] = { 0 }, depth = 0;

	for (size_t i = 1; i < number; i++) {
		if (is_one_of(s->tokens[i].first, "({[") && depth < DEPTH - 1)
			open[++depth] = i;
		else if (is_one_of(s->tokens[i].first, ")}]") && depth > 0)
			depth--;
	}
	return open[depth];
}

static bool
expects_value(const struct place *p)
{
	return is_one_of(p->last, p->in_list ? "([," : "=:");
}

/* Whether the word before it stands where the name of a setting does. */
static bool
follows_name(const struct place *p)
{
	return !p->in_list && is_word(p->last) &&
	       !is_one_of(p->scanned->tokens[p->number - 2].first, "=:");
}

static size_t
put_found(const struct place *p, char out[SYNTAX_ERROR])
{
	const char *text, *quote;
	size_t size;

	if (p->first == '\0')
		return (size_t)snprintf(out, SYNTAX_ERROR,
					"found the end of the file");
	text = p->scanned->text.data + p->scanned->tokens[p->number].offset;
	size = strcspn(text, "\n");
	quote = p->first == '"' ? "" : "\"";
	return (size_t)snprintf(out, SYNTAX_ERROR, "found %s%.*s%s%s", quote,
				(int)(size < SHOWN ? size : SHOWN), text,
				size < SHOWN ? "" : "...", quote);
}

/* Name the list or group that lacks its end. */
static size_t
put_open(const struct place *p, char *out, size_t size)
{
	const struct token *open = &p->scanned->tokens[p->open];
	const char *end = open->first == '(' ? ")"
			: open->first == '[' ? "]"
					     : "}";

	return (size_t)snprintf(out, size, "%s\"%s\" for the \"%c\" on line %u",
				p->in_list ? "a comma or " : "", end,
				open->first, open->line);
}

static size_t
put_expected(const struct place *p, char *out, size_t size)
{
	size_t used;

	if (expects_value(p))
		return (size_t)snprintf(out, size, "a value");
	if (follows_name(p))
		return (size_t)snprintf(out, size, "\"=\" and a value");
	if (p->in_list)
		return put_open(p, out, size);
	used = (size_t)snprintf(out, size, "NAME = VALUE;");
	if (p->open > 0) {
		used += (size_t)snprintf(out + used, size - used, " or ");
		used += put_open(p, out + used, size - used);
	}
	return used;
}

/* An address without quotes is numbers, the second of which begins with ".". */
static bool
lacks_quotes(const struct place *p)
{
	return p->first == '.' || (expects_value(p) && p->first != '\0' &&
				   !is_one_of(p->first, ";,=:(){}[]"));
}

static const char *
likely_cause(const struct place *p)
{
	bool expects_name =
		!p->in_list && !expects_value(p) && !follows_name(p);

	if (p->first == '\'')
		return " (text stands in double quotes, not in single ones)";
	if (p->first == '\xe2')
		return " (text stands in straight quotes)";
	if (p->first == '-')
		return " (this is not YAML: lists are ( ... ), groups "
		       "{ ... })";
	if (p->first == '{' && p->last == '[')
		return " (a list of groups stands in parentheses)";
	if (lacks_quotes(p))
		return " (text stands in double quotes)";
	if (expects_name && is_one_of(p->first, "\"{"))
		return " (this is not JSON: names have no quotes)";
	return "";
}

void
syntax_explain(const struct scanned *s, size_t number, char out[SYNTAX_ERROR])
{
	struct place p = {
		.scanned = s,
		.number = number,
		.first = number < s->count ? s->tokens[number].first : '\0',
		.last = s->tokens[number - 1].first,
		.open = find_open(s, number),
	};
	size_t used;

	p.in_list = p.open > 0 && is_one_of(s->tokens[p.open].first, "([");
	used = put_found(&p, out);
	used += (size_t)snprintf(out + used, SYNTAX_ERROR - used,
				 ", expected ");
	used += put_expected(&p, out + used, SYNTAX_ERROR - used);
	snprintf(out + used, SYNTAX_ERROR - used, "%s", likely_cause(&p));
}
