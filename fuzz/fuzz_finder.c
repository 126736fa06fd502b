/* SPDX-License-Identifier: MIT */
/*
 * fuzz_finder: the first byte is the size of the needle, the second that of the
 * sample; then come needle, sample and text.  What is found is what a look at
 * each place finds.
 */
#include "client/finder.h"

#include "fuzz.h"

static const char *
look(const char *text, size_t size, const char *needle, size_t length)
{
	for (size_t i = 0; i + length <= size; i++)
		if (length == 0 || memcmp(text + i, needle, length) == 0)
			return text + i;
	return NULL;
}

/* A copy of the next bytes of the input, as many as there are at most. */
static char *
take(const uint8_t **data, size_t *left, size_t *size)
{
	char *copy;

	if (*size > *left)
		*size = *left;
	copy = fuzz_copy(*data, *size);
	*data += *size;
	*left -= *size;
	return copy;
}

int
fuzz_finder(const uint8_t *data, size_t size)
{
	struct finder finder = { 0 };
	size_t left = size - 2, sample_size, length;
	char *needle, *sample, *text;
	const char *found;

	if (size < 2)
		return 0;
	length = data[0];
	sample_size = data[1];
	data += 2;
	needle = take(&data, &left, &length);
	sample = take(&data, &left, &sample_size);
	text = fuzz_copy(data, left);
	finder.needle = needle;
	finder.size = length;
	found = look(text, left, needle, length);
	REQUIRE(finder_find(&finder, text, left) == found);
	finder_tune(&finder, sample, sample_size);
	REQUIRE(length == 0 || finder.rare < length);
	REQUIRE(finder_find(&finder, text, left) == found);
	free(text);
	free(sample);
	free(needle);
	return 0;
}
