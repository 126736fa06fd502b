/* SPDX-License-Identifier: MIT */
#include "input/registry.h"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/sockets.h"

void
registry_init(struct registry *registry, int left_fd, int handover_fd)
{
	*registry = (struct registry){ .left_fd = left_fd,
				       .handover_fd = handover_fd };
	pthread_mutex_init(&registry->lock, NULL);
}

void
registry_destroy(struct registry *registry)
{
	pthread_mutex_destroy(&registry->lock);
}

static struct registry_entry **
bucket_of(struct registry *registry, const struct address *peer)
{
	return &registry->buckets[address_hash_host(peer) % REGISTRY_BUCKETS];
}

size_t
registry_count(struct registry *registry)
{
	size_t count;

	pthread_mutex_lock(&registry->lock);
	count = registry->count;
	pthread_mutex_unlock(&registry->lock);
	return count;
}

size_t
registry_count_source(struct registry *registry, const struct address *peer,
		      const atomic_ullong *count)
{
	size_t found = 0;

	pthread_mutex_lock(&registry->lock);
	for (struct registry_entry *m = *bucket_of(registry, peer); m;
	     m = m->next)
		found += m->count == count && address_same_host(&m->peer, peer);
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

void
registry_add(struct registry *registry, struct registry_entry *entry)
{
	struct registry_entry **bucket = bucket_of(registry, &entry->peer);

	pthread_mutex_lock(&registry->lock);
	entry->next = *bucket;
	entry->link = bucket;
	if (entry->next)
		entry->next->link = &entry->next;
	*bucket = entry;
	registry->count++;
	atomic_fetch_add(entry->count, 1);
	if (registry->stopping) {
		block_input(entry);
		registry->shutdown_pending = true;
	}
	pthread_mutex_unlock(&registry->lock);
}

static void
remove_entry(struct registry *registry, struct registry_entry *entry)
{
	*entry->link = entry->next;
	if (entry->next)
		entry->next->link = entry->link;
	registry->count--;
	atomic_fetch_sub(entry->count, 1);
}

void
registry_remove(struct registry *registry, struct registry_entry *entry)
{
	pthread_mutex_lock(&registry->lock);
	remove_entry(registry, entry);
	pthread_mutex_unlock(&registry->lock);
}

void
registry_close(struct registry *registry, struct registry_entry *entry)
{
	pthread_mutex_lock(&registry->lock);
	remove_entry(registry, entry);
	/* Send the FIN first: unblocked, it must not receive any more. */
	if (entry->state == ENTRY_SHUT_DOWN && !entry->unconfirmed)
		sockets_send_fin(entry->fd);
	if (entry->state == ENTRY_SHUT_DOWN)
		sockets_unblock_input(entry->fd);
	/* Under the lock: the kernel may give the number to another socket. */
	if (entry->unconfirmed)
		close(entry->fd); /* which resets it */
	else
		sockets_close(entry->fd);
	/* Under the lock too: the main thread frees the registry next. */
	if (atomic_load(&registry->wanted))
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
	registry->left_open++;
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

struct registry_entry *
registry_take(struct registry *registry)
{
	struct registry_entry *found = NULL;

	pthread_mutex_lock(&registry->lock);
	for (size_t i = 0; !found && i < REGISTRY_BUCKETS; i++)
		for (found = registry->buckets[i];
		     found && found->state != ENTRY_LEFT_OPEN;)
			found = found->next;
	if (found) {
		remove_entry(registry, found);
		registry->left_open--;
	}
	pthread_mutex_unlock(&registry->lock);
	return found;
}

unsigned long long
registry_count_unread(struct registry *registry, unsigned long long *held)
{
	unsigned long long sum = 0;

	*held = 0;
	pthread_mutex_lock(&registry->lock);
	for (size_t i = 0; i < REGISTRY_BUCKETS; i++)
		for (struct registry_entry *m = registry->buckets[i]; m;
		     m = m->next) {
			int unread = 0;

			ioctl(m->fd, FIONREAD, &unread);
			sum += (unsigned long long)unread;
			*held += atomic_load(&m->held);
		}
	pthread_mutex_unlock(&registry->lock);
	return sum;
}

void
registry_want_wakeup(struct registry *registry, bool wanted)
{
	atomic_store(&registry->wanted, wanted);
}
