/* SPDX-License-Identifier: MIT */
/* The sink of the systemd journal: a field for each column of a record. */
#include <errno.h>

#include "output/sink.h"

#define SOCKET_PATH "/run/systemd/journal/socket"

#ifdef HAVE_LIBSYSTEMD

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/escape.h"

#define FIELDS 17
#define NAME_BYTES 24
#define VALUE_BYTES 128

/* All fields but the data, and the columns of MESSAGE. */
#define COLUMN_BYTES ((size_t)(FIELDS + 2) * (NAME_BYTES + VALUE_BYTES))

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

/* libsystemd has a socket of its own. */
static bool
open_journal(struct sink *sink)
{
	struct stat found;

	sink->fd = -1;
	if (stat_socket(&found))
		sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return sink->fd >= 0;
}

/*
 * The fields lie one after another in the sink's buffer, each with a newline
 * behind it: as the journal reads them, where no value has a newline.
 */
struct entry {
	struct iovec fields[FIELDS]; /* without their newlines */
	size_t count;
	char *end; /* of what is written */
};

static char *
put(char *out, const char *text, size_t most)
{
	size_t size = strnlen(text, most);

	memcpy(out, text, size);
	return out + size;
}

/* End a field, of which the sink's buffer has all from entry->end on. */
static void
end_field(struct entry *entry, char *end)
{
	entry->fields[entry->count++] =
		(struct iovec){ entry->end, (size_t)(end - entry->end) };
	*end = '\n';
	entry->end = end + 1;
}

/* The name has its "=". */
static void
add_part(struct entry *entry, const char *name, const char *value, size_t size)
{
	char *end = put(entry->end, name, NAME_BYTES);

	end_field(entry,
		  put(end, value, size < VALUE_BYTES ? size : VALUE_BYTES));
}

static void
add(struct entry *entry, const char *name, const char *value)
{
	if (value)
		add_part(entry, name, value, VALUE_BYTES);
}

static void
add_number(struct entry *entry, const char *name, uint64_t value)
{
	end_field(entry, decimal_put(put(entry->end, name, NAME_BYTES), value));
}

static void
add_peer(struct entry *entry, const struct origin *origin)
{
	const char *host, *port;
	size_t size;

	if (strcmp(origin->peer, "-") == 0)
		return;
	/* A process has no port. */
	if (protocol_is_unix(origin->protocol)) {
		add_part(entry, "PORTLOG_PEER=", origin->peer, ADDRESS_TEXT);
		return;
	}
	address_split(origin->peer, &host, &size, &port);
	add(entry, "PORTLOG_PORT=", port);
	add_part(entry, "PORTLOG_PEER=", host, size);
}

static void
add_origin(struct entry *entry, const struct origin *origin)
{
	add(entry, "PORTLOG_LISTENER=", origin->listener);
	if (origin->protocol != PROTOCOL_NONE)
		add(entry,
		    "PORTLOG_PROTOCOL=", address_protocol(origin->protocol));
	add_peer(entry, origin);
	add(entry, "PORTLOG_BY=", origin->by);
	add(entry, "PORTLOG_NAME=", origin->name);
	add(entry, "PORTLOG_FINGERPRINT=", origin->fingerprint);
	add(entry, "PORTLOG_RUN=", origin->run);
	if (origin->connection > 0)
		add_number(entry, "PORTLOG_CONNECTION=", origin->connection);
}

/*
 * MESSAGE begins with the columns, as what portlogd itself says never does: the
 * journal shows both under one name.  Whether it has the data as they are.
 */
static bool
add_message(struct entry *entry, const struct record *record)
{
	const struct origin *origin = record->origin;
	size_t size = record->size, escaped;
	char *end = put(entry->end, "MESSAGE=", NAME_BYTES);
	bool is_same;

	end = put(end, origin->listener, VALUE_BYTES);
	*end++ = ' ';
	end = put(end, origin->peer, ADDRESS_TEXT);
	*end++ = ' ';
	*end++ = (char)record->tag;
	*end++ = ' ';
	escaped = escape(end, ESCAPE_GROWTH * size, record->data, &size);
	is_same = escaped == record->size &&
		  memcmp(end, record->data, escaped) == 0;
	end_field(entry, end + escaped);
	return is_same;
}

static void
add_raw(struct entry *entry, const struct record *record)
{
	char *end = put(entry->end, "PORTLOG_RAW=", NAME_BYTES);

	if (record->size > 0)
		memcpy(end, record->data, record->size);
	end_field(entry, end + record->size);
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

/*
 * Send what the journal reads as it is, to whoever has its path now: half the
 * time of sd_journal_sendv() between two stat(2).  EMSGSIZE and ENOBUFS: it is
 * too large for a datagram.
 */
static bool
send_datagram(const struct sink *sink, const struct entry *entry)
{
	static const struct sockaddr_un journal = { AF_UNIX, SOCKET_PATH };

	return sendto(sink->fd, sink->buffer,
		      (size_t)(entry->end - sink->buffer), MSG_NOSIGNAL,
		      (const struct sockaddr *)&journal, sizeof journal) >= 0;
}

/* Any values, of any size. */
static bool
send_fields(const struct entry *entry)
{
	struct stat found;
	int error;

	if (!stat_socket(&found))
		return false;
	error = sd_journal_sendv(entry->fields, (int)entry->count);
	errno = -error;
	return error == 0 && is_same_socket(&found);
}

static bool
send_journal(struct sink *sink, const struct record *record)
{
	char tag[] = { (char)record->tag, '\0' };
	struct entry entry = { .count = 0 };
	bool is_text;

	if (!reserve(sink, record->size))
		return false;
	entry.end = sink->buffer;
	is_text = add_message(&entry, record);
	if (!is_text)
		add_raw(&entry, record);
	add_origin(&entry, record->origin);
	if (record->number > 0)
		add_number(&entry, "PORTLOG_RECORD=", record->number);
	if (record_has_pieces(record))
		add_number(&entry, "PORTLOG_PIECE=", record->begin);
	add(&entry, "PORTLOG_TAG=", tag);
	add(&entry, "SYSLOG_IDENTIFIER=", sink->config->ident);
	add_number(&entry, "SYSLOG_FACILITY=", sink->config->facility);
	add_number(&entry, "PRIORITY=", sink->config->severity);
	if (is_text && send_datagram(sink, &entry))
		return true;
	return (!is_text || errno == EMSGSIZE || errno == ENOBUFS) &&
	       send_fields(&entry);
}

static void
close_journal(struct sink *sink)
{
	if (sink->fd >= 0)
		close(sink->fd);
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
