/* SPDX-License-Identifier: MIT */
/*
 * config_scan: splits a configuration into tokens, so that libconfig reads them
 * and neither files nor digits.  libconfig 1.5 reads 4294967810 as 514, drops
 * the NUL of "a\x00b" and ends the process where it cannot read an included
 * file; and 1.5, 1.7 and 1.8 read 0514, 0b1, "\a" and ( 1, ) differently.  All
 * of this is an error here.
 */
#ifndef PORTLOG_CONFIG_SCAN_H
#define PORTLOG_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "config/errors.h"

/* A name, a value or a punctuation mark, and where it stands. */
struct token {
	const char *text;
	size_t size;
	const char *file;
	unsigned line;
	bool is_reported; /* a name whose value has an error */
};

/* List[0] stands for the text as a whole, the last one for its end. */
struct tokens {
	struct token *list;
	size_t count;
	struct source *sources; /* the files that tokens point into */
};

/*
 * The tokens of text, which is that of the file named path, and of the files
 * that it includes.  Returns false if libconfig cannot be given them.
 */
bool config_scan(struct tokens *, const char *path, const char *text,
		 size_t size, struct errors *);

/* A text for libconfig: line n is list[n].  Freed by the caller. */
char *tokens_text(const struct tokens *);

void tokens_free(struct tokens *);

#endif
