/* SPDX-License-Identifier: MIT */
/*
 * config/: a file (load.h) or a command line (command_line.h) to one struct
 * config, with every error.  Once it is loaded, all threads read it unlocked.
 *
 * config: this structure.  Numbers and enumerations have four bytes each, as
 * the table of options (options.h) expects.
 */
#ifndef PORTLOG_CONFIG_CONFIG_H
#define PORTLOG_CONFIG_CONFIG_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/prefix_table.h"
#include "record/format.h"
#include "record/framer.h"

enum connection_notes { NOTES_NONE, NOTES_CLOSED, NOTES_ALL };

enum output_type {
	OUTPUT_STDOUT,
	OUTPUT_FILE,
	OUTPUT_SYSLOG,
	OUTPUT_JOURNAL,
	OUTPUT_UNKNOWN, /* while reading: its setting is wrong */
};

/* The most outputs: each is a bit of output_mask. */
#define CONFIG_OUTPUTS 64

/* When an output's file is on the disk. */
enum output_sync {
	SYNC_NONE,    /* when the kernel writes it there */
	SYNC_RECEIPT, /* before a stream is closed in order */
	SYNC_ALWAYS,  /* before more is read */
};

/* The size of a Unix socket's path, with a NUL. */
#define CONFIG_UNIX_PATH 108

/* Where a configuration file does not say. */
#define STATUS_SOCKET_DEFAULT "/run/portlog/status.sock"

/* The most multicast groups of a listener: the state has so many places. */
#define CONFIG_GROUPS 64

enum tls_clients {
	TLS_CLIENTS_NONE,
	TLS_CLIENTS_OPTIONAL,
	TLS_CLIENTS_REQUIRED
};

enum tls_versions { TLS_VERSIONS_1_2, TLS_VERSIONS_1_3 };

struct limits {
	unsigned max_record; /* bytes */
	unsigned max_connections;
	unsigned max_connections_per_source; /* 0: no limit */
	unsigned idle_timeout_s;             /* 0: never */
	unsigned flush_timeout_ms;           /* 0: never */
	unsigned receive_buffer;             /* bytes, of each UDP socket */
	unsigned rate_records; /* of a source, a second; 0: no limit */
	unsigned rate_bytes;
	unsigned rate_burst_s; /* how many seconds' worth at once */
	enum connection_notes connection_notes;
};

struct names {
	char **list;
	size_t count;
};

/* What the log calls a peer, or the peers of a network. */
struct peer_name {
	char *address;
	char *name;
};

/* See peer_names.h. */
struct peer_names {
	struct peer_name *list;
	size_t count;
	struct prefix_table networks; /* each value is a place in the list */
};

/* How a listener's connections are encrypted, and by whom they may be. */
struct config_tls {
	char *file; /* where it stands in the configuration, for errors */
	unsigned line;
	char *certificate;
	char *key;
	enum tls_clients clients;
	char *authorities;          /* NULL: none */
	char *revoked;              /* NULL: none */
	struct names names;         /* see tls_names.h; none: any name */
	struct names fingerprints;  /* "sha256:" and small hexadecimal digits */
	enum tls_versions versions; /* the least */
};

struct listener_config {
	char *name; /* NULL: "tcp/PORT", once the kernel has chosen it */
	enum protocol protocol;
	char *address;       /* "*" or numeric */
	unsigned port;       /* 0: any that is free */
	unsigned last_port;  /* while reading: of a range; 0: one port */
	char *interface;     /* NULL: any */
	struct names groups; /* UDP: multicast addresses */
	unsigned threads;    /* UDP: that read, each from its own socket */
	char *path;          /* of a Unix socket, as the next two */
	unsigned mode;
	char *group;    /* NULL: that of the process */
	gid_t group_id; /* of it */
	enum framing framing;
	struct framing_settings framing_settings;
	struct names outputs;
	uint64_t output_mask;      /* bit n: it writes to config->outputs[n] */
	struct prefix_table allow; /* sorted, as the next; empty: everybody */
	struct prefix_table deny;
	struct prefix_table proxies; /* sorted: who sends a PROXY header */
	unsigned admission_timeout_s;
	struct config_tls *tls; /* NULL: none */
	unsigned fold_empty;    /* boolean */
	struct limits limits;
	const struct peer_names *peer_names; /* of the whole configuration */
};

/* The default of max_line depends on where a stream leads, once it is open. */
#define MAX_LINE_UNSET UINT_MAX

/* Without max_size there is none. */
#define KEEP_UNSET UINT_MAX

/* In keep_free: the rest is a percentage of the file system, not bytes. */
#define CONFIG_PERCENT 0x80000000U

struct output_config {
	char *name;
	enum output_type type;
	enum format format;
	unsigned max_line; /* bytes; 0: no limit */
	char *path;
	unsigned mode;
	unsigned max_size;  /* bytes of a file; 0: no limit */
	unsigned keep;      /* files with a number, once they are full */
	unsigned keep_free; /* bytes, or CONFIG_PERCENT with 1 to 99 */
	enum output_sync sync;
	unsigned sync_interval_ms;   /* 0: for receipts alone */
	unsigned facility, severity; /* codes of RFC 5424, 6.2.1 */
	char *ident;
};

/* Owns all that it points to: config_free().  const once it is loaded. */
struct config {
	struct listener_config *listeners;
	size_t listener_count;
	struct output_config *outputs;
	size_t output_count;
	struct peer_names peer_names;
	struct limits limits;
	char *status_socket; /* a path; "": none */
	unsigned backlog;
	unsigned shutdown_timeout_s;
	unsigned source_prefix_v6; /* bits: what is one source */
	unsigned confine;          /* boolean: see confine.h */
	/*
	 * Of what its file and those that it includes say, without comments
	 * and spaces, however it is spread over them; 0: there is no file.
	 */
	uint64_t hash;
};

#endif
