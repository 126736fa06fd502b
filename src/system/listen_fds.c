/* SPDX-License-Identifier: MIT */
#include "system/listen_fds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"
#include "system/sockets.h"

#define KEPT_LISTENER "listener "
#define KEPT_CONNECTION "connection "

void
inherited_listener_name(char out[SERVICE_NAME], const char *listener)
{
	char text[SERVICE_NAME];

	snprintf(text, sizeof text, KEPT_LISTENER "%.168s", listener);
	service_name(out, text);
}

void
inherited_connection_name(char out[SERVICE_NAME], uint64_t number,
			  const char *listener)
{
	char text[SERVICE_NAME];

	snprintf(text, sizeof text, KEPT_CONNECTION "%llu of %.168s",
		 (unsigned long long)number, listener);
	service_name(out, text);
}

/* Take one out: it is the caller's now. */
static int
take(struct inherited *in, size_t i)
{
	free(in->names[i]);
	in->names[i] = NULL;
	return in->fds[i];
}

/* What the process before us knew, all of it in memory. */
static void
read_state(struct inherited *in, int fd)
{
	struct stat status = { 0 };

	fstat(fd, &status);
	in->state_size = (size_t)status.st_size;
	in->state = memory_zeroed(in->state_size + 1, 1);
	if (pread(fd, in->state, in->state_size, 0) == status.st_size &&
	    kept_is_sound(in->state, in->state_size))
		return;
	diag(LOG_WARNING, "cannot understand what was kept over the restart: "
			  "starting anew with what was passed");
	free(in->state);
	in->state = NULL;
}

static bool
is_called(const struct inherited *in, size_t i, const char *name)
{
	return in->names[i] && strcmp(in->names[i], name) == 0;
}

int
inherited_take(struct inherited *in, const char *name)
{
	for (size_t i = 0; i < in->count; i++)
		if (is_called(in, i, name))
			return take(in, i);
	return -1;
}

void
inherited_open(struct inherited *in)
{
	int fd, first;

	*in = (struct inherited){ 0 };
	in->count = service_passed(&first, &in->names);
	in->fds = memory_zeroed(in->count, sizeof *in->fds);
	for (size_t i = 0; i < in->count; i++)
		in->fds[i] = first + (int)i;
	while ((fd = inherited_take(in, INHERITED_STATE)) >= 0) {
		if (!in->state)
			read_state(in, fd);
		close(fd);
	}
}

static bool
is_kept_listener(const char *name)
{
	return strncmp(name, KEPT_LISTENER, strlen(KEPT_LISTENER)) == 0;
}

/* The number of a listener's descriptor; in->count: there is none. */
static size_t
find_listener(const struct inherited *in, const struct listener_config *config,
	      const char *name)
{
	enum protocol protocol = (enum protocol)config->protocol;
	char bound[SERVICE_NAME], kept[SERVICE_NAME];
	size_t i;

	service_name(bound, name);
	inherited_listener_name(kept, name);
	for (i = 0; i < in->count; i++)
		if (is_called(in, i, bound) &&
		    sockets_is_of(in->fds[i], protocol))
			return i;
	/* Any port will do: then that which it had. */
	for (i = 0; i < in->count; i++)
		if (in->names[i] && sockets_match(in->fds[i], config) &&
		    (!is_kept_listener(in->names[i]) ||
		     sockets_fits_families(in->fds[i], config)) &&
		    (config->port != 0 ||
		     (strncmp(in->names[i], kept, strlen(kept)) == 0 &&
		      in->names[i][strlen(kept)] == ' ')))
			return i;
	return in->count;
}

int
inherited_listener(struct inherited *in, const struct listener_config *config,
		   const char *name, char kept[SERVICE_NAME])
{
	size_t i = find_listener(in, config, name);

	kept[0] = '\0';
	if (i == in->count)
		return -1;
	if (is_kept_listener(in->names[i]))
		snprintf(kept, SERVICE_NAME, "%s", in->names[i]);
	return take(in, i);
}

int
inherited_unwanted(struct inherited *in, char key[SERVICE_NAME])
{
	for (size_t i = 0; i < in->count; i++) {
		if (!in->names[i] || !is_kept_listener(in->names[i]))
			continue;
		snprintf(key, SERVICE_NAME, "%s",
			 in->names[i] + strlen(KEPT_LISTENER));
		return take(in, i);
	}
	return -1;
}

void
inherited_add(struct inherited *in, int fd, const char *name)
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
	const size_t size = strlen(KEPT_CONNECTION);
	char *end;

	if (!name || strncmp(name, KEPT_CONNECTION, size) != 0)
		return NULL;
	*number = strtoull(name + size, &end, 10);
	return strncmp(end, " of ", 4) == 0 ? end + 4 : NULL;
}

uint64_t
inherited_last_number(const struct inherited *in)
{
	uint64_t last = in->state ? kept_last_number(in->state) : 0, number;

	for (size_t i = 0; i < in->count; i++)
		if (connection_key(in->names[i], &number) && number > last)
			last = number;
	return last;
}

int
inherited_connection(struct inherited *in, uint64_t *number,
		     char listener[SERVICE_NAME])
{
	for (size_t i = 0; i < in->count; i++) {
		const char *key = connection_key(in->names[i], number);

		if (!key)
			continue;
		snprintf(listener, SERVICE_NAME, "%s", key);
		return take(in, i);
	}
	return -1;
}

bool
inherited_of_listener(const struct inherited *in, const char *name,
		      struct kept_listener *out)
{
	*out = (struct kept_listener){ 0 };
	return in->state &&
	       kept_find_listener(in->state, in->state_size, name, out);
}

bool
inherited_of_connection(const struct inherited *in, uint64_t number,
			struct kept_connection *out, const unsigned char **held)
{
	*out = (struct kept_connection){ 0 };
	return in->state && kept_find_connection(in->state, in->state_size,
						 number, out, held);
}

void
inherited_close(struct inherited *in)
{
	for (size_t i = 0; i < in->count; i++) {
		if (!in->names[i])
			continue;
		diag(LOG_WARNING, "passed and not wanted, closed: %s",
		     in->names[i]);
		if (service_keeps())
			service_drop(in->names[i]);
		close(take(in, i));
	}
	/* It was true once only. */
	if (in->count > 0 && service_keeps())
		service_drop(INHERITED_STATE);
	free(in->fds);
	free(in->names);
	free(in->state);
	*in = (struct inherited){ 0 };
}
