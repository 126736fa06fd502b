/* SPDX-License-Identifier: MIT */
/*
 * load: a libconfig file to struct config, with every error.  Blocks on the
 * file.  Without memory the process ends.  Main thread.
 */
#ifndef PORTLOG_CONFIG_LOAD_H
#define PORTLOG_CONFIG_LOAD_H

#include <inttypes.h>

#include "config/config.h"
#include "config/errors.h"

/* What is read where no other is named. */
#define CONFIG_DEFAULT SYSCONFDIR "/portlogd.conf"

/* A hash as text, with its NUL. */
#define CONFIG_HASH_FORMAT "%016" PRIx64
#define CONFIG_HASH 17

/*
 * Read a file, or size bytes of text as if they were that file's; a NUL is
 * behind them.  Use the configuration only if there is no error; free it in any
 * case.
 */
void config_load(struct config *, const char *path, struct errors *);
void config_parse(struct config *, const char *path, const char *text,
		  size_t size, struct errors *);

#endif
