/* SPDX-License-Identifier: MIT */
/*
 * fuzz_format: render records of any bytes as text, JSON and raw.  The input
 * begins with the origin, see take_origin(), the time and the first tag; the
 * rest is divided among up to four records.  The first of them, repeated, is
 * rendered in pieces too.
 */
#include "record/format.h"

#include <time.h>

#include "base/escape.h"
#include "fuzz.h"
#include "fuzz_json.h"
#include "record/format_time.h"

#define RECORDS 4
#define NAME_BYTES 64

/* The unused rest of an input; zeros follow its end. */
struct input {
	const uint8_t *data;
	size_t size;
};

static uint64_t
take(struct input *in, size_t bytes)
{
	uint64_t value = 0;

	for (; bytes > 0; bytes--) {
		value = value << 8 | (in->size > 0 ? *in->data : 0);
		in->data += in->size > 0;
		in->size -= in->size > 0;
	}
	return value;
}

/* A character for a name: the byte itself if it is printable. */
static char
printable(uint64_t byte)
{
	return (char)(byte > ' ' && byte < 0x7f ? byte : '!' + byte % 94);
}

/* Take protocol, peer, connection, and the listener's name with its length. */
static void
take_origin(struct input *in, struct origin *origin, char name[NAME_BYTES + 1])
{
	uint64_t kind = take(in, 1);
	size_t size;

	*origin = (struct origin){ .listener = name, .peer = "-" };
	origin->protocol =
		kind % 3 == 2 ? PROTOCOL_NONE : (enum protocol)(kind % 3);
	if (kind >= 128) {
		struct address peer;
		uint32_t user = (uint32_t)take(in, 4);

		origin->protocol = kind % 2 ? PROTOCOL_UNIX_STREAM
					    : PROTOCOL_UNIX_DATAGRAM;
		address_set_process(&peer, user, (int32_t)take(in, 4));
		address_format(&peer, origin->peer);
	} else if (kind / 3 % 3 > 0) {
		struct address peer = { .size = sizeof peer.in6 };
		bool is_ipv4 = kind / 3 % 3 == 1;

		peer.any.sa_family = is_ipv4 ? AF_INET : AF_INET6;
		/* sin_port has the same offset in both families. */
		peer.in.sin_port = (uint16_t)take(in, 2);
		peer.in6.sin6_scope_id = is_ipv4 ? 0 : (uint32_t)take(in, 1);
		for (size_t i = 0; i < 16 && !is_ipv4; i++)
			peer.in6.sin6_addr.s6_addr[i] = (uint8_t)take(in, 1);
		if (is_ipv4)
			peer.in.sin_addr.s_addr = (uint32_t)take(in, 4);
		address_format(&peer, origin->peer);
	}
	/* 0, or 1 up to the greatest number of 64 bits. */
	origin->connection = take(in, 1);
	if (origin->connection > 0)
		origin->connection = UINT64_MAX >> origin->connection % 64;
	size = 1 + take(in, 1) % NAME_BYTES;
	for (size_t i = 0; i < size; i++)
		name[i] = printable(take(in, 1));
	name[size] = '\0';
	/* A peer is called as its listener: there is no other name. */
	if (kind / 9 % 2 == 1 && strcmp(origin->peer, "-") != 0)
		origin->name = name;
	if (kind / 18 % 2 == 1)
		origin->by = name;
	if (kind / 36 % 2 == 1)
		origin->run = "0123456789abcdef";
}

/*
 * Make a note from data: "EVENT KEY=VALUE ...".  portlogd chooses the words of
 * notes, so there are only letters, and values without space, quote or
 * backslash.
 */
static size_t
make_note(unsigned char *note, const uint8_t *data, size_t size)
{
	enum { EVENT, KEY, VALUE } part = EVENT;
	size_t used = 0, start = 0;

	for (size_t i = 0; i < size; i++) {
		bool is_value = part == VALUE && data[i] > ' ' &&
				data[i] < 0x7f && data[i] != '"' &&
				data[i] != '\\';

		if (data[i] == ' ' && part != KEY && used > start) {
			note[used++] = ' ';
			part = KEY;
			start = used;
		} else if (data[i] == '=' && part == KEY && used > start) {
			note[used++] = '=';
			part = VALUE;
		} else {
			note[used++] =
				is_value ? data[i]
					 : (unsigned char)('a' + data[i] % 26);
		}
	}
	if (used == start)
		note[used++] = 'k';
	if (part == KEY)
		note[used++] = '=';
	return used;
}

static void
check_json_data(struct json *j, const struct record *r)
{
	char *base64;

	if (fuzz_is_utf8(r->data, r->size)) {
		json_member(j, "data", r->data, r->size, false);
		return;
	}
	base64 = fuzz_memory(r->size / 3 * 4 + 5);
	expect_base64(base64, r->data, r->size);
	json_text(j, "data_base64", base64);
	free(base64);
}

/* Each key of a note has its value, as a number if it looks like one. */
static void
check_json_note(struct json *j, const struct record *r)
{
	char *text = fuzz_memory(r->size + 1), *rest, *word;

	memcpy(text, r->data, r->size);
	text[r->size] = '\0';
	word = strtok_r(text, " ", &rest);
	json_text(j, "event", word);
	while ((word = strtok_r(NULL, " ", &rest))) {
		char *equals = strchr(word, '=');
		const char *colon;

		*equals = '\0';
		if ((r->origin->name && strcmp(word, "name") == 0) ||
		    (r->origin->by && strcmp(word, "by") == 0))
			continue;
		colon = j->at + strlen(word) + 2;
		REQUIRE(j->end - colon >= 2);
		json_member(j, word, equals + 1, strlen(equals + 1),
			    colon[1] != '"');
	}
	free(text);
}

static void
check_json_peer(struct json *j, const struct origin *origin)
{
	const char *peer = origin->peer;
	const char *host, *port;
	size_t size;

	if (strcmp(peer, "-") == 0)
		return;
	if (origin->protocol == PROTOCOL_UNIX_STREAM ||
	    origin->protocol == PROTOCOL_UNIX_DATAGRAM) {
		json_text(j, "peer", peer);
		return;
	}
	address_split(peer, &host, &size, &port);
	json_member(j, "peer", host, size, false);
	json_member(j, "port", port, strlen(port), true);
}

static void
check_json(const char *line, size_t size, const struct record *r)
{
	static const char *const protocols[] = { "tcp", "udp", "unix-stream",
						 "unix-datagram" };
	const struct origin *origin = r->origin;
	struct json j = { .at = line, .end = line + size };
	char time[FORMAT_TIME], tag[2] = { (char)r->tag, '\0' };

	format_time(time, &r->time);
	REQUIRE(*j.at++ == '{');
	json_text(&j, "time", time);
	json_text(&j, "listener", origin->listener);
	if (origin->protocol != PROTOCOL_NONE)
		json_text(&j, "protocol", protocols[origin->protocol]);
	check_json_peer(&j, origin);
	if (origin->by)
		json_text(&j, "by", origin->by);
	if (origin->name)
		json_text(&j, "name", origin->name);
	if (origin->run)
		json_text(&j, "run", origin->run);
	if (origin->connection > 0)
		json_count(&j, "connection", origin->connection);
	if (r->tag == TAG_NOTE) {
		check_json_note(&j, r);
	} else {
		json_count(&j, "record", r->number);
		if (r->tag == TAG_PIECE || r->begin > 0)
			json_count(&j, "piece", r->begin);
		json_text(&j, "tag", tag);
		check_json_data(&j, r);
	}
	REQUIRE(j.at == j.end && j.at[-1] == '}');
}

/* The data column unescapes to the record's bytes. */
static void
check_data_column(const char *text, size_t size, const struct record *r)
{
	unsigned char *bytes = fuzz_memory(size);
	size_t fault;
	long count = unescape(bytes, text, size, &fault);

	REQUIRE(count >= 0);
	REQUIRE(fuzz_same(bytes, (size_t)count, r->data, r->size));
	free(bytes);
}

static void
check_text(const char *line, size_t size, const struct record *r)
{
	const struct origin *origin = r->origin;
	char time[FORMAT_TIME], columns[512];
	size_t used;

	format_time(time, &r->time);
	used = (size_t)snprintf(columns, sizeof columns, "%s %s %s %c ", time,
				origin->listener, origin->peer, (char)r->tag);
	REQUIRE(size >= used);
	REQUIRE(fuzz_same(line, used, columns, used));
	check_data_column(line + used, size - used, r);
}

static void
check_raw(const char *out, size_t size, const struct record *r)
{
	size_t newline = r->tag != TAG_PIECE;

	if (r->tag == TAG_NOTE) {
		REQUIRE(size == 0);
		return;
	}
	REQUIRE(size == r->size + newline);
	REQUIRE(fuzz_same(out, r->size, r->data, r->size));
	REQUIRE(!newline || out[r->size] == '\n');
}

/* One newline, at the end; all other characters are harmless. */
static void
check_line(const char *line, size_t size)
{
	const unsigned char *data = (const unsigned char *)line;
	uint32_t c;

	REQUIRE(size > 0 && line[size - 1] == '\n');
	for (size_t i = 0, length; i < size - 1; i += length) {
		length = fuzz_character(data + i, size - 1 - i, &c);
		REQUIRE(length > 0 && fuzz_is_harmless(c));
	}
}

/* What the lines of one record, or of one piece, must be. */
static void
check_rendered(enum format format, const char *out, size_t size,
	       const struct record *r)
{
	if (format == FORMAT_RAW) {
		check_raw(out, size, r);
		return;
	}
	check_line(out, size);
	if (format == FORMAT_TEXT)
		check_text(out, size - 1, r);
	else
		check_json(out, size - 1, r);
}

/* Render one record into exactly FORMAT_BOUND() bytes. */
static size_t
check_record(enum format format, const struct record *r, char *copy)
{
	struct rendering rendering = { .format = format,
				       .records = r,
				       .count = 1 };
	size_t capacity = FORMAT_BOUND(r->size), size;
	char *out = fuzz_memory(capacity);

	REQUIRE(format_lines(&rendering, out, capacity, &size) == 1);
	REQUIRE(rendering.count == 0 && size <= capacity);
	check_rendered(format, out, size, r);
	memcpy(copy, out, size);
	free(out);
	return size;
}

/* Whether a character goes on across this place. */
static bool
is_in_character(const unsigned char *data, size_t size, size_t place)
{
	uint32_t c;

	for (size_t back = 1; back <= 3 && back <= place; back++)
		if (fuzz_character(data + place - back, size - place + back,
				   &c) > back)
			return true;
	return false;
}

/* How many spaces and TABs data begins with. */
static size_t
count_spaces(const unsigned char *data, size_t size)
{
	size_t n = 0;

	while (n < size && (data[n] == ' ' || data[n] == '\t'))
		n++;
	return n;
}

/* Render the pieces of a record, each into exactly max_line bytes. */
static void
check_pieces(enum format format, const struct record *r, size_t max_line)
{
	struct rendering rendering = {
		.format = format, .max_line = max_line, .records = r, .count = 1
	};

	while (rendering.count > 0) {
		struct record piece = *r;
		char *out = fuzz_memory(max_line);
		size_t begin = rendering.done, size;

		REQUIRE(format_lines(&rendering, out, max_line, &size) == 1);
		REQUIRE(size <= max_line);
		piece.begin += begin;
		piece.data += begin;
		piece.size -= begin;
		if (rendering.count > 0) {
			piece.size = rendering.done - begin;
			piece.tag = TAG_PIECE;
			REQUIRE(piece.size > 0);
			/* The next character, at most 16 bytes, did not fit. */
			size_t spaces = count_spaces(r->data + rendering.done,
						     r->size - rendering.done);

			REQUIRE(format == FORMAT_JSON ||
				size + spaces + 16 > max_line);
			REQUIRE(!is_in_character(r->data, r->size,
						 rendering.done));
		}
		check_rendered(format, out, size, &piece);
		free(out);
	}
}

/* Repeat the data of a record until it takes several lines. */
static void
check_long_record(const struct record *r, size_t max_line)
{
	size_t times = 3 * max_line / (r->size + 1) + 1;
	unsigned char *data = fuzz_memory(times * r->size);
	struct record longer = *r;

	if (r->tag != TAG_NOTE) {
		longer.data = data;
		longer.size = times * r->size;
		for (size_t i = 0; i < times && r->size > 0; i++)
			memcpy(data + i * r->size, r->data, r->size);
		check_pieces(FORMAT_TEXT, &longer, max_line);
		check_pieces(FORMAT_JSON, &longer, max_line);
	}
	free(data);
}

/* Rendered together, as many as fit, the records give the same lines. */
static void
check_batch(enum format format, const struct record *records, const char *lines,
	    size_t size, size_t more)
{
	struct rendering rendering = { .format = format };
	size_t read = 0;

	for (size_t i = 0, done; i < RECORDS; i += done) {
		size_t capacity = FORMAT_BOUND(records[i].size) + more, written;
		char *out = fuzz_memory(capacity);

		rendering.records = records + i;
		rendering.count = RECORDS - i;
		done = format_lines(&rendering, out, capacity, &written);
		REQUIRE(done >= 1 && done <= RECORDS - i);
		REQUIRE(written <= capacity && written <= size - read);
		REQUIRE(fuzz_same(out, written, lines + read, written));
		read += written;
		free(out);
	}
	REQUIRE(read == size);
}

/* Divide the rest of the input; each record has memory of its own. */
static void
take_records(struct input *in, struct record records[RECORDS],
	     const struct origin *origin)
{
	static const enum tag tags[] = { TAG_WHOLE, TAG_PIECE, TAG_END,
					 TAG_TRUNCATED, TAG_NOTE };
	struct timespec time = { .tv_nsec = (long)(take(in, 4) % 1000000000) };
	size_t tag, share;

	/* Up to the last second of 9999. */
	time.tv_sec = (time_t)(take(in, 5) % 253402300800);
	tag = (size_t)take(in, 1);
	share = in->size / (1 + take(in, 1) % RECORDS);
	for (size_t i = 0; i < RECORDS; i++) {
		size_t size =
			i + 1 == RECORDS || share > in->size ? in->size : share;
		/* A note may need two bytes more. */
		unsigned char *data = fuzz_memory(size + 2);

		records[i] = (struct record){ .time = time, .origin = origin };
		records[i].tag = tags[(tag + i) % 5];
		/* Records of one read have the same time; the next differs. */
		records[i].time.tv_sec -= i > 1 && time.tv_sec > 0;
		records[i].number = UINT64_MAX >> (tag + i) % 64;
		records[i].begin = i % 2 ? UINT64_MAX >> (8 + tag % 56) : 0;
		memcpy(data, in->data, size);
		if (records[i].tag == TAG_NOTE)
			records[i].size = make_note(data, in->data, size);
		else
			records[i].size = size;
		records[i].data = fuzz_copy(data, records[i].size);
		free(data);
		in->data += size;
		in->size -= size;
	}
}

int
fuzz_format(const uint8_t *data, size_t size)
{
	struct input in = { .data = data, .size = size };
	size_t more = (size_t)take(&in, 1) * 16, capacity = 0;
	struct record records[RECORDS];
	char name[NAME_BYTES + 1], *lines;
	struct origin origin;

	take_origin(&in, &origin, name);
	take_records(&in, records, &origin);
	for (size_t i = 0; i < RECORDS; i++)
		capacity += FORMAT_BOUND(records[i].size);
	lines = fuzz_memory(capacity);
	for (int format = FORMAT_TEXT; format <= FORMAT_RAW; format++) {
		size_t used = 0;

		for (size_t i = 0; i < RECORDS; i++)
			used += check_record((enum format)format, &records[i],
					     lines + used);
		check_batch((enum format)format, records, lines, used, more);
	}
	free(lines);
	check_long_record(&records[0], FORMAT_MIN_LINE + more);
	for (size_t i = 0; i < RECORDS; i++)
		free((void *)(uintptr_t)records[i].data);
	return 0;
}
