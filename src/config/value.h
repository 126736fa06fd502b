/* SPDX-License-Identifier: MIT */
/*
 * value: one libconfig setting to one field, checked by its option.  Main
 * thread; no call blocks.
 */
#ifndef PORTLOG_CONFIG_VALUE_H
#define PORTLOG_CONFIG_VALUE_H

#include <libconfig.h>

#include "config/config.h"
#include "config/errors.h"
#include "config/options.h"
#include "config/scan.h"

struct reader {
	struct scanned scanned;
	struct errors *errors;
	struct config *config;
	config_t tree;
	bool has_unknown_names; /* output errors hide which names exist */
};

/* What stands on that line of the text that libconfig was given. */
const struct token *reader_token(const struct reader *, unsigned line);

/* Where a setting stands in its file: its name, or the value in a list. */
const struct token *setting_token(const struct reader *,
				  const config_setting_t *);

/* Add an error at the line of a setting. */
void error_at(struct reader *, const config_setting_t *, const char *format,
	      ...) __attribute__((format(printf, 3, 4)));

/* Whether the scan has reported the value of a setting, or of its list. */
bool value_is_reported(const struct reader *, const config_setting_t *);

/* The setting is there, but of another type than what is expected. */
void value_wrong_type(struct reader *, const config_setting_t *,
		      const char *expected);

/* Whether it can be the name of a listener; what one is. */
bool value_is_name(const char *);
#define VALUE_NAME "1 to 64 printable ASCII characters, no space"

/* Set the option's field in target.  false: an error is added, it is as before.
 */
bool value_read(struct reader *, const config_setting_t *,
		const struct option *, void *target);

#endif
