/* SPDX-License-Identifier: MIT */
#include "config/dump.h"

#include <limits.h>

#include "base/escape.h"
#include "config/config.h"
#include "config/options.h"

/* Print a string with the escapes of libconfig. */
static void
put_string(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

static void
put_delimiter(FILE *out, const struct delimiter *delimiter)
{
	char text[ESCAPE_GROWTH * FRAMING_DELIMITER_BYTES + 1];
	size_t size = delimiter->size;

	text[escape(text, sizeof text, delimiter->bytes, &size)] = '\0';
	put_string(out, text);
}

static void
put_names(FILE *out, const struct names *names)
{
	fputs("[ ", out);
	for (size_t i = 0; i < names->count; i++) {
		fputs(i > 0 ? ", " : "", out);
		put_string(out, names->list[i]);
	}
	fputs(" ]", out);
}

static void
put_space(FILE *out, unsigned value)
{
	if (value & CONFIG_PERCENT)
		fprintf(out, "\"%u%%\"", value & ~CONFIG_PERCENT);
	else
		fprintf(out, "%u", value);
}

static void
put_networks(FILE *out, const struct prefix_table *table)
{
	char text[NETWORK_TEXT];

	fputs("[ ", out);
	for (size_t i = 0; i < table->count; i++) {
		network_format(&table->list[i].network, text);
		fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", text);
	}
	fputs(" ]", out);
}

static void
put_value(FILE *out, const struct option *option, const void *target)
{
	const void *field = (const char *)target + option->offset;

	switch (option->type) {
	case OPTION_INTEGER:
	case OPTION_PORTS:
		fprintf(out, "%u", option_get(option, target));
		break;
	case OPTION_CHOICE:
		put_string(out, option->choices[option_get(option, target)]);
		break;
	case OPTION_BOOLEAN:
		fputs(option_get(option, target) ? "true" : "false", out);
		break;
	case OPTION_MODE:
		fprintf(out, "\"%04o\"", option_get(option, target));
		break;
	case OPTION_SPACE:
		put_space(out, option_get(option, target));
		break;
	case OPTION_NAME:
	case OPTION_ADDRESS:
	case OPTION_NETWORK:
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_SOCKET:
		put_string(out, *(char *const *)field);
		break;
	case OPTION_DELIMITER:
		put_delimiter(out, field);
		break;
	case OPTION_NAMES:
		put_names(out, field);
		break;
	case OPTION_NETWORKS:
		put_networks(out, field);
		break;
	case OPTION_GROUP:
	case OPTION_LIST:
		break;
	}
}

/* Whether there is no value to print: no interface, every output. */
static bool
is_unset(const struct option *option, const void *target)
{
	const void *field = (const char *)target + option->offset;

	switch (option->type) {
	case OPTION_NAME:
	case OPTION_ADDRESS:
	case OPTION_NETWORK:
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_SOCKET:
		return *(char *const *)field == NULL;
	case OPTION_NAMES:
		return ((const struct names *)field)->count == 0;
	case OPTION_NETWORKS:
		return ((const struct prefix_table *)field)->count == 0;
	case OPTION_GROUP:
	case OPTION_LIST:
		return true;
	case OPTION_INTEGER:
		return option_get(option, target) > option->max;
	case OPTION_PORTS:
	case OPTION_CHOICE:
	case OPTION_BOOLEAN:
	case OPTION_MODE:
	case OPTION_SPACE:
	case OPTION_DELIMITER:
		break;
	}
	return false;
}

#define EVERY_KIND UINT_MAX

/* Print the options for these kinds of listener or output. */
static void
put_options(FILE *out, const char *indent, const struct option *table,
	    const void *target, unsigned kinds)
{
	for (; table->name; table++) {
		if (is_unset(table, target) || !option_applies(table, kinds))
			continue;
		fprintf(out, "%s%s = ", indent, table->name);
		put_value(out, table, target);
		fputs(";\n", out);
	}
}

static void
put_peer_names(FILE *out, const struct peer_names *names)
{
	if (names->count == 0)
		return;
	fputs("names = (\n", out);
	for (size_t i = 0; i < names->count; i++) {
		fputs("  {\n", out);
		put_options(out, "    ", config_name_options, &names->list[i],
			    EVERY_KIND);
		fputs(i + 1 < names->count ? "  },\n" : "  }\n", out);
	}
	fputs(");\n\n", out);
}

static void
put_listener(FILE *out, const struct listener_config *l)
{
	put_options(out, "    ", config_listener_options, l,
		    option_listener_kinds(l));
	if (!l->tls)
		return;
	fputs("    tls = {\n", out);
	put_options(out, "      ", config_tls_options, l->tls, EVERY_KIND);
	fputs("    };\n", out);
}

void
config_dump(const struct config *config, FILE *out)
{
	put_options(out, "", config_top_options, config, EVERY_KIND);
	fputs("\nlimits = {\n", out);
	put_options(out, "  ", config_limits_options, config, EVERY_KIND);
	fputs("};\n\n", out);
	put_peer_names(out, &config->peer_names);
	fputs("listeners = (\n", out);
	for (size_t i = 0; i < config->listener_count; i++) {
		fputs("  {\n", out);
		put_listener(out, &config->listeners[i]);
		fputs(i + 1 < config->listener_count ? "  },\n" : "  }\n", out);
	}
	fputs(");\n\noutputs = (\n", out);
	for (size_t i = 0; i < config->output_count; i++) {
		const struct output_config *o = &config->outputs[i];

		fputs("  {\n", out);
		put_options(out, "    ", config_output_options, o,
			    option_output_kinds(o));
		fputs(i + 1 < config->output_count ? "  },\n" : "  }\n", out);
	}
	fputs(");\n", out);
}
