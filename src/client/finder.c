/* SPDX-License-Identifier: MIT */
#include "client/finder.h"

#include <limits.h>
#include <string.h>

void
finder_tune(struct finder *finder, const char *sample, size_t size)
{
	size_t counts[UCHAR_MAX + 1] = { 0 };

	for (size_t i = 0; i < size; i++)
		counts[(unsigned char)sample[i]]++;
	for (size_t i = 0; i < finder->size; i++)
		if (counts[(unsigned char)finder->needle[i]] <
		    counts[(unsigned char)finder->needle[finder->rare]])
			finder->rare = i;
}

const char *
finder_find(const struct finder *finder, const char *text, size_t size)
{
	const char *needle = finder->needle, *at, *last;
	size_t rare = finder->rare, length = finder->size;

	if (length == 0 || size < length)
		return length == 0 ? text : NULL;
	at = text + rare;
	last = text + size - length + rare;
	while ((at = memchr(at, needle[rare], (size_t)(last - at) + 1))) {
		if (memcmp(at - rare, needle, length) == 0)
			return at - rare;
		if (at++ == last)
			return NULL;
	}
	return NULL;
}
