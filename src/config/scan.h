/* SPDX-License-Identifier: MIT */
/*
 * scan: splits a configuration into tokens, so that libconfig reads these
 * alone.  libconfig 1.5 reads 4294967810 as 514, drops the NUL of "a\x00b" and
 * ends the process where it cannot read an included file; and 1.5, 1.7 and 1.8
 * read 0514, 0b1, "\a" and ( 1, ) differently.  All of this is an error.
 * Main thread; blocks on the files that it reads.
 */
#ifndef PORTLOG_CONFIG_SCAN_H
#define PORTLOG_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "config/errors.h"

/* A name, a value or a punctuation mark. */
struct token {
	const char *file;
	unsigned line;
	char first;       /* its first character */
	size_t offset;    /* of its text, which ends with a newline */
	bool is_reported; /* it names a setting whose value is an error */
};

/* Tokens[0] stands for the whole, in front of the first one. */
struct scanned {
	struct buffer text; /* for libconfig: tokens[n] is its line n + 1 */
	struct token *tokens;
	size_t count;
	char **files;
	size_t file_count;
};

/*
 * The tokens of text, which is that of the file named path, and of the files
 * that it includes.  Returns false if libconfig cannot be given them.
 */
bool config_scan(struct scanned *, const char *path, const char *text,
		 size_t size, struct errors *);

void scanned_free(struct scanned *);

#endif
