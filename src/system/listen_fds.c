/* SPDX-License-Identifier: MIT */
#include "system/listen_fds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"
#include "system/saved_bytes.h"
#include "system/socket_match.h"
#include "system/state_legacy.h"

/* sd_listen_fds(3): how many, from *first on; the names are allocated. */
static size_t
take_passed(int *first, char ***names)
{
#ifdef HAVE_LIBSYSTEMD
	int count = sd_listen_fds_with_names(1, names);

	*first = SD_LISTEN_FDS_START;
	return count > 0 ? (size_t)count : 0;
#else
	*first = 0;
	*names = NULL;
	return 0;
#endif
}

/* Take one out: it is the caller's now. */
static int
take(struct listen_fds *in, size_t i)
{
	free(in->names[i]);
	in->names[i] = NULL;
	return in->fds[i];
}

static bool
is_called(const struct listen_fds *in, size_t i, const char *name)
{
	return in->names[i] && strcmp(in->names[i], name) == 0;
}

int
listen_fds_take(struct listen_fds *in, const char *name)
{
	for (size_t i = 0; i < in->count; i++)
		if (is_called(in, i, name))
			return take(in, i);
	return -1;
}

/*
 * The newest: a process that was killed as it started may have left two.  They
 * stay in the fd store until the state of this process is there.
 */
static void
read_state(struct listen_fds *in)
{
	bool any = false;

	for (size_t i = 0; i < in->count; i++) {
		struct state_reader reader;
		uint64_t generation;

		if (!fdstore_is_numbered(in->names[i], FDSTORE_STATE,
					 &generation))
			continue;
		any = true;
		if (generation > in->generation)
			in->generation = generation;
		if (!state_reader_open(&reader, in->fds[i]))
			continue;
		if (reader.header.generation > in->previous.header.generation) {
			state_reader_close(&in->previous);
			in->previous = reader;
		} else {
			state_reader_close(&reader);
		}
	}
	if (!in->previous.data &&
	    !state_legacy_read(&in->previous, in->fds, in->names, in->count))
		diag(LOG_WARNING, "what 0.1.0 has saved of unfinished records "
				  "is damaged");
	if (any && !in->previous.data)
		diag(LOG_WARNING,
		     "cannot understand what was kept over the restart: "
		     "starting anew with what was passed");
}

void
listen_fds_open(struct listen_fds *in)
{
	int first;

	*in = (struct listen_fds){ 0 };
	in->count = take_passed(&first, &in->names);
	in->fds = memory_zeroed(in->count, sizeof *in->fds);
	for (size_t i = 0; i < in->count; i++)
		in->fds[i] = first + (int)i;
	read_state(in);
}

/* Connections that 0.1.0 stored. */
#define STORED_CONNECTION "connection "

static bool
begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool
is_stored_listener(const char *name)
{
	uint64_t cookie;

	return fdstore_is_numbered(name, FDSTORE_LISTENER, &cookie);
}

/* Whether that name was its listener's in the process before this one. */
static bool
had_name(const struct listen_fds *in, size_t i, const char *name)
{
	size_t size = strlen(name);
	struct state_listener entry;

	return state_reader_find_listener(&in->previous,
					  state_cookie(in->fds[i]), &entry) &&
	       strncmp(entry.key, name, size) == 0 && entry.key[size] == ' ';
}

bool
listen_fds_refuse_accepted(const struct listen_fds *in)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->names[i] && !begins(in->names[i], STORED_CONNECTION) &&
		    sockets_is_connection(in->fds[i])) {
			diag(LOG_ERR,
			     "systemd passed a connection, as of a socket unit "
			     "with Accept=yes: expected its listening socket, "
			     "Accept=no");
			return true;
		}
	return false;
}

/* The number of a listener's descriptor; in->count: there is none. */
static size_t
find_listener(const struct listen_fds *in, const struct listener_config *config,
	      const char *name)
{
	char passed[FDSTORE_NAME];
	size_t i;

	fdstore_name(passed, name);
	for (i = 0; i < in->count; i++)
		if (is_called(in, i, passed) &&
		    sockets_is_listener(in->fds[i], config->protocol))
			return i;
	/* Any port will do: then that which it had. */
	for (i = 0; i < in->count; i++)
		if (in->names[i] && sockets_match(in->fds[i], config) &&
		    (!is_stored_listener(in->names[i]) ||
		     sockets_fits_families(in->fds[i], config)) &&
		    (config->port != 0 || config->path ||
		     had_name(in, i, passed)))
			return i;
	return in->count;
}

int
listen_fds_take_listener(struct listen_fds *in,
			 const struct listener_config *config, const char *name,
			 char store_name[FDSTORE_NAME])
{
	size_t i = find_listener(in, config, name);

	store_name[0] = '\0';
	if (i == in->count)
		return -1;
	if (is_stored_listener(in->names[i]))
		snprintf(store_name, FDSTORE_NAME, "%s", in->names[i]);
	return take(in, i);
}

int
listen_fds_take_unwanted(struct listen_fds *in, char store_name[FDSTORE_NAME])
{
	for (size_t i = 0; i < in->count; i++) {
		if (!in->names[i] || !is_stored_listener(in->names[i]))
			continue;
		snprintf(store_name, FDSTORE_NAME, "%s", in->names[i]);
		return take(in, i);
	}
	return -1;
}

int
listen_fds_take_connection(struct listen_fds *in, size_t *next)
{
	uint64_t number;
	int fd;

	while (*next < in->count) {
		size_t i = (*next)++;

		if (!fdstore_is_numbered(in->names[i], STATE_LEGACY_CONNECTION,
					 &number))
			continue;
		fd = in->fds[i];
		in->fds[i] = -1;
		return fd;
	}
	return -1;
}

/* Whether it has saved bytes, and of which generation. */
static bool
is_bytes(const char *name, uint64_t *generation)
{
	*generation = 0;
	return strcmp(name, STATE_LEGACY_BYTES) == 0 ||
	       fdstore_is_numbered(name, FDSTORE_BYTES, generation);
}

unsigned char *
listen_fds_read_bytes(const struct listen_fds *in,
		      const struct state_saved *saved)
{
	uint64_t generation;

	for (size_t i = 0; i < in->count; i++)
		if (in->names[i] && is_bytes(in->names[i], &generation) &&
		    generation == saved->bytes_of)
			return saved_bytes_read(in->fds[i], saved->bytes_at,
						saved->bytes);
	return NULL;
}

/* Saved bytes that the new state refers to as the one before did stay there. */
static bool
is_needed(const struct listen_fds *in, const char *name)
{
	uint64_t generation;

	return is_bytes(name, &generation) &&
	       state_reader_needs_bytes(&in->previous, generation);
}

static bool
is_ours(const char *name)
{
	uint64_t generation;

	return is_bytes(name, &generation) ||
	       strcmp(name, STATE_LEGACY_LEDGER) == 0 ||
	       fdstore_is_numbered(name, FDSTORE_STATE, &generation);
}

void
listen_fds_close(struct listen_fds *in)
{
	for (size_t i = 0; i < in->count; i++) {
		const char *name = in->names[i];

		if (!name)
			continue;
		if (in->fds[i] >= 0 && !is_ours(name))
			diag(LOG_WARNING, "passed and not wanted, closed: %s",
			     name);
		if (!is_needed(in, name))
			fdstore_remove(name);
		close(take(in, i));
	}
	free(in->fds);
	free(in->names);
	state_reader_close(&in->previous);
	*in = (struct listen_fds){ 0 };
}
