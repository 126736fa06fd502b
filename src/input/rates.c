/* SPDX-License-Identifier: MIT */
#include "input/rates.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"

/* A source is at the place that its hash says or one of the next. */
#define WINDOW 16

/* Odd, and its bits are as good as random: 2^64 divided by the golden ratio. */
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

struct rates {
	const struct limits *limits; /* borrowed */
	unsigned prefix_v6;
	uint64_t seed; /* so that no peer knows whose place is next to whose */
	size_t places; /* a power of 2 */
	size_t read_bytes;
	pthread_mutex_t lock;
	/* Under the lock: */
	struct address peer; /* for rates_admit(): the last, and its source */
	struct rate_source *last;
	struct rate_source others;
	struct rate_source list[];
};

struct rates *
rates_new(const struct limits *limits, unsigned prefix_v6, size_t connections,
	  size_t read_bytes)
{
	size_t places = RATES_PLACES;
	struct rates *r;

	if (!rate_is_limited(limits))
		return NULL;
	while (places < RATES_PLACES + 2 * connections)
		places *= 2;
	r = memory_zeroed(1, sizeof *r + places * sizeof *r->list);
	r->limits = limits;
	r->prefix_v6 = prefix_v6;
	r->places = places;
	r->read_bytes = read_bytes;
	r->last = &r->others;
	/* Where there is no randomness yet, 0 will do. */
	if (getrandom(&r->seed, sizeof r->seed, GRND_NONBLOCK) < 0)
		r->seed = 0;
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
rates_free(struct rates *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

size_t
rates_bytes(const struct rates *r)
{
	return r ? sizeof *r + r->places * sizeof *r->list : 0;
}

static size_t
first_place(const struct rates *r, const struct address *source)
{
	uint64_t words[2] = { 0 };

	if (source->any.sa_family == AF_INET)
		memcpy(words, &source->in.sin_addr, 4);
	else
		memcpy(words, &source->in6.sin6_addr, sizeof words);
	words[0] = (words[0] ^ r->seed) * MULTIPLIER;
	words[1] = (words[1] ^ words[0] ^ words[0] >> 32) * MULTIPLIER;
	return (size_t)(words[1] >> 32);
}

/* A bucket that was not full may have become so meanwhile. */
static bool
is_free(const struct rates *r, struct rate_source *s, long long now_ms)
{
	if (s->holders > 0)
		return false;
	rate_fill(&s->rate, r->limits, now_ms);
	return rate_is_full(&s->rate);
}

/* The lock is held. */
static struct rate_source *
find(struct rates *r, const struct address *peer, long long now_ms)
{
	const struct address source = address_source(peer, r->prefix_v6);
	size_t first = first_place(r, &source);
	struct rate_source *free_one = NULL;

	for (size_t i = 0; i < WINDOW; i++) {
		struct rate_source *s = &r->list[(first + i) & (r->places - 1)];

		if (s->address.size > 0 &&
		    address_same_host(&s->address, &source))
			return s;
		if (!free_one && is_free(r, s, now_ms))
			free_one = s;
	}
	if (!free_one)
		return &r->others;
	*free_one = (struct rate_source){ .address = source,
					  .rate.filled_ms = now_ms };
	return free_one;
}

/*
 * The lock is held.  Each holder may have read twice read_bytes when it asks
 * next: what it has not settled for yet, and one read more.
 */
static void
see_plenty(const struct rates *r, struct rate_source *s)
{
	const struct rate_amount left = rate_left(&s->rate, r->limits);
	uint64_t enough = 2 * (uint64_t)s->holders * r->read_bytes;

	atomic_store_explicit(&s->has_plenty,
			      left.records >= enough && left.bytes >= enough,
			      memory_order_relaxed);
}

struct rate_source *
rates_hold(struct rates *r, const struct address *peer, long long now_ms)
{
	struct rate_source *s;

	pthread_mutex_lock(&r->lock);
	s = find(r, peer, now_ms);
	s->holders++;
	see_plenty(r, s);
	pthread_mutex_unlock(&r->lock);
	return s;
}

void
rates_release(struct rates *r, struct rate_source *s)
{
	pthread_mutex_lock(&r->lock);
	s->holders--;
	pthread_mutex_unlock(&r->lock);
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct rate_amount
rates_take(struct rates *r, struct rate_source *s, struct rate_amount wanted,
	   long long now_ms)
{
	struct rate_amount left;

	pthread_mutex_lock(&r->lock);
	rate_fill(&s->rate, r->limits, now_ms);
	left = rate_left(&s->rate, r->limits);
	if (left.records == 0 || left.bytes == 0)
		wanted = (struct rate_amount){ 0 };
	wanted.records = smaller(left.records, wanted.records);
	wanted.bytes = smaller(left.bytes, wanted.bytes);
	rate_take(&s->rate, r->limits, wanted);
	pthread_mutex_unlock(&r->lock);
	return wanted;
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void
rates_settle(struct rates *r, struct rate_source *s, struct rate_amount taken,
	     struct rate_amount used, long long now_ms)
{
	const struct rate_amount unused = { less(taken.records, used.records),
					    less(taken.bytes, used.bytes) };
	const struct rate_amount more = { less(used.records, taken.records),
					  less(used.bytes, taken.bytes) };

	pthread_mutex_lock(&r->lock);
	rate_fill(&s->rate, r->limits, now_ms);
	rate_put_back(&s->rate, unused);
	rate_take(&s->rate, r->limits, more);
	see_plenty(r, s);
	pthread_mutex_unlock(&r->lock);
}

/* A peer that has a place mostly sends more than one datagram in a row. */
static struct rate_source *
find_again(struct rates *r, const struct address *peer, long long now_ms)
{
	if (r->last != &r->others &&
	    memcmp(&peer->in6, &r->peer.in6, sizeof peer->in6) == 0)
		return r->last;
	r->peer = *peer;
	return r->last = find(r, peer, now_ms);
}

bool
rates_admit(struct rates *r, const struct address *peer,
	    struct rate_amount amount, long long now_ms, struct address *source)
{
	struct rate_source *s;
	struct rate_amount left;
	bool is_admitted;

	pthread_mutex_lock(&r->lock);
	s = find_again(r, peer, now_ms);
	rate_fill(&s->rate, r->limits, now_ms);
	left = rate_left(&s->rate, r->limits);
	is_admitted = left.records > 0 && left.bytes > 0;
	if (is_admitted)
		rate_take(&s->rate, r->limits, amount);
	else
		*source = s->address;
	pthread_mutex_unlock(&r->lock);
	return is_admitted;
}
