/* SPDX-License-Identifier: MIT */
#include "output/doubt.h"

/* In this order: of a kill between them the next process learns. */
void
doubt_count(struct output *output)
{
	atomic_fetch_add(output->all_doubts, 1);
	atomic_fetch_add(&output->doubts, 1);
}

void
doubt_closed(struct output *output, struct sink *sink)
{
	if (sink->doubtful == 0)
		return;
	output->doubtful += sink->doubtful;
	sink->doubtful = 0;
	doubt_count(output);
}
