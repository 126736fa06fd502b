/* SPDX-License-Identifier: MIT */
#include "system/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

static size_t
size_of(size_t listeners, size_t connections)
{
	return sizeof(struct state_header) +
	       listeners * sizeof(struct state_listener) +
	       connections * sizeof(struct state_connection);
}

/* The size is sealed: no other process can make the mapping fault. */
static int
make_file(size_t size)
{
	int fd =
		memfd_create("portlogd state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ==
		    0)
		return fd;
	close(fd);
	return -1;
}

/* Pages that are never written to take no memory. */
static bool
map(struct state *state)
{
	int shared = state->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	void *memory = mmap(NULL, state->size, PROT_READ | PROT_WRITE,
			    shared | MAP_NORESERVE, state->fd, 0);

	if (memory == MAP_FAILED)
		return false;
	state->header = memory;
	return true;
}

static bool
make_run(char run[STATE_RUN])
{
	uint64_t number;

	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return false;
	snprintf(run, STATE_RUN, "%016" PRIx64, number);
	return true;
}

bool
state_open(struct state *state, size_t listeners, size_t connections,
	   uint64_t generation)
{
	*state = (struct state){
		.fd = -1,
		.bytes.fd = -1,
		.size = size_of(listeners, connections),
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	if (fdstore_available() && (state->fd = make_file(state->size)) < 0)
		return false;
	state->free = calloc(connections + 1, sizeof *state->free);
	if (!state->free || !map(state)) {
		state_close(state);
		errno = ENOMEM;
		return false;
	}
	*state->header = (struct state_header){
		.magic = STATE_MAGIC,
		.header_size = sizeof *state->header,
		.listener_size = sizeof *state->listeners,
		.connection_size = sizeof *state->connections,
		.listeners = (uint32_t)listeners,
		.connections = (uint32_t)connections,
		.generation = generation,
	};
	state->listeners = (struct state_listener *)(state->header + 1);
	state->connections =
		(struct state_connection *)(state->listeners + listeners);
	if (make_run(state->header->run))
		return true;
	state_close(state);
	return false;
}

void
state_store(const struct state *state)
{
	uint64_t generation = state->header->generation;
	char name[FDSTORE_NAME];

	atomic_store(&state->header->is_whole, true);
	if (state->fd < 0)
		return;
	fdstore_numbered_name(name, FDSTORE_STATE, generation);
	fdstore_add(state->fd, name);
}

void
state_close(struct state *state)
{
	if (state->header)
		munmap(state->header, state->size);
	if (state->fd >= 0)
		close(state->fd);
	if (state->bytes.fd >= 0)
		close(state->bytes.fd);
	free(state->free);
	pthread_mutex_destroy(&state->lock);
	*state = (struct state){ .fd = -1, .bytes.fd = -1 };
}

uint64_t
state_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
	return cookie;
}

struct state_listener *
state_add_listener(struct state *state)
{
	size_t used = atomic_load(&state->header->listeners_used);

	if (used == state->header->listeners)
		return NULL;
	atomic_store(&state->header->listeners_used, (unsigned)used + 1);
	return &state->listeners[used];
}

bool
state_is_same_name(const char *key, const char *other)
{
	size_t size = strcspn(key, " ");

	return strncmp(key, other, size) == 0 && other[size] == ' ';
}

struct state_listener *
state_find_name(struct state *state, const char *key)
{
	size_t used = atomic_load(&state->header->listeners_used);

	for (size_t i = 0; i < used; i++)
		if (state_is_same_name(key, state->listeners[i].key))
			return &state->listeners[i];
	return NULL;
}

atomic_ullong *
state_shared_number(struct state *state, const struct state_listener *entry)
{
	size_t used = atomic_load(&state->header->listeners_used), same = 0;

	for (size_t i = 0; i < used; i++)
		same += state_is_same_name(entry->key, state->listeners[i].key);
	return same > 1 ? &state_find_name(state, entry->key)->last_record
			: NULL;
}

/* The number of a free place; the number of places: there is none. */
static uint32_t
take_place(struct state *state)
{
	struct state_header *header = state->header;
	uint32_t place;

	pthread_mutex_lock(&state->lock);
	if (state->free_count > 0) {
		place = state->free[--state->free_count];
	} else {
		place = atomic_load(&header->used);
		if (place < header->connections)
			atomic_store(&header->used, place + 1);
	}
	pthread_mutex_unlock(&state->lock);
	return place;
}

struct state_connection *
state_claim(struct state *state, int fd)
{
	uint32_t place = take_place(state);
	struct state_connection *entry;

	if (place == state->header->connections)
		return NULL;
	entry = &state->connections[place];
	*entry = (struct state_connection){ .cookie = state_cookie(fd) };
	return entry;
}

void
state_use(struct state_connection *entry, enum state_use use)
{
	atomic_store_explicit(&entry->use, use, memory_order_release);
}

void
state_release(struct state *state, struct state_connection *entry)
{
	uint32_t place = (uint32_t)(entry - state->connections);

	state_use(entry, STATE_FREE);
	pthread_mutex_lock(&state->lock);
	state->free[state->free_count++] = place;
	pthread_mutex_unlock(&state->lock);
}
