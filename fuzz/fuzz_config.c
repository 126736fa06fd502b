/* SPDX-License-Identifier: MIT */
/* fuzz_config: load any text as a configuration, then load its dump. */
#include "config/defaults.h"
#include "config/dump.h"
#include "config/load.h"

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

/* Skip such inputs: they would read files of this machine. */
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

	if (size == 0 || names_a_file(data, size))
		return 0;
	config_parse(&config, "fuzz.conf", (const char *)data, size, &errors);
	check_errors(&errors);
	if (errors.count == 0) {
		check_config(&config);
		check_dump(&config);
	}
	config_free(&config);
	errors_free(&errors);
	return 0;
}
