/* SPDX-License-Identifier: MIT */
/*
 * log_filter: which lines of a log are wanted.  Without memory the process
 * ends.  One thread.
 */
#ifndef PORTLOG_CLIENT_LOG_FILTER_H
#define PORTLOG_CLIENT_LOG_FILTER_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/prefix_table.h"
#include "client/finder.h"
#include "client/log_view.h"
#include "record/format_time.h"

/* The cheap ones first: they are tried in this order. */
enum log_rule_kind {
	LOG_RULE_LISTENER, /* its name */
	LOG_RULE_TAG,      /* one of these letters */
	LOG_RULE_PEER,     /* HOST:PORT, or an address or network */
	LOG_RULE_DATA,     /* a regular expression, extended */
};

struct log_rule {
	enum log_rule_kind kind;
	bool is_negated;
	const char *text; /* borrowed */
	size_t size;
	struct prefix_table network; /* of a peer; empty: compare the text */
	/* Of data: */
	bool is_literal; /* text is itself what is looked for */
	regex_t regex;
	char *needle; /* whatever matches has this too; NULL: nothing known */
};

struct log_bound {
	bool is_set;
	struct timespec time;
	char text[FORMAT_TIME]; /* the same, as lines have it */
};

/* { 0 } wants all. */
struct log_filter {
	struct log_rule *rules; /* owned */
	size_t count;
	bool ignores_case; /* of data; set it before rules are added */
	struct log_bound since, until;
};

void log_bound_set(struct log_bound *, const struct timespec *);

/* Add a rule.  false: it is none, and why was written to error. */
bool log_filter_add(struct log_filter *, enum log_rule_kind, bool is_negated,
		    const char *text, char error[256]);

/*
 * Of each kind that has rules which are not negated one must match, and no
 * negated one.  A foreign line has data only.
 */
bool log_filter_wants(const struct log_filter *, const struct log_view *);

/*
 * Finds bytes that each line of text has that is wanted, so that others need
 * not be looked at.  They are borrowed; there may be none that are known.
 */
struct finder log_filter_finder(const struct log_filter *);

/* Whether it wants all, whatever their time. */
bool log_filter_is_empty(const struct log_filter *);

/*
 * Where text first has what is looked for, and how long that is.  false: it
 * has not, or the rule is of another kind.
 */
bool log_rule_find(const struct log_rule *, const char *text, size_t size,
		   size_t *begin, size_t *length);

void log_filter_free(struct log_filter *);

#endif
