/* SPDX-License-Identifier: MIT */
/*
 * config_scan: goes through a text as libconfig's scanner does, to tell what
 * nobody can tell once that has parsed it.  libconfig 1.5 reads 4294967810 as
 * 514 and "a\x00b" as "ab", and ends the process where it cannot read on in an
 * included file.  And to refuse what 1.5, 1.7 and 1.8 do not read the same, as
 * 0514, 0b1, "\a" and a comma before the end of a list.
 */
#ifndef PORTLOG_CONFIG_SCAN_H
#define PORTLOG_CONFIG_SCAN_H

#include "config/value.h"

/*
 * Text is that of the reader's path; the files that it includes are read too.
 * An integer must fit 32 bits and begin with no needless 0; each other is a
 * fault of the setting that it stands behind.  Returns false, and has told why,
 * where libconfig must not be given this text.
 */
bool config_scan(struct reader *, const char *text, size_t size);

#endif
