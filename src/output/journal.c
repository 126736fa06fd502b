/* SPDX-License-Identifier: MIT */
/* The sink of the systemd journal: a field for each column of a record. */
#include <errno.h>

#include "output/sink.h"

#define SOCKET_PATH "/run/systemd/journal/socket"

#ifdef HAVE_LIBSYSTEMD

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/escape.h"

#define FIELDS 17
#define FIELD_BYTES 160

/* The names of both fields of add_message(), and the columns of MESSAGE. */
#define COLUMN_BYTES 256

/*
 * sd_journal_sendv() returns success even where there is no journal.  Believe
 * it only if the journal's socket is the same before and after the call.  The
 * inode number says so: /run is a tmpfs, which does not reuse numbers soon.
 */
static bool
stat_socket(struct stat *found)
{
	return stat(SOCKET_PATH, found) == 0;
}

static bool
is_same_socket(const struct stat *before)
{
	struct stat now;

	if (!stat_socket(&now))
		return false;
	errno = ENOENT; /* a new socket: there was none for a while */
	return now.st_dev == before->st_dev && now.st_ino == before->st_ino;
}

static bool
open_journal(struct sink *sink)
{
	struct stat found;

	sink->fd = -1; /* libsystemd has its own */
	return stat_socket(&found);
}

struct entry {
	struct iovec fields[FIELDS];
	size_t count;
	char text[FIELDS][FIELD_BYTES];
};

static void
add(struct entry *entry, const char *name, const char *value)
{
	char *text = entry->text[entry->count];
	int size = snprintf(text, FIELD_BYTES, "%s=%s", name, value);

	entry->fields[entry->count++] = (struct iovec){ text, (size_t)size };
}

static void
add_number(struct entry *entry, const char *name, unsigned long long value)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", value);
	add(entry, name, text);
}

static void
add_origin(struct entry *entry, const struct origin *origin)
{
	add(entry, "PORTLOG_LISTENER", origin->listener);
	if (origin->protocol != PROTOCOL_NONE)
		add(entry, "PORTLOG_PROTOCOL",
		    address_protocol(origin->protocol));
	if (strcmp(origin->peer, "-") != 0) {
		const char *host, *port;
		char name[ADDRESS_TEXT];
		size_t size;

		address_split(origin->peer, &host, &size, &port);
		/* A process has no port. */
		if (protocol_is_unix(origin->protocol))
			size = strlen(origin->peer);
		else
			add(entry, "PORTLOG_PORT", port);
		snprintf(name, sizeof name, "%.*s", (int)size, host);
		add(entry, "PORTLOG_PEER", name);
	}
	if (origin->by)
		add(entry, "PORTLOG_BY", origin->by);
	if (origin->name)
		add(entry, "PORTLOG_NAME", origin->name);
	if (origin->fingerprint)
		add(entry, "PORTLOG_FINGERPRINT", origin->fingerprint);
	if (origin->run)
		add(entry, "PORTLOG_RUN", origin->run);
	if (origin->connection > 0)
		add_number(entry, "PORTLOG_CONNECTION", origin->connection);
}

/* Add a field that lies in the sink's buffer, from begin to end. */
static void
add_data(struct entry *entry, struct sink *sink, size_t begin, size_t end)
{
	entry->fields[entry->count++] =
		(struct iovec){ sink->buffer + begin, end - begin };
}

/*
 * MESSAGE, and PORTLOG_RAW where escaping changed the bytes.  MESSAGE begins
 * with the columns, as what portlogd itself says never does: the journal shows
 * both under one name.
 */
static void
add_message(struct entry *entry, struct sink *sink, const struct record *record)
{
	size_t size = record->size, used, end;

	used = (size_t)snprintf(sink->buffer, COLUMN_BYTES, "MESSAGE=%s %s %c ",
				record->origin->listener, record->origin->peer,
				record->tag);
	end = used + escape(sink->buffer + used, sink->capacity - used,
			    record->data, &size);
	add_data(entry, sink, 0, end);
	if (end - used == record->size &&
	    memcmp(sink->buffer + used, record->data, record->size) == 0)
		return;
	used = end + (size_t)sprintf(sink->buffer + end, "PORTLOG_RAW=");
	memcpy(sink->buffer + used, record->data, record->size);
	add_data(entry, sink, end, used + record->size);
}

static bool
reserve(struct sink *sink, size_t size)
{
	size_t capacity = (ESCAPE_GROWTH + 1) * size + COLUMN_BYTES;
	char *buffer;

	if (capacity <= sink->capacity)
		return true;
	buffer = realloc(sink->buffer, capacity);
	if (!buffer)
		return false;
	sink->buffer = buffer;
	sink->capacity = capacity;
	return true;
}

static bool
send_journal(struct sink *sink, const struct record *record)
{
	char tag[] = { (char)record->tag, '\0' };
	struct entry entry = { .count = 0 };
	struct stat found;
	int error;

	if (!reserve(sink, record->size))
		return false;
	add_message(&entry, sink, record);
	add_origin(&entry, record->origin);
	if (record->number > 0)
		add_number(&entry, "PORTLOG_RECORD", record->number);
	if (record_has_pieces(record))
		add_number(&entry, "PORTLOG_PIECE", record->begin);
	add(&entry, "PORTLOG_TAG", tag);
	add(&entry, "SYSLOG_IDENTIFIER", sink->config->ident);
	add_number(&entry, "SYSLOG_FACILITY", sink->config->facility);
	add_number(&entry, "PRIORITY", sink->config->severity);
	if (!stat_socket(&found))
		return false;
	error = sd_journal_sendv(entry.fields, (int)entry.count);
	errno = -error;
	return error == 0 && is_same_socket(&found);
}

static void
close_journal(struct sink *sink)
{
	free(sink->buffer);
}

#else

static bool
open_journal(struct sink *sink)
{
	sink->fd = -1;
	errno = ENOSYS;
	return false;
}

static bool
send_journal(struct sink *sink, const struct record *record)
{
	(void)record;
	return open_journal(sink);
}

static void
close_journal(struct sink *sink)
{
	sink->fd = -1;
}

#endif

const struct sink_ops sink_journal = {
	.open = open_journal,
	.send = send_journal,
	.close = close_journal,
	.path = SOCKET_PATH,
};
