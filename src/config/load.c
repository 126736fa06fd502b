/* SPDX-License-Identifier: MIT */
#include "config/load.h"

#include <errno.h>
#include <libconfig.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/defaults.h"
#include "config/read.h"
#include "config/read_file.h"
#include "config/scan.h"

/* Say more than the few words of libconfig. */
static const char *
explain(const char *text)
{
	if (strcmp(text, "syntax error") == 0)
		return "syntax error here or just before, expected NAME = "
		       "VALUE;";
	if (strcmp(text, "duplicate setting name") == 0)
		return "found a setting that its group has already, expected "
		       "each once; the rest was not checked";
	return text;
}

static void
syntax_fault(struct reader *r)
{
	char *file = reader_file(r, config_error_file(&r->tree));

	errors_add(r->errors, file, (unsigned)config_error_line(&r->tree), "%s",
		   explain(config_error_text(&r->tree)));
	free(file);
}

static void
parse(struct reader *r, const char *text, size_t size)
{
	/* It is read only, and fmemopen() has no const to say so. */
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	FILE *stream = fmemopen((void *)(uintptr_t)text, size, "r");
	bool parsed = stream && config_read(&r->tree, stream);

	if (stream)
		fclose(stream);
	if (parsed)
		config_read_tree(r);
	else
		syntax_fault(r);
}

void
config_parse(struct config *config, const char *path, const char *text,
	     size_t size, struct errors *errors)
{
	char *copy = memory_copy(path);
	struct reader reader = { .path = path,
				 .directory = dirname(copy),
				 .errors = errors,
				 .config = config };

	config_set_defaults(config);
	config_init(&reader.tree);
	config_set_include_dir(&reader.tree, reader.directory);
	if (config_scan(&reader, text, size))
		parse(&reader, text, size);
	config_destroy(&reader.tree);
	free(copy);
	errors_sort(errors);
}

void
config_load(struct config *config, const char *path, struct errors *errors)
{
	size_t size;
	char *text = config_file_read(path, &size);

	config_set_defaults(config);
	if (!text) {
		errors_add(errors, path, 0, "cannot be read: %s",
			   strerror(errno));
		return;
	}
	/* libconfig 1.5 wants a newline after a comment that ends the file. */
	text[size] = '\n';
	config_parse(config, path, text, size + 1, errors);
	free(text);
}
