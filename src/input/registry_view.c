/* SPDX-License-Identifier: MIT */
#include "input/registry_view.h"

#include <sys/ioctl.h>

/* How many entries from here on have the same source; 0: others are before. */
static size_t
count_same(const struct registry_entry *first,
	   const struct registry_entry *entry, const atomic_ullong *count)
{
	size_t found = 0;

	while (!address_same_host(&first->source, &entry->source))
		first = first->next;
	if (first != entry)
		return 0;
	for (; entry; entry = entry->next)
		found += (!count || entry->count == count) &&
			 address_same_host(&first->source, &entry->source);
	return found;
}

size_t
registry_largest_source(struct registry *registry, const atomic_ullong *count,
			struct address *source)
{
	size_t largest = 0;

	pthread_mutex_lock(&registry->lock);
	for (size_t i = 0; i < REGISTRY_BUCKETS; i++)
		for (struct registry_entry *m = registry->buckets[i]; m;
		     m = m->next) {
			size_t found =
				count_same(registry->buckets[i], m, count);

			if (found <= largest)
				continue;
			largest = found;
			*source = m->source;
		}
	pthread_mutex_unlock(&registry->lock);
	return largest;
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
registry_walk_begin(struct registry *registry, struct registry_walk *walk)
{
	pthread_mutex_lock(&registry->lock);
	*walk = (struct registry_walk){ .other = registry->walks };
	registry->walks = walk;
	pthread_mutex_unlock(&registry->lock);
}

bool
registry_walk_step(struct registry *registry, struct registry_walk *walk,
		   size_t max,
		   void (*look)(const struct registry_entry *, void *),
		   void *argument)
{
	bool goes_on;

	pthread_mutex_lock(&registry->lock);
	while (max > 0 && (walk->next || walk->bucket < REGISTRY_BUCKETS)) {
		if (!walk->next) {
			walk->next = registry->buckets[walk->bucket++];
			continue;
		}
		look(walk->next, argument);
		walk->next = walk->next->next;
		max--;
	}
	goes_on = walk->next || walk->bucket < REGISTRY_BUCKETS;
	pthread_mutex_unlock(&registry->lock);
	return goes_on;
}

void
registry_walk_end(struct registry *registry, struct registry_walk *walk)
{
	struct registry_walk **link = &registry->walks;

	pthread_mutex_lock(&registry->lock);
	while (*link != walk)
		link = &(*link)->other;
	*link = walk->other;
	pthread_mutex_unlock(&registry->lock);
}
