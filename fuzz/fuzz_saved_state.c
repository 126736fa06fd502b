/* SPDX-License-Identifier: MIT */
/*
 * fuzz_saved_state: the state that a restart saves.  Any bytes are refused, or
 * understood to their end: this program walks through the structures by their
 * layout, and finds each of them by its name or number.  If the first byte of
 * an input is 'k', the other bytes follow a beginning that the code under test
 * has written.
 */
#include "fuzz.h"

#include "record/framer.h"
#include "system/saved_state.h"

struct heading {
	uint64_t kind, size;
};

#define BEGINNING 32

static void
check_listener(const uint8_t *data, size_t size, const uint8_t *body)
{
	struct saved_listener listener, found;

	memcpy(&listener, body, sizeof listener);
	REQUIRE(memchr(listener.name, '\0', sizeof listener.name) != NULL);
	REQUIRE(saved_state_find_listener(data, size, listener.name, &found));
	REQUIRE(strcmp(found.name, listener.name) == 0);
}

static void
check_connection(const uint8_t *data, size_t size, const uint8_t *body)
{
	struct saved_connection c, found;
	const unsigned char *held;
	uint64_t sum = 0;

	memcpy(&c, body, sizeof c);
	REQUIRE(c.peer_size <= sizeof c.peer);
	REQUIRE(c.framing != FRAMING_DATAGRAM && c.framing != FRAMING_EXACT);
	REQUIRE(c.framing <= FRAMING_REST);
	REQUIRE(saved_state_find_connection(data, size, c.number, &found,
					    &held));
	REQUIRE(found.number == c.number);
	REQUIRE(held >= data && held <= data + size);
	REQUIRE(found.held <= (size_t)(data + size - held));
	for (uint64_t i = 0; i < found.held; i++)
		sum += held[i];
	REQUIRE(sum <= UINT8_MAX * found.held);
}

/* Each structure is sound and is found, up to the last byte. */
static void
check_sound(const uint8_t *data, size_t size)
{
	size_t at = BEGINNING;

	REQUIRE(size >= BEGINNING);
	saved_state_last_number(data);
	while (at < size) {
		struct heading heading;

		REQUIRE(size - at >= sizeof heading);
		memcpy(&heading, data + at, sizeof heading);
		at += sizeof heading;
		REQUIRE(heading.size <= size - at);
		REQUIRE(heading.kind == 1 || heading.kind == 2);
		if (heading.kind == 1) {
			REQUIRE(heading.size == sizeof(struct saved_listener));
			check_listener(data, size, data + at);
		} else {
			REQUIRE(heading.size >=
				sizeof(struct saved_connection));
			check_connection(data, size, data + at);
		}
		at += heading.size;
	}
}

int
fuzz_saved_state(const uint8_t *data, size_t size)
{
	struct buffer buffer = { 0 };
	uint8_t *copy;

	if (size > 0 && data[0] == 'k') {
		saved_state_begin(&buffer, size);
		REQUIRE(buffer.size == BEGINNING);
		buffer_add(&buffer, data + 1, size - 1);
		data = (const uint8_t *)buffer.data;
		size = buffer.size;
	}
	if (size == 0) {
		REQUIRE(!saved_state_is_sound("", 0));
		return 0;
	}
	copy = fuzz_copy(data, size);
	if (saved_state_is_sound(copy, size))
		check_sound(copy, size);
	free(copy);
	buffer_free(&buffer);
	return 0;
}
