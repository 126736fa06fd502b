/* SPDX-License-Identifier: MIT */
#include "config/load.h"

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "config/defaults.h"
#include "config/read.h"
#include "config/read_file.h"
#include "config/scan.h"
#include "config/syntax.h"

/* Say more than the few words of libconfig. */
static void
add_syntax_error(struct reader *r)
{
	const char *said = config_error_text(&r->tree);
	unsigned line = (unsigned)config_error_line(&r->tree);
	const struct token *token = reader_token(r, line);
	char text[SYNTAX_ERROR];

	/* Nothing is wrong with tokens[0]. */
	if (strcmp(said, "syntax error") == 0 && line > 1)
		syntax_explain(&r->scanned,
			       line > r->scanned.count ? r->scanned.count
						       : line - 1,
			       text);
	else if (strcmp(said, "duplicate setting name") == 0)
		snprintf(text, sizeof text,
			 "found a setting that its group has already, expected "
			 "each once; the rest was not checked");
	else
		snprintf(text, sizeof text, "%s", said);
	errors_add(r->errors, token->file, token->line, "%s", text);
}

static void
parse(struct reader *r)
{
	config_init(&r->tree);
	if (config_read_string(&r->tree, r->scanned.text.data))
		config_read_tree(r);
	else
		add_syntax_error(r);
	config_destroy(&r->tree);
}

void
config_parse(struct config *config, const char *path, const char *text,
	     size_t size, struct errors *errors)
{
	struct reader reader = { .errors = errors, .config = config };

	config_set_defaults(config);
	if (config_scan(&reader.scanned, path, text, size, errors))
		parse(&reader);
	config->hash =
		bytes_hash(reader.scanned.text.data, reader.scanned.text.size);
	scanned_free(&reader.scanned);
	errors_sort(errors);
}

void
config_load(struct config *config, const char *path, struct errors *errors)
{
	size_t size;
	char *text = config_file_read(path, &size);

	if (!text) {
		config_set_defaults(config);
		errors_add(errors, path, 0, "cannot be read: %s",
			   strerror(errno));
		return;
	}
	config_parse(config, path, text, size, errors);
	free(text);
}
