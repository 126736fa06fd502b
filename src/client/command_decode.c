/* SPDX-License-Identifier: MIT */
/* portlog decode: a text log back to the bytes that the peers sent. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "base/program.h"
#include "client/command.h"
#include "client/lines.h"
#include "client/stream.h"
#include "record/log_line.h"

#define BLOCK_BYTES 262144

struct decode {
	const char *file;            /* "-": stdin */
	const char *peer, *listener; /* NULL: all */
	char terminator;
	bool has_terminator;
	bool has_failed;
	struct streams streams; /* with a record that is not complete */
	struct buffer out;
};

static const char usage[] =
	"usage: portlog decode [-0 | -r] [-p PEER] [-l LISTENER] [FILE]\n";

static const char help[] =
	"Prints the bytes that the peers of a text log have sent.\n"
	"\n"
	"  -0           a NUL after each record, instead of a newline\n"
	"  -r           nothing after a record\n"
	"  -p PEER      only of this peer: ADDRESS, ADDRESS:PORT or "
	"[ADDRESS]:PORT\n"
	"  -l LISTENER  only of this listener\n"
	"  -h           this help\n"
	"\n"
	"Pieces are joined.  What is no line of a log is told, with its "
	"number,\n"
	"and left out; the exit code is 1 then.  See portlog(1).\n";

/* Returns 0; -1: help was printed; else the exit code. */
static int
parse_options(struct decode *d, int argc, char **argv)
{
	int c;

	while ((c = command_option(argc, argv, "+0rp:l:h")) != -1) {
		switch (c) {
		case '0':
			d->terminator = '\0';
			break;
		case 'r':
			d->has_terminator = false;
			break;
		case 'p':
			d->peer = optarg;
			break;
		case 'l':
			d->listener = optarg;
			break;
		case 'h':
			printf("%s\n%s", usage, help);
			return -1;
		default:
			return program_misused(usage, NULL);
		}
	}
	if (!d->has_terminator && d->terminator == '\0')
		return program_misused(usage,
				       "found -0 and -r, expected one of them");
	if (argc - optind > 1)
		return program_misused(usage, "expected one FILE at the most");
	if (optind < argc)
		d->file = argv[optind];
	return 0;
}

static void
write_out(struct decode *d)
{
	for (size_t done = 0; done < d->out.size;) {
		ssize_t size = write(STDOUT_FILENO, d->out.data + done,
				     d->out.size - done);

		if (size >= 0) {
			done += (size_t)size;
		} else if (errno != EINTR) {
			diag(LOG_ERR, "standard output: %s", strerror(errno));
			exit(EXIT_FAILURE);
		}
	}
	d->out.size = 0;
}

/* Put the last bytes of a record, behind the pieces of it that came before. */
static void
put_record(struct decode *d, struct stream *stream, const char *data,
	   size_t size)
{
	if (stream)
		buffer_add(&d->out, stream->pieces.data, stream->pieces.size);
	buffer_add(&d->out, data, size);
	if (d->has_terminator)
		buffer_add(&d->out, &d->terminator, 1);
	if (d->out.size >= BLOCK_BYTES)
		write_out(d);
}

static bool
is_equal(const char *text, const char *data, size_t size)
{
	return strlen(text) == size && memcmp(text, data, size) == 0;
}

static bool
is_peer(const char *wanted, const struct log_line *line)
{
	const char *colon = memrchr(line->peer, ':', line->peer_size);
	const char *host = line->peer;
	size_t size = colon ? (size_t)(colon - host) : line->peer_size;

	if (is_equal(wanted, line->peer, line->peer_size))
		return true;
	if (size > 2 && host[0] == '[') {
		host++;
		size -= 2;
	}
	return is_equal(wanted, host, size);
}

static bool
is_wanted(const struct decode *d, const struct log_line *line)
{
	if (line->tag == TAG_NOTE)
		return false;
	if (d->listener &&
	    !is_equal(d->listener, line->listener, line->listener_size))
		return false;
	return !d->peer || is_peer(d->peer, line);
}

static void
decode_line(struct decode *d, const struct log_line *line)
{
	struct stream *stream;

	if (!is_wanted(d, line))
		return;
	if (line->tag == TAG_PIECE) {
		stream = streams_get(&d->streams, line);
		buffer_add(&stream->pieces, line->data, line->size);
		return;
	}
	stream = streams_find(&d->streams, line);
	put_record(d, stream, line->data, line->size);
	if (stream)
		streams_remove(&d->streams, stream);
}

/* Put a record that the log does not end. */
static void
put_unfinished(struct stream *stream, void *decode)
{
	put_record(decode, stream, NULL, 0);
}

static void
decode_lines(struct decode *d, struct lines *lines)
{
	const char *name = strcmp(d->file, "-") == 0 ? "stdin" : d->file;
	struct line line;

	while (lines_next(lines, &line)) {
		struct log_line log_line;
		const char *expected =
			log_line_parse_text(&log_line, line.text, line.size);

		if (!line.is_whole)
			expected = "a newline at the end of the last line";
		if (!expected) {
			decode_line(d, &log_line);
			continue;
		}
		diag(LOG_ERR, "%s:%llu: expected %s", name, lines->number,
		     expected);
		d->has_failed = true;
	}
	streams_drain(&d->streams, put_unfinished, d);
	write_out(d);
	if (lines->error) {
		diag(LOG_ERR, "%s: %s", name, strerror(lines->error));
		d->has_failed = true;
	}
}

int
command_decode(int argc, char **argv)
{
	struct decode d = { .file = "-",
			    .terminator = '\n',
			    .has_terminator = true };
	int result = parse_options(&d, argc, argv);
	struct lines lines;

	if (result != 0)
		return result < 0 ? EX_OK : result;
	if (!lines_open(&lines, d.file))
		return EXIT_FAILURE;
	decode_lines(&d, &lines);
	lines_close(&lines);
	buffer_free(&d.out);
	return d.has_failed ? EXIT_FAILURE : EX_OK;
}
