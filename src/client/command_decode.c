/* SPDX-License-Identifier: MIT */
/* portlog decode: a log back to the bytes that the peers sent. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "base/escape.h"
#include "base/program.h"
#include "client/command.h"
#include "client/log_files.h"
#include "client/log_view.h"
#include "client/stream.h"
#include "record/log_line.h"

struct decode {
	const char *peer, *listener; /* NULL: all */
	char terminator;
	bool has_terminator;
	bool is_joined; /* print lines of a log, without pieces */
	bool has_found;
	struct streams streams; /* with a record that is not complete */
	struct buffer out;
};

static const char usage[] =
	"usage: portlog decode [-0 | -j | -r] [-p PEER] [-l LISTENER] "
	"[FILE]...\n";

static const char help[] =
	"Prints the bytes that the peers of a log, text or JSON, have sent.\n"
	"\n"
	"  -0           a NUL after each record, instead of a newline\n"
	"  -j           text lines with time, listener and peer, but none for "
	"pieces\n"
	"  -r           nothing after a record\n"
	"  -p PEER      only of this peer: ADDRESS, ADDRESS:PORT or "
	"[ADDRESS]:PORT\n"
	"  -l LISTENER  only of this listener\n"
	"  -h           this help\n"
	"\n"
	"Pieces are joined.  FILE may be compressed, by gzip, xz or zstd; - "
	"is standard\n"
	"input.  What is no line of a log is told, with its number, and left "
	"out; the\n"
	"exit code is 1 then, and if -p or -l match nothing.  See "
	"portlog(1).\n";

/* Returns 0; -1: help was printed; else the exit code. */
static int
parse_options(struct decode *d, int argc, char **argv)
{
	int c;

	while ((c = command_option(argc, argv, "+0jrp:l:h", NULL)) != -1) {
		switch (c) {
		case '0':
			d->terminator = '\0';
			break;
		case 'j':
			d->is_joined = true;
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
	if ((d->terminator == '\0') + d->is_joined + !d->has_terminator > 1)
		return program_misused(
			usage, "found two of -0, -j and -r, expected one");
	return 0;
}

static void
write_out(void *decode)
{
	struct decode *d = decode;

	program_write_out(&d->out);
}

/* Put a record: the pieces that came before, and its last line. */
static void
put_record(struct decode *d, struct stream *stream, const struct log_line *line)
{
	const char *data = line->data;
	size_t size = line->size;

	if (stream) {
		buffer_add(&stream->pieces, data, size);
		data = stream->pieces.data;
		size = stream->pieces.size;
	}
	if (d->is_joined) {
		/* Together: a character may be in two pieces. */
		log_view_add_columns(&d->out, line);
		log_view_add_escaped(&d->out, data, size);
	} else {
		buffer_add(&d->out, data, size);
	}
	if (d->has_terminator)
		buffer_add(&d->out, &d->terminator, 1);
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

static const char *
decode_line(void *decode, const struct log_line *line)
{
	struct decode *d = decode;
	struct stream *stream;
	struct timespec time;

	if (d->is_joined && !log_line_time(line, &time))
		return "a time, such as 2026-11-23T07:12:01.123456Z";
	if (!is_wanted(d, line))
		return NULL;
	d->has_found = true;
	if (line->tag == TAG_PIECE) {
		stream = streams_get(&d->streams, line);
		buffer_add(&stream->pieces, line->data, line->size);
		memcpy(stream->time, line->time, sizeof stream->time);
		return NULL;
	}
	stream = streams_find(&d->streams, line);
	put_record(d, stream, line);
	if (stream)
		streams_remove(&d->streams, stream);
	return NULL;
}

/* Put a record that the log does not end; its last line was a piece. */
static void
put_unfinished(struct stream *stream, void *decode)
{
	const char *space = strchr(stream->key, ' ');
	const struct log_line last = {
		.time = stream->time,
		.listener = stream->key,
		.listener_size = (size_t)(space - stream->key),
		.peer = space + 1,
		.peer_size = strcspn(space + 1, " "),
		.tag = TAG_PIECE,
	};

	put_record(decode, stream, &last);
}

static bool
report_nothing_found(const struct decode *d)
{
	if (d->has_found || (!d->peer && !d->listener))
		return true;
	diag(LOG_ERR, "found no record of %s%s%s%s%s", d->peer ? "peer " : "",
	     d->peer ? d->peer : "", d->peer && d->listener ? " and " : "",
	     d->listener ? "listener " : "", d->listener ? d->listener : "");
	return false;
}

int
command_decode(int argc, char **argv)
{
	struct decode d = { .terminator = '\n', .has_terminator = true };
	struct log_files files = {
		.take = decode_line,
		.pause = write_out,
		.argument = &d,
	};
	int result = parse_options(&d, argc, argv);
	static char minus[] = "-", *standard_input[] = { minus };
	bool good;

	if (result != 0)
		return result < 0 ? EX_OK : result;
	files.count = (size_t)(argc - optind);
	files.paths = argv + optind;
	if (files.count == 0) {
		files.count = 1;
		files.paths = standard_input;
	}
	good = log_files_read(&files);
	streams_drain(&d.streams, put_unfinished, &d);
	write_out(&d);
	good = report_nothing_found(&d) && good;
	buffer_free(&d.out);
	return good ? EX_OK : EXIT_FAILURE;
}
