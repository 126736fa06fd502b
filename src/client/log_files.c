/* SPDX-License-Identifier: MIT */
#include "client/log_files.h"

#include <string.h>

#include "base/diag.h"
#include "client/lines.h"

/* A file, and the faults of its last lines, which are all of one kind. */
struct reader {
	const struct log_files *files;
	struct input input;
	struct lines lines;
	const char *expected; /* NULL: the last line has none */
	unsigned long long first;
	bool has_failed;
};

/* The first of the faults was logged when it was found; now log the others. */
static void
end_faults(struct reader *r, unsigned long long last)
{
	if (r->expected && last == r->first + 1)
		diag(LOG_ERR, "%s:%llu: expected the same", r->input.name,
		     last);
	else if (r->expected && last > r->first)
		diag(LOG_ERR, "%s:%llu to %llu: expected the same",
		     r->input.name, r->first + 1, last);
	r->expected = NULL;
}

static void
note_fault(struct reader *r, const char *expected)
{
	unsigned long long number = r->lines.number;

	if (r->expected && expected && strcmp(expected, r->expected) == 0)
		return;
	end_faults(r, number - 1);
	if (!expected)
		return;
	diag(LOG_ERR, "%s:%llu: expected %s", r->input.name, number, expected);
	r->expected = expected;
	r->first = number;
	r->has_failed = true;
}

static void
take_line(struct reader *r, const struct line *line)
{
	bool is_json = line->size > 0 && line->text[0] == '{';
	struct log_line log_line;
	const char *expected;

	if (!line->is_whole) {
		note_fault(r, "a newline at the end of the last line");
		return;
	}
	expected =
		is_json ? log_line_parse_json(&log_line, line->text, line->size)
			: log_line_parse_text(&log_line, line->text,
					      line->size);
	if (!expected)
		expected = r->files->take(r->files->argument, &log_line);
	if (is_json)
		log_line_free(&log_line);
	note_fault(r, expected);
}

/* What a pipe brings compressed has no lines that are worth a word each. */
static bool
is_compressed(struct reader *r, const struct line *line)
{
	const char *program = r->lines.number == 1
				    ? input_program(line->text, line->size)
				    : NULL;

	if (!program)
		return false;
	diag(LOG_ERR,
	     "%s: compressed, expected lines: give the file itself, or the "
	     "output of \"%s -dc\"",
	     r->input.name, program);
	r->has_failed = true;
	return true;
}

static void
read_lines(struct reader *r)
{
	struct line line;

	do {
		while (lines_held(&r->lines, &line)) {
			if (is_compressed(r, &line))
				return;
			take_line(r, &line);
		}
		if (r->files->pause)
			r->files->pause(r->files->argument);
	} while (lines_read(&r->lines));
	end_faults(r, r->lines.number);
	if (r->lines.error) {
		diag(LOG_ERR, "%s: %s", r->input.name,
		     strerror(r->lines.error));
		r->has_failed = true;
	}
}

static bool
read_file(const struct log_files *files, const char *path)
{
	struct reader r = { .files = files, .lines = { .input = &r.input } };

	if (!input_open_log(&r.input, path))
		return false;
	read_lines(&r);
	lines_free(&r.lines);
	return input_close(&r.input) && !r.has_failed;
}

bool
log_files_read(const struct log_files *files)
{
	bool good = true;

	for (size_t i = 0; i < files->count; i++)
		good = read_file(files, files->paths[i]) && good;
	return good;
}
