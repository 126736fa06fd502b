/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/memory.h"
#include "base/prefix_table.h"
#include "config/expect.h"

#define NAME_BYTES 64

const struct token *
reader_token(const struct reader *r, unsigned line)
{
	const struct scanned *s = &r->scanned;

	if (line == 0 || line > s->count)
		line = (unsigned)s->count;
	return &s->tokens[line - 1];
}

const struct token *
setting_token(const struct reader *r, const config_setting_t *setting)
{
	const struct token *token =
		reader_token(r, config_setting_source_line(setting));

	/* libconfig has read on behind a string of a list. */
	if (!config_setting_name(setting) &&
	    config_setting_type(setting) == CONFIG_TYPE_STRING)
		while (token->first != '"')
			token--;
	return token;
}

void
error_at(struct reader *r, const config_setting_t *setting, const char *format,
	 ...)
{
	const struct token *token = setting_token(r, setting);
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	errors_add(r->errors, token->file, token->line, "%s", text);
}

bool
value_is_reported(const struct reader *r, const config_setting_t *setting)
{
	if (!config_setting_name(setting))
		setting = config_setting_parent(setting);
	return setting_token(r, setting)->is_reported;
}

/* A number as it was written: 1e3 is not shown as 1000. */
static void
describe_number(const struct reader *r, char out[128],
		const config_setting_t *setting)
{
	const struct token *token = setting_token(r, setting);
	const char *text;

	/* NAME, "=", VALUE. */
	if (config_setting_name(setting))
		token += 2;
	text = r->scanned.text.data + token->offset;
	snprintf(out, 128, "%.*s", (int)strcspn(text, "\n"), text);
}

/* What a setting is, in words and with its value where that is short. */
static void
describe(const struct reader *r, char out[128], const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(out, 128, "%lld", config_setting_get_int64(setting));
		break;
	case CONFIG_TYPE_FLOAT:
		describe_number(r, out, setting);
		break;
	case CONFIG_TYPE_STRING:
		snprintf(out, 128, "\"%.100s\"",
			 config_setting_get_string(setting));
		break;
	case CONFIG_TYPE_BOOL:
		snprintf(out, 128, "%s",
			 config_setting_get_bool(setting) ? "true" : "false");
		break;
	case CONFIG_TYPE_GROUP:
		snprintf(out, 128, "a group");
		break;
	case CONFIG_TYPE_ARRAY:
		snprintf(out, 128, "an array");
		break;
	default:
		snprintf(out, 128, "a list");
		break;
	}
}

void
value_wrong_type(struct reader *r, const config_setting_t *setting,
		 const char *expected)
{
	const char *name = config_setting_name(setting);
	char found[128];

	if (value_is_reported(r, setting))
		return;
	describe(r, found, setting);
	error_at(r, setting, "%s%sfound %s, expected %s", name ? name : "",
		 name ? ": " : "", found, expected);
}

static void
read_integer(struct reader *r, const config_setting_t *setting,
	     const struct option *option, unsigned *field)
{
	int type = config_setting_type(setting);
	long long value = config_setting_get_int64(setting);
	char expected[80];

	/* libconfig gives an int for an int64 on its own, and 0 for others. */
	if (type == CONFIG_TYPE_INT)
		value = config_setting_get_int(setting);
	if ((type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64) &&
	    value >= option->min && value <= option->max) {
		*field = (unsigned)value;
		return;
	}
	snprintf(expected, sizeof expected, "an integer from %u to %u",
		 option->min, option->max);
	value_wrong_type(r, setting, expected);
}

static bool
parse_range(const char *text, unsigned ports[2])
{
	size_t digits = strcspn(text, "-");
	uint16_t first, last;
	char copy[8];

	snprintf(copy, sizeof copy, "%.*s", (int)digits, text);
	if (digits >= sizeof copy || text[digits] == '\0' ||
	    !address_parse_port(copy, &first) ||
	    !address_parse_port(text + digits + 1, &last) || first == 0 ||
	    first > last)
		return false;
	ports[0] = first;
	ports[1] = last;
	return true;
}

static void
read_ports(struct reader *r, const config_setting_t *setting,
	   const struct option *option, unsigned ports[2])
{
	const char *range = config_setting_get_string(setting);

	if (!range)
		read_integer(r, setting, option, ports);
	else if (!parse_range(range, ports))
		value_wrong_type(r, setting,
				 "an integer from 0 to 65535, or a range such "
				 "as \"5000-5019\"");
}

static void
read_choice(struct reader *r, const config_setting_t *setting,
	    const struct option *option, unsigned *field)
{
	const char *value = config_setting_get_string(setting);
	char expected[300] = "one of ";
	size_t used = strlen(expected);

	for (long i = 0; option->choices[i]; i++) {
		if (value && strcmp(value, option->choices[i]) == 0) {
			*field = (unsigned)i;
			return;
		}
		used += (size_t)snprintf(expected + used,
					 sizeof expected - used, "%s\"%s\"",
					 i > 0 ? ", " : "", option->choices[i]);
	}
	value_wrong_type(r, setting, expected);
}

static void
read_boolean(struct reader *r, const config_setting_t *setting, unsigned *field)
{
	if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
		*field = (unsigned)config_setting_get_bool(setting);
	else
		value_wrong_type(r, setting, "true or false");
}

static void
read_mode(struct reader *r, const config_setting_t *setting, unsigned *field)
{
	const char *value = config_setting_get_string(setting);
	size_t digits = value ? strspn(value, "01234567") : 0;

	if (digits < 3 || digits > 4 || value[digits] != '\0' ||
	    strtol(value, NULL, 8) > 0777)
		value_wrong_type(r, setting,
				 "octal digits in quotes, such as \"0640\"");
	else
		*field = (unsigned)strtoul(value, NULL, 8);
}

bool
value_is_name(const char *value)
{
	size_t size = 0;

	for (; value[size]; size++)
		if (value[size] <= ' ' || value[size] > '~')
			return false;
	return size > 0 && size <= NAME_BYTES;
}

/* "1%" to "99%"; 0: it is none of these. */
static unsigned
parse_percentage(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits > 2 || text[0] == '0' || strcmp(text + digits, "%") != 0)
		return 0;
	return (unsigned)strtoul(text, NULL, 10);
}

static void
read_space(struct reader *r, const config_setting_t *setting,
	   const struct option *option, unsigned *field)
{
	const char *text = config_setting_get_string(setting);
	unsigned percentage = text ? parse_percentage(text) : 0;

	if (!text)
		read_integer(r, setting, option, field);
	else if (percentage > 0)
		*field = CONFIG_PERCENT | percentage;
	else
		value_wrong_type(r, setting,
				 "bytes, or a percentage from \"1%\" to "
				 "\"99%\"");
}

/* What a string of that type must be, or NULL if value is.  NULL: no string. */
static const char *
wrong_string(enum option_type type, const char *value,
	     char expected[NETWORK_EXPECTED])
{
	struct network network;

	if (type == OPTION_SOCKET)
		return value && !*value ? NULL
					: expect_unix_path(value ? value : "");
	/* "" is what none of the others may be. */
	value = value ? value : "";
	if (type == OPTION_NAME)
		return value_is_name(value) ? NULL : VALUE_NAME;
	if (type == OPTION_TEXT)
		return *value ? NULL : "a string that is not empty";
	if (type == OPTION_NETWORK)
		return network_parse(&network, value, expected) ? NULL
								: expected;
	return type == OPTION_PATH ? expect_path(value) : expect_address(value);
}

static void
read_string(struct reader *r, const config_setting_t *setting,
	    const struct option *option, char **field)
{
	const char *value = config_setting_get_string(setting);
	char expected[NETWORK_EXPECTED];
	const char *wrong = wrong_string(option->type, value, expected);

	if (wrong) {
		value_wrong_type(r, setting, wrong);
		return;
	}
	free(*field);
	*field = memory_copy(value);
}

/* libconfig has replaced its own escapes, "\r" among them, by their bytes. */
static void
read_delimiter(struct reader *r, const config_setting_t *setting,
	       struct delimiter *delimiter)
{
	const char *value = config_setting_get_string(setting);
	unsigned char bytes[ESCAPE_GROWTH * FRAMING_DELIMITER_BYTES];
	size_t size = value ? strlen(value) : 0, bad_offset;
	long count = 0;

	if (size <= sizeof bytes)
		count = unescape(bytes, value, size, &bad_offset);
	if (count < 1 || count > FRAMING_DELIMITER_BYTES) {
		value_wrong_type(r, setting,
				 "1 to 8 bytes in quotes, such as \"\\r\"");
		return;
	}
	delimiter->size = (unsigned)count;
	memcpy(delimiter->bytes, bytes, delimiter->size);
}

static bool
is_sequence(const config_setting_t *setting)
{
	int type = config_setting_type(setting);

	return type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST;
}

static void
read_names(struct reader *r, const config_setting_t *setting,
	   struct names *names)
{
	int count = config_setting_length(setting);

	if (!is_sequence(setting)) {
		value_wrong_type(r, setting, "names: [ \"...\" ]");
		return;
	}
	names->list = memory_zeroed((size_t)count, sizeof *names->list);
	for (int i = 0; i < count; i++) {
		config_setting_t *item =
			config_setting_get_elem(setting, (unsigned)i);
		const char *value = config_setting_get_string(item);

		if (value)
			names->list[names->count++] = memory_copy(value);
		else
			value_wrong_type(r, item, "a name in quotes");
	}
}

/* An empty list could be meant as nobody, and would be everybody. */
static void
read_networks(struct reader *r, const config_setting_t *setting,
	      struct prefix_table *table)
{
	int count = config_setting_length(setting);

	if (!is_sequence(setting) || count == 0)
		value_wrong_type(r, setting,
				 "one or more networks: [ \"192.0.2.0/24\" ]");
	for (int i = 0; is_sequence(setting) && i < count; i++) {
		config_setting_t *item =
			config_setting_get_elem(setting, (unsigned)i);
		const char *value = config_setting_get_string(item);
		char expected[NETWORK_EXPECTED];
		struct network network;

		if (network_parse(&network, value ? value : "", expected))
			prefix_table_add(table, &network, 0);
		else
			value_wrong_type(r, item, expected);
	}
	prefix_table_sort(table);
}

bool
value_read(struct reader *r, const config_setting_t *setting,
	   const struct option *option, void *target)
{
	void *field = (char *)target + option->offset;
	size_t errors = r->errors->count;

	if (value_is_reported(r, setting))
		return false;
	switch (option->type) {
	case OPTION_INTEGER:
		read_integer(r, setting, option, field);
		break;
	case OPTION_PORTS:
		read_ports(r, setting, option, field);
		break;
	case OPTION_CHOICE:
		read_choice(r, setting, option, field);
		break;
	case OPTION_BOOLEAN:
		read_boolean(r, setting, field);
		break;
	case OPTION_MODE:
		read_mode(r, setting, field);
		break;
	case OPTION_SPACE:
		read_space(r, setting, option, field);
		break;
	case OPTION_NAME:
	case OPTION_ADDRESS:
	case OPTION_NETWORK:
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_SOCKET:
		read_string(r, setting, option, field);
		break;
	case OPTION_DELIMITER:
		read_delimiter(r, setting, field);
		break;
	case OPTION_NAMES:
		read_names(r, setting, field);
		break;
	case OPTION_NETWORKS:
		read_networks(r, setting, field);
		break;
	case OPTION_GROUP:
	case OPTION_LIST:
		break; /* once the settings before them are known */
	}
	return r->errors->count == errors;
}
