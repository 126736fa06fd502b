/* SPDX-License-Identifier: MIT */
#include "input/registry.h"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/sockets.h"

void
registry_init(struct registry *c, int left_fd, int handover_fd)
{
	*c = (struct registry){ .left_fd = left_fd,
				.handover_fd = handover_fd };
	pthread_mutex_init(&c->lock, NULL);
}

void
registry_destroy(struct registry *c)
{
	pthread_mutex_destroy(&c->lock);
}

static struct entry **
bucket_of(struct registry *c, const struct address *peer)
{
	return &c->buckets[address_hash_host(peer) % REGISTRY_BUCKETS];
}

size_t
registry_count(struct registry *c)
{
	size_t count;

	pthread_mutex_lock(&c->lock);
	count = c->count;
	pthread_mutex_unlock(&c->lock);
	return count;
}

size_t
registry_count_source(struct registry *c, const struct address *peer,
		      const atomic_ullong *count)
{
	size_t found = 0;

	pthread_mutex_lock(&c->lock);
	for (struct entry *m = *bucket_of(c, peer); m; m = m->next)
		found += m->count == count && address_same_host(&m->peer, peer);
	pthread_mutex_unlock(&c->lock);
	return found;
}

static void
close_door(struct entry *entry)
{
	if (!entry->input_blocked)
		sockets_block_input(entry->fd);
	entry->input_blocked = true;
}

/* Its thread reads what is there, then the end. */
static void
end(struct entry *entry)
{
	if (!entry->input_blocked || entry->stopped)
		return;
	entry->stopped = true;
	shutdown(entry->fd, SHUT_RD);
}

static void
for_each(struct registry *c, void (*act)(struct entry *))
{
	for (size_t i = 0; i < REGISTRY_BUCKETS; i++)
		for (struct entry *m = c->buckets[i]; m; m = m->next)
			act(m);
}

void
registry_add(struct registry *c, struct entry *entry)
{
	struct entry **bucket = bucket_of(c, &entry->peer);

	pthread_mutex_lock(&c->lock);
	entry->next = *bucket;
	entry->link = bucket;
	if (entry->next)
		entry->next->link = &entry->next;
	*bucket = entry;
	c->count++;
	atomic_fetch_add(entry->count, 1);
	if (c->stopping) {
		close_door(entry);
		c->shutdown_pending = true;
	}
	pthread_mutex_unlock(&c->lock);
}

static void
take_out(struct registry *c, struct entry *entry)
{
	*entry->link = entry->next;
	if (entry->next)
		entry->next->link = entry->link;
	c->count--;
	atomic_fetch_sub(entry->count, 1);
}

void
registry_remove(struct registry *c, struct entry *entry)
{
	pthread_mutex_lock(&c->lock);
	take_out(c, entry);
	pthread_mutex_unlock(&c->lock);
}

void
registry_close(struct registry *c, struct entry *entry)
{
	pthread_mutex_lock(&c->lock);
	take_out(c, entry);
	/* Its end first, after which nothing more is taken of its peer. */
	if (entry->stopped && !entry->unconfirmed)
		sockets_send_fin(entry->fd);
	if (entry->stopped)
		sockets_unblock_input(entry->fd);
	/* Under the lock, so that nobody meets a number that is reused. */
	if (entry->unconfirmed)
		close(entry->fd); /* which resets it */
	else
		sockets_close(entry->fd);
	/* And this too: once it is unlocked the register may be gone. */
	if (atomic_load(&c->wanted))
		eventfd_write(c->left_fd, 1);
	pthread_mutex_unlock(&c->lock);
}

void
registry_stop_one(struct registry *c, struct entry *entry)
{
	pthread_mutex_lock(&c->lock);
	close_door(entry);
	/* Its own thread is here, so that it stays; others need not wait. */
	pthread_mutex_unlock(&c->lock);
	sockets_wait_for_inflight();
	pthread_mutex_lock(&c->lock);
	end(entry);
	pthread_mutex_unlock(&c->lock);
}

void
registry_stop_all(struct registry *c)
{
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	for_each(c, close_door);
	c->shutdown_pending = true;
	pthread_mutex_unlock(&c->lock);
	registry_shut_down_blocked(c);
}

void
registry_block_input(struct registry *c, struct entry *entry)
{
	pthread_mutex_lock(&c->lock);
	close_door(entry);
	c->shutdown_pending = true;
	pthread_mutex_unlock(&c->lock);
}

void
registry_shut_down_blocked(struct registry *c)
{
	pthread_mutex_lock(&c->lock);
	if (c->shutdown_pending) {
		/* Locked: a door that is closed meanwhile would be too late. */
		sockets_wait_for_inflight();
		for_each(c, end);
		c->shutdown_pending = false;
	}
	pthread_mutex_unlock(&c->lock);
}

void
registry_hand_over(struct registry *c)
{
	atomic_store(&c->handing_over, true);
	eventfd_write(c->handover_fd, 1);
}

void
registry_leave_open(struct registry *c, struct entry *entry)
{
	pthread_mutex_lock(&c->lock);
	entry->left_open = true;
	c->left_open++;
	eventfd_write(c->left_fd, 1);
	pthread_mutex_unlock(&c->lock);
}

bool
registry_is_handed_over(struct registry *c)
{
	bool all;

	pthread_mutex_lock(&c->lock);
	all = c->left_open == c->count;
	pthread_mutex_unlock(&c->lock);
	return all;
}

struct entry *
registry_take(struct registry *c)
{
	struct entry *found = NULL;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; !found && i < REGISTRY_BUCKETS; i++)
		for (found = c->buckets[i]; found && !found->left_open;)
			found = found->next;
	if (found) {
		take_out(c, found);
		c->left_open--;
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

unsigned long long
registry_count_unread(struct registry *c, unsigned long long *held)
{
	unsigned long long sum = 0;

	*held = 0;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < REGISTRY_BUCKETS; i++)
		for (struct entry *m = c->buckets[i]; m; m = m->next) {
			int unread = 0;

			ioctl(m->fd, FIONREAD, &unread);
			sum += (unsigned long long)unread;
			*held += atomic_load(&m->held);
		}
	pthread_mutex_unlock(&c->lock);
	return sum;
}

void
registry_want_wakeup(struct registry *c, bool wanted)
{
	atomic_store(&c->wanted, wanted);
}
