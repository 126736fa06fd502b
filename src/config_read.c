/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <libconfig.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "config_integers.h"
#include "config_tree.h"
#include "memory.h"

/* More than any configuration has; less than /dev/zero. */
#define FILE_BYTES 1048576

/* The whole file, with a newline more; NULL and errno. */
static char *
read_file(const char *path, size_t *size)
{
	char *text = memory_zeroed(1, FILE_BYTES + 2);
	FILE *file = fopen(path, "re");
	int error = 0;

	*size = 0;
	if (file) {
		*size = fread(text, 1, FILE_BYTES + 1, file);
		if (ferror(file))
			error = errno;
		else if (*size > FILE_BYTES)
			error = EFBIG;
		fclose(file);
	} else {
		error = errno;
	}
	if (error == 0)
		return text;
	free(text);
	errno = error;
	return NULL;
}

static void
check_integers_of(struct reader *r, const char *name)
{
	char *file = reader_file(r, name);
	size_t size;
	char *text = read_file(file, &size);

	if (text)
		config_check_integers(file, text, size, r->faults);
	free(text);
	free(file);
}

/*
 * Check each file that the settings below this one came from.  They nest no
 * deeper than libconfig's parser lets them.
 */
static void
check_included(struct reader *r, const config_setting_t *setting,
	       const char **last)
{
	const char *name = config_setting_source_file(setting);
	int type = config_setting_type(setting);

	if (name && (!*last || strcmp(name, *last) != 0))
		check_integers_of(r, name);
	*last = name;
	if (type != CONFIG_TYPE_GROUP && type != CONFIG_TYPE_LIST &&
	    type != CONFIG_TYPE_ARRAY)
		return;
	for (int i = 0; i < config_setting_length(setting); i++)
		check_included(r, config_setting_get_elem(setting, (unsigned)i),
			       last);
}

/* libconfig takes a NUL for the end of what it reads. */
static bool
has_nul(struct reader *r, const char *text, size_t size)
{
	const char *nul = memchr(text, '\0', size);
	unsigned line = 1;

	for (const char *c = text; nul && c < nul; c++)
		line += *c == '\n';
	if (nul)
		faults_add(r->faults, r->path, line,
			   "found a NUL byte, expected text");
	return nul;
}

static void
syntax_fault(struct reader *r)
{
	const char *text = config_error_text(&r->tree);
	char *file = reader_file(r, config_error_file(&r->tree));

	faults_add(r->faults, file, (unsigned)config_error_line(&r->tree),
		   "%s%s", text,
		   strcmp(text, "syntax error") == 0
			   ? " here or just before, expected NAME = VALUE;"
			   : "");
	free(file);
}

static void
parse(struct reader *r, const char *text, size_t size)
{
	/* It is read only, and fmemopen() has no const to say so. */
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	FILE *stream = fmemopen((void *)(uintptr_t)text, size, "r");
	const char *last = NULL;
	bool parsed = stream && config_read(&r->tree, stream);

	if (stream)
		fclose(stream);
	config_check_integers(r->path, text, size, r->faults);
	if (!parsed) {
		syntax_fault(r);
		return;
	}
	check_included(r, config_root_setting(&r->tree), &last);
	config_read_tree(r);
}

void
config_parse(struct config *config, const char *path, const char *text,
	     size_t size, struct faults *faults)
{
	char *copy = memory_copy(path);
	struct reader reader = { .path = path,
				 .directory = dirname(copy),
				 .faults = faults,
				 .config = config };

	config_defaults(config);
	config_init(&reader.tree);
	config_set_include_dir(&reader.tree, reader.directory);
	if (!has_nul(&reader, text, size))
		parse(&reader, text, size);
	config_destroy(&reader.tree);
	free(copy);
	faults_sort(faults);
}

void
config_load(struct config *config, const char *path, struct faults *faults)
{
	size_t size;
	char *text = read_file(path, &size);

	config_defaults(config);
	if (!text) {
		faults_add(faults, path, 0, "cannot be read: %s",
			   strerror(errno));
		return;
	}
	/* libconfig 1.5 wants a newline after a comment that ends the file. */
	text[size] = '\n';
	config_parse(config, path, text, size + 1, faults);
	free(text);
}
