/* SPDX-License-Identifier: MIT */
/* syntax: what is wrong where libconfig finds a syntax error.  Pure. */
#ifndef PORTLOG_CONFIG_SYNTAX_H
#define PORTLOG_CONFIG_SYNTAX_H

#include "config/scan.h"

#define SYNTAX_ERROR 256

/*
 * Say what was found, what was expected and what the likely cause is.  number
 * is that of the first token that cannot stand where it does; as many as there
 * are tokens: the text ends too early.
 */
void syntax_explain(const struct scanned *, size_t number,
		    char out[SYNTAX_ERROR]);

#endif
