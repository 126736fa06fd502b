/* SPDX-License-Identifier: MIT */
/*
 * fuzz_log: the outputs of a daemon, kept from one input to the next: a file of
 * text and one of JSON, which are read back line by line.
 */
#ifndef PORTLOG_FUZZ_LOG_H
#define PORTLOG_FUZZ_LOG_H

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "output/output_set.h"
#include "record/format.h"
#include "record/log_line.h"

enum { LOG_TEXT, LOG_JSON, LOGS };

struct fuzz_log {
	int files[LOGS];
	char paths[LOGS][32];
	struct output_config configs[LOGS];
	struct output_set *outputs;
};

static inline void
log_open(struct fuzz_log *log)
{
	struct config config = { .outputs = log->configs,
				 .output_count = LOGS };

	if (log->outputs)
		return;
	for (int i = 0; i < LOGS; i++) {
		log->files[i] = memfd_create("log", MFD_CLOEXEC);
		snprintf(log->paths[i], sizeof log->paths[i],
			 "/proc/self/fd/%d", log->files[i]);
		log->configs[i] = (struct output_config){
			.type = OUTPUT_FILE,
			.name = log->paths[i],
			.path = log->paths[i],
			.mode = 0600,
			.format = i == LOG_TEXT ? FORMAT_TEXT : FORMAT_JSON,
		};
	}
	log->outputs = output_set_open(&config, -1, -1);
	REQUIRE(log->outputs);
}

/* Parse each line, hand it to take() with its text, and empty the file. */
static inline void
log_read(const struct fuzz_log *log, int number,
	 void (*take)(void *, const struct log_line *, const char *, size_t),
	 void *context)
{
	size_t size = (size_t)lseek(log->files[number], 0, SEEK_END);
	char *text = fuzz_memory(size), *line = text, *end;

	REQUIRE(pread(log->files[number], text, size, 0) == (ssize_t)size);
	REQUIRE(size == 0 || text[size - 1] == '\n');
	for (; line < text + size; line = end + 1) {
		struct log_line parsed = { 0 };
		char *copy;

		end = memchr(line, '\n', (size_t)(text + size - line));
		REQUIRE(fuzz_is_utf8(line, (size_t)(end - line)));
		copy = fuzz_copy(line, (size_t)(end - line));
		REQUIRE(!(number == LOG_JSON
				  ? log_line_parse_json(&parsed, copy,
							(size_t)(end - line))
				  : log_line_parse_text(&parsed, copy,
							(size_t)(end - line))));
		take(context, &parsed, line, (size_t)(end - line));
		if (number == LOG_JSON)
			log_line_free(&parsed);
		free(copy);
	}
	free(text);
	REQUIRE(ftruncate(log->files[number], 0) == 0);
}

#endif
