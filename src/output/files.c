/* SPDX-License-Identifier: MIT */
#include "output/files.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "output/doubt.h"
#include "record/path_pattern.h"

#define IDLE_MS 60000

struct file {
	struct sink sink;  /* fd -1: it is not open */
	uint64_t hash;     /* of its path */
	long long used_ms; /* CLOCK_MONOTONIC */
	char *name;        /* in messages, which ends with its path; owned */
};

struct files {
	size_t name_size; /* bytes of name before the path */
	size_t count;     /* of the files that are open, or to be opened */
	struct file *list[FILES_OPEN]; /* the last used first, then free ones */
	struct file memory[FILES_OPEN];
};

struct files *
files_new(const struct output_config *config)
{
	struct files *files = memory_zeroed(1, sizeof *files);

	/* The name alone says little of the file; its pattern says nothing. */
	if (strcmp(config->name, config->path) != 0)
		files->name_size = strlen(config->name) + 2;
	for (size_t i = 0; i < FILES_OPEN; i++) {
		struct file *file = &files->memory[i];

		file->name = memory_zeroed(files->name_size + PATH_MAX, 1);
		snprintf(file->name, files->name_size + 1,
			 "%s: ", config->name);
		file->sink = (struct sink){
			.config = config,
			.name = file->name,
			.path = file->name + files->name_size,
			.fd = -1,
		};
		files->list[i] = file;
	}
	return files;
}

static uint64_t
hash_of(const char *path)
{
	return bytes_hash(path, strlen(path));
}

static void
close_file(struct output *output, struct file *file)
{
	if (file->sink.fd >= 0)
		output->ops->close(&file->sink);
	file->sink.fd = -1;
	doubt_closed(output, &file->sink);
}

static bool
is_file(const struct file *file, const char *path, uint64_t hash)
{
	return file->hash == hash && strcmp(file->sink.path, path) == 0;
}

/* Where the file of this path is in the list; count: it is not. */
static size_t
find(const struct files *files, const char *path)
{
	uint64_t hash = hash_of(path);
	size_t i = 0;

	while (i < files->count && !is_file(files->list[i], path, hash))
		i++;
	return i;
}

/* Take a free place, or that of the file that was used before all others. */
static size_t
add(struct output *output, const char *path)
{
	struct files *files = output->files;
	size_t last =
		files->count < FILES_OPEN ? files->count++ : FILES_OPEN - 1;
	struct file *file = files->list[last];

	close_file(output, file);
	file->hash = hash_of(path);
	snprintf(file->name + files->name_size, PATH_MAX, "%s", path);
	file->sink.look_at_ms = file->sink.rotate_at_ms = 0;
	file->sink.reopen_failed = false;
	return last;
}

static void
close_idle(struct output *output, long long now_ms)
{
	struct files *files = output->files;

	while (files->list[files->count - 1]->used_ms + IDLE_MS < now_ms)
		close_file(output, files->list[--files->count]);
}

bool
files_select(struct output *output, const struct record *record)
{
	struct files *files = output->files;
	char path[PATH_MAX];
	struct file *file;
	size_t i;

	path_pattern_expand(output->config->path, record, path);
	i = find(files, path);
	if (i == files->count)
		i = add(output, path);
	file = files->list[i];
	for (; i > 0; i--)
		files->list[i] = files->list[i - 1];
	files->list[0] = file;
	file->used_ms = atomic_load(&output->counters.busy_since_ms);
	close_idle(output, file->used_ms);
	output->sink = &file->sink;
	return file->sink.fd >= 0 || output->ops->open(&file->sink);
}

struct sink *
files_sink(struct files *files, size_t number)
{
	return number < FILES_OPEN ? &files->memory[number].sink : NULL;
}

void
files_close_others(struct output *output)
{
	struct files *files = output->files;

	for (size_t i = 0; i < files->count; i++)
		if (&files->list[i]->sink != output->sink)
			close_file(output, files->list[i]);
}

bool
files_free(struct output *output)
{
	struct files *files = output->files;
	bool is_closed = true;

	output->sink = NULL;
	files_close_others(output);
	for (size_t i = 0; i < FILES_OPEN; i++) {
		is_closed &= !files->memory[i].sink.close_failed;
		free(files->memory[i].name);
	}
	free(files);
	return is_closed;
}
