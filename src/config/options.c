/* SPDX-License-Identifier: MIT */
#include "config/options.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"

/* In the order of their enumerations. */
static const char *const protocols[] = { "tcp", "udp", "unix-stream",
					 "unix-datagram", NULL };
static const char *const framings[] = {
	[FRAMING_LINE] = "line",     [FRAMING_LF] = "lf",
	[FRAMING_NUL] = "nul",       [FRAMING_OCTET_COUNTED] = "octet-counted",
	[FRAMING_CHUNK] = "chunk",   [FRAMING_DATAGRAM] = "datagram",
	[FRAMING_EXACT] = "exact",   [FRAMING_DELIMITER] = "delimiter",
	[FRAMING_LENGTH] = "length", [FRAMING_LENGTH + 1] = NULL,
};
static const char *const length_orders[] = { "big", "little", NULL };
static const char *const tls_clients[] = { "none", "optional", "required",
					   NULL };
static const char *const tls_versions[] = { "1.2", "1.3", NULL };
static const char *const notes[] = { "none", "closed", "all", NULL };
const char *const config_output_types[] = { "stdout", "file", "syslog",
					    "journal", NULL };
const char *const config_output_syncs[] = { "none", "receipt", "always", NULL };
const char *const config_formats[] = { "text", "json", "raw", NULL };

/* The keywords of syslog.conf(5); 12 to 15 as RFC 5424 describes them. */
static const char *const facilities[] = {
	"kern",   "user",   "mail",   "daemon",   "auth",   "syslog", "lpr",
	"news",   "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",
	"alert",  "clock",  "local0", "local1",   "local2", "local3", "local4",
	"local5", "local6", "local7", NULL,
};
static const char *const severities[] = { "emerg", "alert",   "crit",
					  "err",   "warning", "notice",
					  "info",  "debug",   NULL };

#define TCP (1U << PROTOCOL_TCP)
#define UDP (1U << PROTOCOL_UDP)
#define INTERNET (TCP | UDP)
#define CONNECTIONS (TCP | 1U << PROTOCOL_UNIX_STREAM)
#define UNIX (1U << PROTOCOL_UNIX_STREAM | 1U << PROTOCOL_UNIX_DATAGRAM)
/* The bits after those of the protocols. */
#define FRAMED(framing) (1U << PROTOCOL_NONE << (framing))
#define STREAMS (1U << OUTPUT_STDOUT | 1U << OUTPUT_FILE)
#define FILES (1U << OUTPUT_FILE)
#define MESSAGES (1U << OUTPUT_SYSLOG | 1U << OUTPUT_JOURNAL)

/* option_set() writes as many bytes as unsigned has. */
static_assert(sizeof(enum framing) == sizeof(unsigned) &&
		      sizeof(enum protocol) == sizeof(unsigned) &&
		      sizeof(enum format) == sizeof(unsigned) &&
		      sizeof(enum output_type) == sizeof(unsigned) &&
		      sizeof(enum length_order) == sizeof(unsigned) &&
		      sizeof(enum tls_clients) == sizeof(unsigned) &&
		      sizeof(enum tls_versions) == sizeof(unsigned) &&
		      sizeof(enum connection_notes) == sizeof(unsigned),
	      "an enumeration of another size than the table expects");

#define INTEGER(key, field, low, high, value)                                  \
	.name = (key), .type = OPTION_INTEGER, .offset = (field),              \
	.min = (low), .max = (high), .initial = (value)
#define CHOICE(key, field, list, value)                                        \
	.name = (key), .type = OPTION_CHOICE, .offset = (field),               \
	.choices = (list), .initial = (value)
#define STRING(key, kind, field, value)                                        \
	.name = (key), .type = (kind), .offset = (field), .text = (value)

#define NETWORKS(key, field)                                                   \
	.name = (key), .type = OPTION_NETWORKS, .offset = (field)

/* The settings of limits and of every listener, in field `in` of struct s. */
#define LIMITS(s, in)                                                          \
	{ INTEGER("max_record", offsetof(s, in max_record), 1, 1048576,        \
		  65536) },                                                    \
		{ INTEGER("max_connections", offsetof(s, in max_connections),  \
			  1, 1000000, 1024),                                   \
		  .applies = CONNECTIONS },                                    \
		{ INTEGER("max_connections_per_source",                        \
			  offsetof(s, in max_connections_per_source), 0,       \
			  1000000, 0),                                         \
		  .applies = CONNECTIONS },                                    \
		{ INTEGER("idle_timeout", offsetof(s, in idle_timeout_s), 0,   \
			  31536000, 0),                                        \
		  .applies = CONNECTIONS },                                    \
		{ INTEGER("flush_timeout", offsetof(s, in flush_timeout_ms),   \
			  0, 86400000, 1000),                                  \
		  .applies = CONNECTIONS },                                    \
		{ INTEGER("receive_buffer", offsetof(s, in receive_buffer), 1, \
			  1073741823, 8388608),                                \
		  .applies = UDP },                                            \
		{ INTEGER("rate_records", offsetof(s, in rate_records), 0,     \
			  INT_MAX, 0) },                                       \
		{ INTEGER("rate_bytes", offsetof(s, in rate_bytes), 0,         \
			  INT_MAX, 0) },                                       \
	{                                                                      \
		INTEGER("rate_burst", offsetof(s, in rate_burst_s), 1, 3600,   \
			10)                                                    \
	}

const struct option config_top_options[] = {
	{ .name = "listeners", .type = OPTION_LIST },
	{ .name = "outputs", .type = OPTION_LIST },
	{ .name = "limits", .type = OPTION_GROUP },
	{ .name = "names", .type = OPTION_LIST },
	{ STRING("status_socket", OPTION_SOCKET,
		 offsetof(struct config, status_socket),
		 STATUS_SOCKET_DEFAULT) },
	{ CHOICE("connection_notes",
		 offsetof(struct config, limits.connection_notes), notes,
		 NOTES_CLOSED) },
	{ .name = "confine",
	  .type = OPTION_BOOLEAN,
	  .offset = offsetof(struct config, confine),
	  .initial = true },
	{ 0 },
};

const struct option config_limits_options[] = {
	LIMITS(struct config, limits.),
	{ INTEGER("source_prefix_v6", offsetof(struct config, source_prefix_v6),
		  1, 128, 64) },
	{ INTEGER("backlog", offsetof(struct config, backlog), 1, INT_MAX,
		  4096) },
	{ INTEGER("shutdown_timeout",
		  offsetof(struct config, shutdown_timeout_s), 0, 86400, 5) },
	{ 0 },
};

const struct option config_name_options[] = {
	{ STRING("address", OPTION_NETWORK, offsetof(struct peer_name, address),
		 NULL),
	  .required = true },
	{ STRING("name", OPTION_NAME, offsetof(struct peer_name, name), NULL),
	  .required = true },
	{ 0 },
};

const struct option config_listener_options[] = {
	{ CHOICE("protocol", offsetof(struct listener_config, protocol),
		 protocols, PROTOCOL_TCP),
	  .required = true },
	{ .name = "port",
	  .type = OPTION_PORTS,
	  .offset = offsetof(struct listener_config, port),
	  .max = 65535,
	  .applies = INTERNET,
	  .required = true },
	{ STRING("address", OPTION_ADDRESS,
		 offsetof(struct listener_config, address), "*"),
	  .applies = INTERNET },
	{ STRING("interface", OPTION_NAME,
		 offsetof(struct listener_config, interface), NULL),
	  .applies = INTERNET },
	{ .name = "groups",
	  .type = OPTION_NAMES,
	  .offset = offsetof(struct listener_config, groups),
	  .applies = UDP },
	{ INTEGER("threads", offsetof(struct listener_config, threads), 1, 64,
		  1),
	  .applies = UDP },
	{ STRING("path", OPTION_TEXT, offsetof(struct listener_config, path),
		 NULL),
	  .applies = UNIX, .required = true },
	{ .name = "mode",
	  .type = OPTION_MODE,
	  .offset = offsetof(struct listener_config, mode),
	  .initial = 0660,
	  .applies = UNIX },
	{ STRING("group", OPTION_NAME, offsetof(struct listener_config, group),
		 NULL),
	  .applies = UNIX },
	{ STRING("name", OPTION_NAME, offsetof(struct listener_config, name),
		 NULL) },
	/* The default depends on the protocol: config_complete_listeners(). */
	{ CHOICE("framing", offsetof(struct listener_config, framing), framings,
		 FRAMING_UNSET) },
	{ .name = "delimiter",
	  .type = OPTION_DELIMITER,
	  .offset =
		  offsetof(struct listener_config, framing_settings.delimiter),
	  .applies = FRAMED(FRAMING_DELIMITER),
	  .required = true },
	{ .name = "length_bytes",
	  .type = OPTION_INTEGER,
	  .offset = offsetof(struct listener_config,
			     framing_settings.length_bytes),
	  .min = 1,
	  .max = 4,
	  .applies = FRAMED(FRAMING_LENGTH),
	  .required = true },
	{ CHOICE("length_order",
		 offsetof(struct listener_config,
			  framing_settings.length_order),
		 length_orders, LENGTH_BIG),
	  .applies = FRAMED(FRAMING_LENGTH) },
	{ .name = "length_includes_itself",
	  .type = OPTION_BOOLEAN,
	  .offset = offsetof(struct listener_config,
			     framing_settings.length_includes_itself),
	  .applies = FRAMED(FRAMING_LENGTH) },
	{ .name = "outputs",
	  .type = OPTION_NAMES,
	  .offset = offsetof(struct listener_config, outputs) },
	{ NETWORKS("allow", offsetof(struct listener_config, allow)),
	  .applies = INTERNET },
	{ NETWORKS("deny", offsetof(struct listener_config, deny)),
	  .applies = INTERNET },
	{ NETWORKS("proxies", offsetof(struct listener_config, proxies)),
	  .applies = TCP },
	{ INTEGER("admission_timeout",
		  offsetof(struct listener_config, admission_timeout_s), 3,
		  3600, 10),
	  .applies = TCP },
	{ .name = "tls", .type = OPTION_GROUP, .applies = TCP },
	{ .name = "fold_empty",
	  .type = OPTION_BOOLEAN,
	  .offset = offsetof(struct listener_config, fold_empty) },
	LIMITS(struct listener_config, limits.),
	{ CHOICE("connection_notes",
		 offsetof(struct listener_config, limits.connection_notes),
		 notes, NOTES_CLOSED),
	  .applies = CONNECTIONS },
	{ 0 },
};

const struct option config_tls_options[] = {
	{ STRING("certificate", OPTION_TEXT,
		 offsetof(struct config_tls, certificate), NULL),
	  .required = true },
	{ STRING("key", OPTION_TEXT, offsetof(struct config_tls, key), NULL),
	  .required = true },
	{ CHOICE("clients", offsetof(struct config_tls, clients), tls_clients,
		 TLS_CLIENTS_NONE) },
	{ STRING("authorities", OPTION_TEXT,
		 offsetof(struct config_tls, authorities), NULL) },
	{ STRING("revoked", OPTION_TEXT, offsetof(struct config_tls, revoked),
		 NULL) },
	{ .name = "names",
	  .type = OPTION_NAMES,
	  .offset = offsetof(struct config_tls, names) },
	{ .name = "fingerprints",
	  .type = OPTION_NAMES,
	  .offset = offsetof(struct config_tls, fingerprints) },
	{ CHOICE("versions", offsetof(struct config_tls, versions),
		 tls_versions, TLS_VERSIONS_1_2) },
	{ 0 },
};

const struct option config_output_options[] = {
	{ CHOICE("type", offsetof(struct output_config, type),
		 config_output_types, OUTPUT_STDOUT),
	  .required = true },
	{ STRING("name", OPTION_TEXT, offsetof(struct output_config, name),
		 NULL) },
	{ CHOICE("format", offsetof(struct output_config, format),
		 config_formats, FORMAT_TEXT),
	  .applies = STREAMS },
	/* The default depends on the type: config_complete_outputs(). */
	{ INTEGER("max_line", offsetof(struct output_config, max_line), 0,
		  1048576, MAX_LINE_UNSET),
	  .applies = STREAMS | 1U << OUTPUT_SYSLOG },
	{ STRING("path", OPTION_PATH, offsetof(struct output_config, path),
		 NULL),
	  .applies = FILES, .required = true },
	{ .name = "mode",
	  .type = OPTION_MODE,
	  .offset = offsetof(struct output_config, mode),
	  .initial = 0640,
	  .applies = FILES },
	{ INTEGER("max_size", offsetof(struct output_config, max_size), 0,
		  INT_MAX, 0),
	  .applies = FILES },
	/* The default depends on max_size: config_complete_outputs(). */
	{ INTEGER("keep", offsetof(struct output_config, keep), 1, 1000,
		  KEEP_UNSET),
	  .applies = FILES },
	{ .name = "keep_free",
	  .type = OPTION_SPACE,
	  .offset = offsetof(struct output_config, keep_free),
	  .max = INT_MAX,
	  .initial = CONFIG_PERCENT | 5,
	  .applies = FILES },
	{ CHOICE("sync", offsetof(struct output_config, sync),
		 config_output_syncs, SYNC_NONE),
	  .applies = FILES },
	{ INTEGER("sync_interval",
		  offsetof(struct output_config, sync_interval_ms), 0, 3600000,
		  1000),
	  .applies = FILES },
	{ CHOICE("facility", offsetof(struct output_config, facility),
		 facilities, 3),
	  .applies = MESSAGES },
	{ CHOICE("severity", offsetof(struct output_config, severity),
		 severities, 6),
	  .applies = MESSAGES },
	{ STRING("ident", OPTION_NAME, offsetof(struct output_config, ident),
		 "portlogd"),
	  .applies = MESSAGES },
	{ 0 },
};

const struct option *
option_find(const struct option *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

unsigned
option_listener_kinds(const struct listener_config *listener)
{
	unsigned framing = listener->framing == FRAMING_UNSET
				 ? 0
				 : FRAMED(listener->framing);

	return 1U << listener->protocol | framing;
}

unsigned
option_output_kinds(const struct output_config *output)
{
	return 1U << output->type;
}

bool
option_applies(const struct option *option, unsigned kinds)
{
	return option->applies == 0 || option->applies & kinds;
}

int
option_choice(const char *const *choices, const char *name)
{
	for (int i = 0; choices[i]; i++)
		if (strcmp(choices[i], name) == 0)
			return i;
	return -1;
}

unsigned
option_get(const struct option *option, const void *target)
{
	unsigned value;

	memcpy(&value, (const char *)target + option->offset, sizeof value);
	return value;
}

void
option_set(const struct option *option, void *target, unsigned value)
{
	memcpy((char *)target + option->offset, &value, sizeof value);
}

void
options_set_defaults(const struct option *table, void *target)
{
	for (; table->name; table++) {
		char *field = (char *)target + table->offset;

		switch (table->type) {
		case OPTION_INTEGER:
		case OPTION_PORTS:
		case OPTION_CHOICE:
		case OPTION_BOOLEAN:
		case OPTION_MODE:
		case OPTION_SPACE:
			option_set(table, target, table->initial);
			break;
		case OPTION_NAME:
		case OPTION_ADDRESS:
		case OPTION_NETWORK:
		case OPTION_TEXT:
		case OPTION_PATH:
		case OPTION_SOCKET:
			*(char **)(void *)field =
				table->text ? memory_copy(table->text) : NULL;
			break;
		case OPTION_NAMES:
			*(struct names *)(void *)field = (struct names){ 0 };
			break;
		case OPTION_NETWORKS:
			*(struct prefix_table *)(void *)field =
				(struct prefix_table){ 0 };
			break;
		case OPTION_DELIMITER:
			((struct delimiter *)(void *)field)->size = 0;
			break;
		case OPTION_GROUP:
		case OPTION_LIST:
			break;
		}
	}
}
