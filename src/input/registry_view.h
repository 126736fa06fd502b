/* SPDX-License-Identifier: MIT */
/*
 * registry_view: looks at all live connections, with the registry's lock held.
 * Any thread; no call blocks on outputs.
 */
#ifndef PORTLOG_INPUT_REGISTRY_VIEW_H
#define PORTLOG_INPUT_REGISTRY_VIEW_H

#include "input/registry.h"

/*
 * The source that most entries of that count are of, or of all for NULL, and
 * how many; 0: there is no entry.
 */
size_t registry_largest_source(struct registry *, const atomic_ullong *count,
			       struct address *);

/*
 * The bytes that the kernel holds for all entries; *held: those that were read
 * and are no record yet.
 */
unsigned long long registry_count_unread(struct registry *,
					 unsigned long long *held);

/*
 * Walk through the entries that are there all the time: begin, then step until
 * it returns false, then end.  A step calls look for up to max entries.
 */
void registry_walk_begin(struct registry *, struct registry_walk *);
bool registry_walk_step(struct registry *, struct registry_walk *, size_t max,
			void (*look)(const struct registry_entry *, void *),
			void *);
void registry_walk_end(struct registry *, struct registry_walk *);

#endif
