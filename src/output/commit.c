/* SPDX-License-Identifier: MIT */
#include "output/commit.h"

void
commit_init(struct commit *c, bool (*act)(void *context), void *context)
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

/* The lock is held, but not while it acts. */
static void
lead(struct commit *c)
{
	bool is_safe;

	c->begun++;
	c->is_acting = true;
	pthread_mutex_unlock(&c->lock);
	is_safe = c->act(c->context);
	pthread_mutex_lock(&c->lock);
	c->is_acting = false;
	if (!is_safe && c->failed < c->begun)
		c->failed = c->begun;
	pthread_cond_broadcast(&c->ended);
}

static bool
has_ended(const struct commit *c, unsigned long long turn)
{
	return c->begun > turn || (c->begun == turn && !c->is_acting);
}

bool
commit_wait(struct commit *c)
{
	unsigned long long turn;
	bool is_safe;

	pthread_mutex_lock(&c->lock);
	turn = c->begun + 1;
	c->waiting++;
	while (!has_ended(c, turn)) {
		if (c->is_acting)
			pthread_cond_wait(&c->ended, &c->lock);
		else
			lead(c);
	}
	c->waiting--;
	/* A later turn that failed may have been about the same. */
	is_safe = c->failed < turn;
	pthread_mutex_unlock(&c->lock);
	return is_safe;
}

void
commit_doubt(struct commit *c)
{
	pthread_mutex_lock(&c->lock);
	c->failed = c->begun + 1;
	pthread_mutex_unlock(&c->lock);
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
