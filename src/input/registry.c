/* SPDX-License-Identifier: MIT */
#include "input/registry.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/sockets.h"
#include "system/sockets_input.h"

void
registry_init(struct registry *registry, struct inflight *inflight, int left_fd,
	      int handover_fd, unsigned source_prefix_v6)
{
	*registry = (struct registry){ .left_fd = left_fd,
				       .handover_fd = handover_fd,
				       .source_prefix_v6 = source_prefix_v6 };
	flight_init(&registry->flight, inflight);
	pthread_mutex_init(&registry->lock, NULL);
}

void
registry_destroy(struct registry *registry)
{
	pthread_mutex_destroy(&registry->lock);
}

static struct registry_entry **
bucket_of(struct registry *registry, const struct address *source)
{
	return &registry->buckets[address_hash_host(source) % REGISTRY_BUCKETS];
}

size_t
registry_count(struct registry *registry)
{
	size_t count;

	pthread_mutex_lock(&registry->lock);
	count = atomic_load(&registry->count);
	pthread_mutex_unlock(&registry->lock);
	return count;
}

bool
registry_has(struct registry *registry, size_t count)
{
	return atomic_load(&registry->count) >= count;
}

/* The lock is held. */
static size_t
count_source(struct registry *registry, const struct address *source,
	     const atomic_ullong *count)
{
	size_t found = 0;

	for (struct registry_entry *m = *bucket_of(registry, source); m;
	     m = m->next)
		found += m->count == count &&
			 address_same_host(&m->source, source);
	return found;
}

size_t
registry_count_source(struct registry *registry, const struct address *peer,
		      const atomic_ullong *count)
{
	const struct address source =
		address_source(peer, registry->source_prefix_v6);
	size_t found;

	pthread_mutex_lock(&registry->lock);
	found = count_source(registry, &source, count);
	pthread_mutex_unlock(&registry->lock);
	return found;
}

static void
block_input(struct registry_entry *entry)
{
	if (entry->state != ENTRY_OPEN)
		return;
	sockets_block_input(entry->fd);
	entry->state = ENTRY_INPUT_BLOCKED;
}

/* Its thread reads what the kernel holds, then the end of the stream. */
static void
shut_down_if_blocked(struct registry_entry *entry)
{
	if (entry->state != ENTRY_INPUT_BLOCKED)
		return;
	atomic_store(&entry->was_cut, !sockets_input_has_ended(entry->fd));
	shutdown(entry->fd, SHUT_RD);
	entry->state = ENTRY_SHUT_DOWN;
}

static void
for_each(struct registry *registry, void (*act)(struct registry_entry *))
{
	for (size_t i = 0; i < REGISTRY_BUCKETS; i++)
		for (struct registry_entry *m = registry->buckets[i]; m;
		     m = m->next)
			act(m);
}

/* Into the bucket of its source. */
static void
link_entry(struct registry *registry, struct registry_entry *entry)
{
	struct registry_entry **bucket = bucket_of(registry, &entry->source);

	entry->next = *bucket;
	entry->link = bucket;
	if (entry->next)
		entry->next->link = &entry->next;
	*bucket = entry;
}

static void
unlink_entry(struct registry *registry, struct registry_entry *entry)
{
	for (struct registry_walk *w = registry->walks; w; w = w->other)
		if (w->next == entry)
			w->next = entry->next;
	*entry->link = entry->next;
	if (entry->next)
		entry->next->link = entry->link;
}

void
registry_add(struct registry *registry, struct registry_entry *entry)
{
	entry->source =
		address_source(&entry->peer, registry->source_prefix_v6);
	pthread_mutex_lock(&registry->lock);
	link_entry(registry, entry);
	flight_add(&registry->flight, &entry->flight, entry->fd);
	atomic_fetch_add(&registry->count, 1);
	atomic_fetch_add(entry->count, 1);
	if (entry->unadmitted)
		atomic_fetch_add(entry->unadmitted, 1);
	if (registry->stopping) {
		block_input(entry);
		registry->shutdown_pending = true;
	}
	pthread_mutex_unlock(&registry->lock);
}

/* From here on nobody else finds it, but it counts.  The lock is held. */
static void
hide_entry(struct registry *registry, struct registry_entry *entry)
{
	unlink_entry(registry, entry);
	flight_remove(&registry->flight, &entry->flight);
}

/* The lock is held. */
static void
forget_entry(struct registry *registry, struct registry_entry *entry)
{
	atomic_fetch_sub(&registry->count, 1);
	atomic_fetch_sub(entry->count, 1);
	if (entry->unadmitted)
		atomic_fetch_sub(entry->unadmitted, 1);
}

bool
registry_set_peer(struct registry *registry, struct registry_entry *entry,
		  const struct address *peer, size_t max)
{
	const struct address source =
		address_source(peer, registry->source_prefix_v6);
	bool is_free;

	pthread_mutex_lock(&registry->lock);
	unlink_entry(registry, entry);
	is_free =
		max == 0 || count_source(registry, &source, entry->count) < max;
	if (is_free) {
		entry->proxy = entry->peer;
		entry->peer = *peer;
		entry->source = source;
	}
	link_entry(registry, entry);
	pthread_mutex_unlock(&registry->lock);
	return is_free;
}

void
registry_admit(struct registry *registry, struct registry_entry *entry)
{
	pthread_mutex_lock(&registry->lock);
	if (entry->unadmitted)
		atomic_fetch_sub(entry->unadmitted, 1);
	entry->unadmitted = NULL;
	if (atomic_load(&registry->wanted))
		eventfd_write(registry->left_fd, 1);
	pthread_mutex_unlock(&registry->lock);
}

bool
registry_is_stopped(struct registry *registry,
		    const struct registry_entry *entry)
{
	bool is_stopped;

	pthread_mutex_lock(&registry->lock);
	is_stopped = entry->state != ENTRY_OPEN;
	pthread_mutex_unlock(&registry->lock);
	return is_stopped;
}

void
registry_remove(struct registry *registry, struct registry_entry *entry)
{
	pthread_mutex_lock(&registry->lock);
	hide_entry(registry, entry);
	forget_entry(registry, entry);
	pthread_mutex_unlock(&registry->lock);
}

/* So that the peer sees the end of its stream. */
static void
close_in_order(const struct registry_entry *entry)
{
	/* Send the FIN first: unblocked, it must not receive any more. */
	if (entry->state == ENTRY_SHUT_DOWN) {
		sockets_send_fin(entry->fd);
		sockets_unblock_input(entry->fd);
	}
	/* A duplicate in flight would keep it open. */
	if (entry->flight.message)
		sockets_end(entry->fd);
	sockets_close(entry->fd);
}

void
registry_close(struct registry *registry, struct registry_entry *entry)
{
	/* First: the kernel may give the number to another socket. */
	pthread_mutex_lock(&registry->lock);
	hide_entry(registry, entry);
	pthread_mutex_unlock(&registry->lock);
	/* Unlocked: the kernel wakes the peer meanwhile. */
	if (entry->unconfirmed)
		close(entry->fd); /* which resets it, unless it is in flight */
	else
		close_in_order(entry);
	pthread_mutex_lock(&registry->lock);
	forget_entry(registry, entry);
	/* Under the lock: the main thread frees the registry next. */
	if (atomic_load(&registry->wanted) ||
	    (entry->flight.message && flight_is_sparse(&registry->flight)))
		eventfd_write(registry->left_fd, 1);
	pthread_mutex_unlock(&registry->lock);
}

void
registry_stop_one(struct registry *registry, struct registry_entry *entry)
{
	pthread_mutex_lock(&registry->lock);
	block_input(entry);
	/* Unlocked: only this thread could close the descriptor. */
	pthread_mutex_unlock(&registry->lock);
	sockets_wait_for_inflight();
	pthread_mutex_lock(&registry->lock);
	shut_down_if_blocked(entry);
	pthread_mutex_unlock(&registry->lock);
}

void
registry_stop_all(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	registry->stopping = true;
	for_each(registry, block_input);
	registry->shutdown_pending = true;
	pthread_mutex_unlock(&registry->lock);
	registry_shut_down_blocked(registry);
}

void
registry_block_input(struct registry *registry, struct registry_entry *entry)
{
	pthread_mutex_lock(&registry->lock);
	block_input(entry);
	registry->shutdown_pending = true;
	pthread_mutex_unlock(&registry->lock);
}

void
registry_shut_down_blocked(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	if (registry->shutdown_pending) {
		/*
		 * Hold the lock: an entry that is blocked during this wait was
		 * not waited for, and must not be shut down yet.
		 */
		sockets_wait_for_inflight();
		for_each(registry, shut_down_if_blocked);
		registry->shutdown_pending = false;
	}
	pthread_mutex_unlock(&registry->lock);
}

void
registry_hand_over(struct registry *registry)
{
	atomic_store(&registry->handing_over, true);
	eventfd_write(registry->handover_fd, 1);
}

void
registry_leave_open(struct registry *registry, struct registry_entry *entry)
{
	pthread_mutex_lock(&registry->lock);
	entry->state = ENTRY_LEFT_OPEN;
	if (++registry->left_open == registry->count)
		eventfd_write(registry->left_fd, 1);
	pthread_mutex_unlock(&registry->lock);
}

bool
registry_is_handed_over(struct registry *registry)
{
	bool all;

	pthread_mutex_lock(&registry->lock);
	all = registry->left_open == registry->count;
	pthread_mutex_unlock(&registry->lock);
	return all;
}

void
registry_take_back(struct registry *registry,
		   void (*start)(struct registry_entry *, void *),
		   void *argument)
{
	eventfd_t rung;

	atomic_store(&registry->handing_over, false);
	eventfd_read(registry->handover_fd, &rung);
	pthread_mutex_lock(&registry->lock);
	for (size_t i = 0; i < REGISTRY_BUCKETS; i++)
		for (struct registry_entry *m = registry->buckets[i], *next; m;
		     m = next) {
			next = m->next;
			if (m->state != ENTRY_LEFT_OPEN)
				continue;
			m->state = ENTRY_OPEN;
			start(m, argument);
		}
	registry->left_open = 0;
	pthread_mutex_unlock(&registry->lock);
}

long long
registry_send(struct registry *registry)
{
	long long next_ms;

	pthread_mutex_lock(&registry->lock);
	next_ms = flight_send(&registry->flight);
	pthread_mutex_unlock(&registry->lock);
	return next_ms;
}

size_t
registry_send_all(struct registry *registry)
{
	size_t left;

	pthread_mutex_lock(&registry->lock);
	left = flight_send_all(&registry->flight);
	pthread_mutex_unlock(&registry->lock);
	return left;
}

void
registry_send_anew(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	flight_send_anew(&registry->flight);
	pthread_mutex_unlock(&registry->lock);
}

void
registry_want_wakeup(struct registry *registry, bool wanted)
{
	atomic_store(&registry->wanted, wanted);
}
