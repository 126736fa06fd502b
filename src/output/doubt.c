/* SPDX-License-Identifier: MIT */
#include "output/doubt.h"

void
doubt_closed(struct output *output, struct sink *sink)
{
	if (sink->doubtful == 0)
		return;
	output->doubtful += sink->doubtful;
	sink->doubtful = 0;
	atomic_fetch_add(&output->doubts, 1);
}
