/* SPDX-License-Identifier: MIT */
/* fuzz_config: any text as a configuration, and its dump as another. */
#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>

#include "config/defaults.h"
#include "config/dump.h"
#include "config/load.h"
#include "config/scan.h"

#include "fuzz.h"

/*
 * libconfig 1.5 leaks strings that do not end or that are at a wrong place.
 * LeakSanitizer must ignore only what its scanner allocates.
 */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static void
check_errors(const struct errors *errors)
{
	for (size_t i = 0; i < errors->count; i++) {
		const struct error *error = &errors->list[i];

		REQUIRE(strcmp(error->file, "fuzz.conf") == 0);
		REQUIRE(error->text && *error->text);
		REQUIRE(i == 0 || errors->list[i - 1].line <= error->line);
	}
}

/* What is true for any configuration without errors. */
static void
check_config(const struct config *config)
{
	REQUIRE(config->output_count > 0 && config->listener_count > 0);
	REQUIRE(config->output_count <= CONFIG_OUTPUTS);
	for (size_t i = 0; i < config->output_count; i++) {
		const char *name = config->outputs[i].name;

		REQUIRE(name && config_find_output(config, name) == (int)i);
	}
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_config *l = &config->listeners[i];

		REQUIRE(l->port <= UINT16_MAX);
		REQUIRE(l->name || l->port == 0);
		REQUIRE(l->address && l->framing < FRAMING_REST &&
			l->output_mask != 0);
		REQUIRE(l->limits.max_record >= 1);
	}
}

static char *
dump(const struct config *config, size_t *size)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, size);

	REQUIRE(stream != NULL);
	config_dump(config, stream);
	fclose(stream);
	return text;
}

/* The dump loads without errors, and its own dump is the same text. */
static void
check_dump(const struct config *config)
{
	struct errors errors = { 0 };
	struct config again;
	size_t size, again_size;
	char *text = dump(config, &size), *again_text;

	config_parse(&again, "fuzz.conf", text, size, &errors);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "dump:%u: %s\n", errors.list[i].line,
			errors.list[i].text);
	REQUIRE(errors.count == 0);
	again_text = dump(&again, &again_size);
	REQUIRE(fuzz_same(text, size, again_text, again_size));
	free(again_text);
	config_free(&again);
	errors_free(&errors);
	free(text);
}

/* No line of digits is one that libconfig 1.5 wraps or 1.7 takes for octal. */
static void
check_integers(const char *text)
{
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *first = line + (*line == '-' || *line == '+');
		int base = strncasecmp(line, "0x", 2) == 0 ? 16 : 10;
		long long value;
		char *end;

		errno = 0;
		value = strtoll(line, &end, base);
		if (end == line || (*end != '\n' && *end != 'L'))
			continue;
		REQUIRE(errno == 0);
		REQUIRE(value >= INT32_MIN && value <= INT32_MAX);
		REQUIRE(base == 16 || *first != '0' || end == first + 1);
	}
}

/* What libconfig makes of a text; the line of its error in *line, or 0. */
static char *
understood(const char *text, unsigned *line)
{
	char *out = NULL;
	size_t size;
	FILE *stream = open_memstream(&out, &size);
	config_t tree;

	REQUIRE(stream != NULL);
	config_init(&tree);
	*line = 0;
	if (config_read_string(&tree, text))
		config_write(&tree, stream);
	else
		*line = (unsigned)config_error_line(&tree);
	config_destroy(&tree);
	fclose(stream);
	return out;
}

/* Libconfig makes the same of the tokens as of the text, line by line. */
static void
check_tokens(const struct scanned *scanned, const char *text)
{
	/* The scan skips a byte order mark, which libconfig does not know. */
	bool is_marked = strncmp(text, "\xef\xbb\xbf", 3) == 0;
	unsigned line, again_line;
	char *out = understood(text + (is_marked ? 3 : 0), &line);
	char *again = understood(scanned->text.data, &again_line);

	REQUIRE((line == 0) == (again_line == 0));
	REQUIRE(strcmp(out, again) == 0);
	if (again_line > 0 && again_line <= scanned->count)
		REQUIRE(scanned->tokens[again_line - 1].line == line);
	free(out);
	free(again);
}

static void
check_scan(const char *text, size_t size)
{
	struct errors errors = { 0 };
	struct scanned scanned;

	if (config_scan(&scanned, "fuzz.conf", text, size, &errors)) {
		check_integers(scanned.text.data);
		if (errors.count == 0)
			check_tokens(&scanned, text);
	}
	scanned_free(&scanned);
	errors_free(&errors);
}

/* An input names no file of the machine that it is run on. */
static bool
names_a_file(const uint8_t *data, size_t size)
{
	return memmem(data, size, "@include", 8) != NULL;
}

int
fuzz_config(const uint8_t *data, size_t size)
{
	struct errors errors = { 0 };
	struct config config;
	char *text;

	if (names_a_file(data, size))
		return 0;
	text = calloc(1, size + 2);
	REQUIRE(text != NULL);
	memcpy(text, data, size);
	/* libconfig 1.5 wants it behind a comment. */
	text[size] = '\n';
	config_parse(&config, "fuzz.conf", text, size + 1, &errors);
	check_errors(&errors);
	if (errors.count == 0) {
		check_config(&config);
		check_dump(&config);
	}
	check_scan(text, size + 1);
	config_free(&config);
	errors_free(&errors);
	free(text);
	return 0;
}
