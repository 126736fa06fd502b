/* SPDX-License-Identifier: MIT */
/*
 * fuzz_path_pattern: four texts, each up to its NUL: a pattern, a listener, a
 * peer and its name; then five bytes of a time.
 */
#include "record/path_pattern.h"

#include "fuzz.h"

#define NAME_BYTES 79

/* The next text of the input, and how much of it is left. */
static void
take_text(char *out, size_t most, const uint8_t **data, size_t *size)
{
	size_t used = 0;

	while (used<most && * size> 0 && **data) {
		out[used++] = (char)**data;
		++*data;
		--*size;
	}
	out[used] = '\0';
	while (*size > 0 && **data) {
		++*data;
		--*size;
	}
	if (*size > 0) {
		++*data;
		--*size;
	}
}

static size_t
count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void
check_path(const char *pattern, const char *path)
{
	char directory[PATH_MAX];
	size_t fixed = path_pattern_directory(pattern, directory);
	const char *name = strrchr(path, '/');

	REQUIRE(strlen(path) < PATH_MAX);
	REQUIRE(memcmp(path, pattern, fixed) == 0);
	REQUIRE(count(path, "/") == count(pattern, "/"));
	REQUIRE(count(path, "//") == count(pattern, "//"));
	REQUIRE(count(path, "/../") == count(pattern, "/../"));
	REQUIRE(count(path, "/./") == count(pattern, "/./"));
	name = name ? name + 1 : path;
	REQUIRE(*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	for (; *path; path++)
		REQUIRE((*path > ' ' && *path <= '~') ||
			strchr(pattern, *path));
}

int
fuzz_path_pattern(const uint8_t *data, size_t size)
{
	char pattern[PATH_MAX], listener[NAME_BYTES + 1], path[PATH_MAX];
	struct origin origin = { .listener = listener };
	struct record record = { .origin = &origin };
	char name[NAME_BYTES + 1];

	take_text(pattern, sizeof pattern - 1, &data, &size);
	take_text(listener, NAME_BYTES, &data, &size);
	take_text(origin.peer, sizeof origin.peer - 1, &data, &size);
	take_text(name, NAME_BYTES, &data, &size);
	origin.name = *name ? name : NULL;
	for (size_t i = 0; i < 5 && i < size; i++)
		record.time.tv_sec = record.time.tv_sec << 8 | data[i];
	if (!path_pattern_is(pattern) || path_pattern_expect(pattern))
		return 0;
	path_pattern_expand(pattern, &record, path);
	check_path(pattern, path);
	REQUIRE(path_pattern_is_same(path_pattern_parts(pattern), &record,
				     &record));
	return 0;
}
