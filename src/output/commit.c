/* SPDX-License-Identifier: MIT */
#include "output/commit.h"

void
commit_init(struct commit *c, unsigned (*act)(void *context), void *context)
{
	*c = (struct commit){ .act = act, .context = context };
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->ended, NULL);
}

void
commit_destroy(struct commit *c)
{
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->ended);
}

/* A thread that waits; on its stack. */
struct waiter {
	struct waiter *next;
	unsigned long long turn;
	unsigned result;
	bool has_result;
};

/* The lock is held. */
static void
release(struct commit *c, unsigned result)
{
	struct waiter **link = &c->waiters, *w;

	while ((w = *link)) {
		if (w->turn > c->begun) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		w->result = result;
		w->has_result = true;
		c->waiting--;
	}
	pthread_cond_broadcast(&c->ended);
}

/* The lock is held, but not while it acts. */
static void
lead(struct commit *c)
{
	unsigned result;

	c->begun++;
	c->is_acting = true;
	pthread_mutex_unlock(&c->lock);
	result = c->act(c->context);
	pthread_mutex_lock(&c->lock);
	c->is_acting = false;
	release(c, result);
}

unsigned
commit_wait(struct commit *c)
{
	struct waiter w = { 0 };

	pthread_mutex_lock(&c->lock);
	w.turn = c->begun + 1;
	w.next = c->waiters;
	/* cppcheck-suppress autoVariables; it is released before we return */
	c->waiters = &w;
	c->waiting++;
	while (!w.has_result) {
		if (c->is_acting)
			pthread_cond_wait(&c->ended, &c->lock);
		else
			lead(c);
	}
	pthread_mutex_unlock(&c->lock);
	return w.result;
}

size_t
commit_waiting(struct commit *c)
{
	size_t waiting;

	pthread_mutex_lock(&c->lock);
	waiting = c->waiting;
	pthread_mutex_unlock(&c->lock);
	return waiting;
}
