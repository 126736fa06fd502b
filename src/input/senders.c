/* SPDX-License-Identifier: MIT */
#include "input/senders.h"

#include <string.h>

#include "base/clock.h"

void
senders_init(struct senders *s)
{
	pthread_mutex_init(&s->lock, NULL);
}

void
senders_destroy(struct senders *s)
{
	pthread_mutex_destroy(&s->lock);
}

/* What tells the senders of one host apart. */
static unsigned
port_of(const struct address *peer)
{
	return peer->any.sa_family == AF_UNIX ? (unsigned)peer->process.pid
					      : peer->in.sin_port;
}

static uint16_t *
bucket_of(struct senders *s, const struct address *peer)
{
	unsigned hash = address_hash_host(peer) + port_of(peer) * 40503U;

	return &s->buckets[(hash ^ hash >> 9) % SENDERS];
}

static bool
is_peer(const struct sender *sender, const struct address *peer)
{
	return port_of(&sender->peer) == port_of(peer) &&
	       address_same_host(&sender->peer, peer);
}

static void
unlink_age(struct senders *s, uint16_t place)
{
	struct sender *sender = &s->list[place];

	s->list[sender->older].newer = sender->newer;
	s->list[sender->newer].older = sender->older;
}

/* list[0] ends both ways: its older is the newest, its newer the oldest. */
static void
link_newest(struct senders *s, uint16_t place)
{
	struct sender *sender = &s->list[place], *end = &s->list[0];

	sender->newer = 0;
	sender->older = end->older;
	s->list[sender->older].newer = place;
	end->older = place;
}

static void
forget(struct senders *s, uint16_t place)
{
	uint16_t *link = bucket_of(s, &s->list[place].peer);

	while (*link != place)
		link = &s->list[*link].next;
	*link = s->list[place].next;
	unlink_age(s, place);
	s->forgotten++;
}

/* A place for a new one: that of the one that was not heard for longest. */
static uint16_t
make_place(struct senders *s)
{
	uint16_t oldest = s->list[0].newer;

	if (s->count < SENDERS)
		return (uint16_t)++s->count;
	forget(s, oldest);
	return oldest;
}

static uint16_t
find(struct senders *s, const struct address *peer, long long now_ms)
{
	uint16_t *bucket = bucket_of(s, peer), place = *bucket;

	while (place && !is_peer(&s->list[place], peer))
		place = s->list[place].next;
	if (place) {
		unlink_age(s, place);
	} else {
		place = make_place(s);
		s->list[place] = (struct sender){ .peer = *peer,
						  .first_ms = now_ms,
						  .next = *bucket };
		*bucket = place;
	}
	link_newest(s, place);
	return place;
}

void
senders_add(struct senders *s, const struct sent *sent, size_t count)
{
	long long now_ms = clock_now_ms();

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < count; i++) {
		uint16_t place = find(s, sent[i].peer, now_ms);
		struct sender *sender = &s->list[place];

		sender->datagrams += sent[i].datagrams;
		sender->bytes += sent[i].bytes;
		sender->last_ms = now_ms;
	}
	pthread_mutex_unlock(&s->lock);
}

size_t
senders_copy(struct senders *s, size_t *next, struct sender *out, size_t max)
{
	size_t count;

	pthread_mutex_lock(&s->lock);
	count = s->count - *next < max ? s->count - *next : max;
	memcpy(out, &s->list[*next + 1], count * sizeof *out);
	*next += count;
	pthread_mutex_unlock(&s->lock);
	return count;
}

uint64_t
senders_forgotten(struct senders *s)
{
	uint64_t forgotten;

	pthread_mutex_lock(&s->lock);
	forgotten = s->forgotten;
	pthread_mutex_unlock(&s->lock);
	return forgotten;
}
