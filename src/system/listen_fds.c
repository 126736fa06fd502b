/* SPDX-License-Identifier: MIT */
#include "system/listen_fds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"
#include "system/socket_match.h"

#define STORED_LISTENER "listener "
#define STORED_CONNECTION "connection "

void
listen_fds_listener_name(char out[FDSTORE_NAME], const char *listener)
{
	char text[FDSTORE_NAME];

	snprintf(text, sizeof text, STORED_LISTENER "%.168s", listener);
	fdstore_name(out, text);
}

void
listen_fds_connection_name(char out[FDSTORE_NAME], uint64_t number,
			   const char *listener)
{
	char text[FDSTORE_NAME];

	snprintf(text, sizeof text, STORED_CONNECTION "%llu of %.168s",
		 (unsigned long long)number, listener);
	fdstore_name(out, text);
}

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

/* What the process before us knew, all of it in memory. */
static void
read_state(struct listen_fds *in, int fd)
{
	struct stat status = { 0 };

	fstat(fd, &status);
	in->state_size = (size_t)status.st_size;
	in->state = memory_zeroed(in->state_size + 1, 1);
	if (pread(fd, in->state, in->state_size, 0) == status.st_size &&
	    saved_state_is_sound(in->state, in->state_size))
		return;
	diag(LOG_WARNING, "cannot understand what was kept over the restart: "
			  "starting anew with what was passed");
	free(in->state);
	in->state = NULL;
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

void
listen_fds_open(struct listen_fds *in)
{
	int fd, first;

	*in = (struct listen_fds){ 0 };
	in->count = take_passed(&first, &in->names);
	in->fds = memory_zeroed(in->count, sizeof *in->fds);
	for (size_t i = 0; i < in->count; i++)
		in->fds[i] = first + (int)i;
	while ((fd = listen_fds_take(in, LISTEN_FDS_STATE)) >= 0) {
		if (!in->state)
			read_state(in, fd);
		close(fd);
	}
}

static bool
begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool
is_stored_listener(const char *name)
{
	return begins(name, STORED_LISTENER);
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
	enum protocol protocol = config->protocol;
	char bound[FDSTORE_NAME], kept[FDSTORE_NAME];
	size_t i;

	fdstore_name(bound, name);
	listen_fds_listener_name(kept, name);
	for (i = 0; i < in->count; i++)
		if (is_called(in, i, bound) &&
		    sockets_is_listener(in->fds[i], protocol))
			return i;
	/* Any port will do: then that which it had. */
	for (i = 0; i < in->count; i++)
		if (in->names[i] && sockets_match(in->fds[i], config) &&
		    (!is_stored_listener(in->names[i]) ||
		     sockets_fits_families(in->fds[i], config)) &&
		    (config->port != 0 ||
		     (strncmp(in->names[i], kept, strlen(kept)) == 0 &&
		      in->names[i][strlen(kept)] == ' ')))
			return i;
	return in->count;
}

int
listen_fds_take_listener(struct listen_fds *in,
			 const struct listener_config *config, const char *name,
			 char kept[FDSTORE_NAME])
{
	size_t i = find_listener(in, config, name);

	kept[0] = '\0';
	if (i == in->count)
		return -1;
	if (is_stored_listener(in->names[i]))
		snprintf(kept, FDSTORE_NAME, "%s", in->names[i]);
	return take(in, i);
}

int
listen_fds_take_unwanted(struct listen_fds *in, char key[FDSTORE_NAME])
{
	for (size_t i = 0; i < in->count; i++) {
		if (!in->names[i] || !is_stored_listener(in->names[i]))
			continue;
		snprintf(key, FDSTORE_NAME, "%s",
			 in->names[i] + strlen(STORED_LISTENER));
		return take(in, i);
	}
	return -1;
}

void
listen_fds_add(struct listen_fds *in, int fd, const char *name)
{
	in->fds = memory_grow(in->fds, in->count + 1, sizeof *in->fds);
	in->names = memory_grow(in->names, in->count + 1, sizeof *in->names);
	in->fds[in->count] = fd;
	in->names[in->count++] = memory_copy(name);
}

/* Its listener's key; NULL: that is not the name of a connection. */
static const char *
connection_key(const char *name, uint64_t *number)
{
	const size_t size = strlen(STORED_CONNECTION);
	char *end;

	if (!name || strncmp(name, STORED_CONNECTION, size) != 0)
		return NULL;
	*number = strtoull(name + size, &end, 10);
	return strncmp(end, " of ", 4) == 0 ? end + 4 : NULL;
}

uint64_t
listen_fds_last_number(const struct listen_fds *in)
{
	uint64_t last = in->state ? saved_state_last_number(in->state) : 0,
		 number;

	for (size_t i = 0; i < in->count; i++)
		if (connection_key(in->names[i], &number) && number > last)
			last = number;
	return last;
}

int
listen_fds_take_connection(struct listen_fds *in, uint64_t *number,
			   char listener[FDSTORE_NAME])
{
	for (size_t i = 0; i < in->count; i++) {
		const char *key = connection_key(in->names[i], number);

		if (!key)
			continue;
		snprintf(listener, FDSTORE_NAME, "%s", key);
		return take(in, i);
	}
	return -1;
}

bool
listen_fds_listener_state(const struct listen_fds *in, const char *name,
			  struct saved_listener *out)
{
	*out = (struct saved_listener){ 0 };
	return in->state &&
	       saved_state_find_listener(in->state, in->state_size, name, out);
}

bool
listen_fds_connection_state(const struct listen_fds *in, uint64_t number,
			    struct saved_connection *out,
			    const unsigned char **held)
{
	*out = (struct saved_connection){ 0 };
	return in->state &&
	       saved_state_find_connection(in->state, in->state_size, number,
					   out, held);
}

void
listen_fds_close(struct listen_fds *in)
{
	for (size_t i = 0; i < in->count; i++) {
		if (!in->names[i])
			continue;
		diag(LOG_WARNING, "passed and not wanted, closed: %s",
		     in->names[i]);
		if (fdstore_available())
			fdstore_remove(in->names[i]);
		close(take(in, i));
	}
	/* It was true once only. */
	if (in->count > 0 && fdstore_available())
		fdstore_remove(LISTEN_FDS_STATE);
	free(in->fds);
	free(in->names);
	free(in->state);
	*in = (struct listen_fds){ 0 };
}
