/* SPDX-License-Identifier: MIT */
#include "input/registry.h"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/sockets.h"

void
connections_init(struct connections *c, int left_fd, int park_fd)
{
	*c = (struct connections){ .left_fd = left_fd, .park_fd = park_fd };
	pthread_mutex_init(&c->lock, NULL);
}

void
connections_destroy(struct connections *c)
{
	pthread_mutex_destroy(&c->lock);
}

static struct member **
bucket_of(struct connections *c, const struct address *peer)
{
	return &c->buckets[address_hash_host(peer) % CONNECTIONS_BUCKETS];
}

size_t
connections_count(struct connections *c)
{
	size_t count;

	pthread_mutex_lock(&c->lock);
	count = c->count;
	pthread_mutex_unlock(&c->lock);
	return count;
}

size_t
connections_from(struct connections *c, const struct address *peer,
		 const atomic_ullong *count)
{
	size_t found = 0;

	pthread_mutex_lock(&c->lock);
	for (struct member *m = *bucket_of(c, peer); m; m = m->next)
		found += m->count == count && address_same_host(&m->peer, peer);
	pthread_mutex_unlock(&c->lock);
	return found;
}

static void
close_door(struct member *member)
{
	if (!member->door_closed)
		sockets_close_door(member->fd);
	member->door_closed = true;
}

/* Its thread reads what is there, then the end. */
static void
end(struct member *member)
{
	if (!member->door_closed || member->stopped)
		return;
	member->stopped = true;
	shutdown(member->fd, SHUT_RD);
}

static void
for_each(struct connections *c, void (*act)(struct member *))
{
	for (size_t i = 0; i < CONNECTIONS_BUCKETS; i++)
		for (struct member *m = c->buckets[i]; m; m = m->next)
			act(m);
}

void
connections_enter(struct connections *c, struct member *member)
{
	struct member **bucket = bucket_of(c, &member->peer);

	pthread_mutex_lock(&c->lock);
	member->next = *bucket;
	member->link = bucket;
	if (member->next)
		member->next->link = &member->next;
	*bucket = member;
	c->count++;
	atomic_fetch_add(member->count, 1);
	if (c->stopping) {
		close_door(member);
		c->ending_due = true;
	}
	pthread_mutex_unlock(&c->lock);
}

static void
take_out(struct connections *c, struct member *member)
{
	*member->link = member->next;
	if (member->next)
		member->next->link = member->link;
	c->count--;
	atomic_fetch_sub(member->count, 1);
}

void
connections_withdraw(struct connections *c, struct member *member)
{
	pthread_mutex_lock(&c->lock);
	take_out(c, member);
	pthread_mutex_unlock(&c->lock);
}

void
connections_leave(struct connections *c, struct member *member)
{
	pthread_mutex_lock(&c->lock);
	take_out(c, member);
	/* Its end first, after which nothing more is taken of its peer. */
	if (member->stopped && !member->is_lost)
		sockets_end(member->fd);
	if (member->stopped)
		sockets_open_door(member->fd);
	/* Under the lock, so that nobody meets a number that is reused. */
	if (member->is_lost)
		close(member->fd); /* which resets it */
	else
		sockets_close(member->fd);
	/* And this too: once it is unlocked the register may be gone. */
	if (atomic_load(&c->wanted))
		eventfd_write(c->left_fd, 1);
	pthread_mutex_unlock(&c->lock);
}

void
connections_stop_one(struct connections *c, struct member *member)
{
	pthread_mutex_lock(&c->lock);
	close_door(member);
	/* Its own thread is here, so that it stays; others need not wait. */
	pthread_mutex_unlock(&c->lock);
	sockets_settle();
	pthread_mutex_lock(&c->lock);
	end(member);
	pthread_mutex_unlock(&c->lock);
}

void
connections_stop(struct connections *c)
{
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	for_each(c, close_door);
	c->ending_due = true;
	pthread_mutex_unlock(&c->lock);
	connections_end(c);
}

void
connections_close_door(struct connections *c, struct member *member)
{
	pthread_mutex_lock(&c->lock);
	close_door(member);
	c->ending_due = true;
	pthread_mutex_unlock(&c->lock);
}

void
connections_end(struct connections *c)
{
	pthread_mutex_lock(&c->lock);
	if (c->ending_due) {
		/* Locked: a door that is closed meanwhile would be too late. */
		sockets_settle();
		for_each(c, end);
		c->ending_due = false;
	}
	pthread_mutex_unlock(&c->lock);
}

void
connections_park(struct connections *c)
{
	atomic_store(&c->parking, true);
	eventfd_write(c->park_fd, 1);
}

void
connections_stay(struct connections *c, struct member *member)
{
	pthread_mutex_lock(&c->lock);
	member->parked = true;
	c->parked++;
	eventfd_write(c->left_fd, 1);
	pthread_mutex_unlock(&c->lock);
}

bool
connections_are_parked(struct connections *c)
{
	bool all;

	pthread_mutex_lock(&c->lock);
	all = c->parked == c->count;
	pthread_mutex_unlock(&c->lock);
	return all;
}

struct member *
connections_take(struct connections *c)
{
	struct member *found = NULL;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; !found && i < CONNECTIONS_BUCKETS; i++)
		for (found = c->buckets[i]; found && !found->parked;)
			found = found->next;
	if (found) {
		take_out(c, found);
		c->parked--;
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

unsigned long long
connections_unread(struct connections *c, unsigned long long *held)
{
	unsigned long long sum = 0;

	*held = 0;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CONNECTIONS_BUCKETS; i++)
		for (struct member *m = c->buckets[i]; m; m = m->next) {
			int unread = 0;

			ioctl(m->fd, FIONREAD, &unread);
			sum += (unsigned long long)unread;
			*held += atomic_load(&m->held);
		}
	pthread_mutex_unlock(&c->lock);
	return sum;
}

void
connections_want(struct connections *c, bool wanted)
{
	atomic_store(&c->wanted, wanted);
}
