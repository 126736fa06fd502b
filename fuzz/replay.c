/* SPDX-License-Identifier: MIT */
/*
 * replay: run each fuzzer on all inputs of its corpus; any compiler will do.
 * The corpora are in the directory of the argument, or in
 * $TOP_SRCDIR/fuzz/corpus.
 */
#include <dirent.h>

#include "fuzz.h"

/* No input of a corpus is larger. */
#define INPUT_BYTES 1048576

static bool
replay_file(const struct fuzz_target *target, const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *buffer = fuzz_memory(INPUT_BYTES), *data;
	size_t size = file ? fread(buffer, 1, INPUT_BYTES, file) : 0;
	bool is_read = file && !ferror(file);

	if (file)
		fclose(file);
	data = fuzz_copy(buffer, size);
	free(buffer);
	if (is_read)
		target->run(data, size);
	else
		perror(path);
	free(data);
	return is_read;
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Returns how many inputs were replayed, or -1. */
static int
replay_directory(const struct fuzz_target *target, const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_visible, alphasort);
	bool is_read = true;

	if (count < 0) {
		perror(directory);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", directory,
			 entries[i]->d_name);
		is_read = is_read && replay_file(target, path);
		free(entries[i]);
	}
	free(entries);
	return is_read ? count : -1;
}

/* Replay twice: the state that an input leaves must not change the next run. */
static bool
replay_target(const struct fuzz_target *target, const char *corpus)
{
	char directory[2048];
	int count;

	snprintf(directory, sizeof directory, "%s/%s", corpus, target->name);
	count = replay_directory(target, directory);
	if (count > 0)
		count = replay_directory(target, directory);
	if (count == 0)
		fprintf(stderr, "%s: no input there\n", directory);
	if (count <= 0)
		return false;
	printf("%s: %d inputs, twice\n", target->name, count);
	return true;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("TOP_SRCDIR");
	char corpus[1024];
	bool is_good = true;

	/* Print each result before the next target may abort. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		snprintf(corpus, sizeof corpus, "%s", argv[1]);
	else
		snprintf(corpus, sizeof corpus, "%s/fuzz/corpus",
			 top ? top : ".");
	for (const struct fuzz_target *t = fuzz_targets; t->name; t++)
		is_good = replay_target(t, corpus) && is_good;
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
