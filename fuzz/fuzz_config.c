/* SPDX-License-Identifier: MIT */
/* fuzz_config: any text as a configuration, and its dump as another. */
#include "config/config.h"

#include "fuzz.h"

/*
 * libconfig 1.5 leaks strings that stand where none may or that do not end:
 * what its scanner allocates is all that LeakSanitizer is not to report.
 */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static void
check_faults(const struct faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		const struct fault *fault = &faults->list[i];

		REQUIRE(strcmp(fault->file, "fuzz.conf") == 0);
		REQUIRE(fault->text && *fault->text);
		REQUIRE(i == 0 || faults->list[i - 1].line <= fault->line);
	}
}

/* What holds of any configuration that is used. */
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

		REQUIRE(l->port >= 0 && l->port <= UINT16_MAX);
		REQUIRE(l->name || l->port == 0);
		REQUIRE(l->address && l->framing >= 0 && l->output_set != 0);
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

/* The dump of a configuration loads to the same, or what it dumps says. */
static void
check_dump(const struct config *config)
{
	struct faults faults = { 0 };
	struct config again;
	size_t size, again_size;
	char *text = dump(config, &size), *again_text;

	config_parse(&again, "fuzz.conf", text, size, &faults);
	for (size_t i = 0; i < faults.count; i++)
		fprintf(stderr, "dump:%u: %s\n", faults.list[i].line,
			faults.list[i].text);
	REQUIRE(faults.count == 0);
	again_text = dump(&again, &again_size);
	REQUIRE(fuzz_same(text, size, again_text, again_size));
	free(again_text);
	config_free(&again);
	faults_free(&faults);
	free(text);
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
	struct faults faults = { 0 };
	struct config config;

	if (size == 0 || names_a_file(data, size))
		return 0;
	config_parse(&config, "fuzz.conf", (const char *)data, size, &faults);
	check_faults(&faults);
	if (faults.count == 0) {
		check_config(&config);
		check_dump(&config);
	}
	config_free(&config);
	faults_free(&faults);
	return 0;
}
