/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "record/framer.h"
#include "system/saved_state.h"

/* The sizes of the parts of build(). */
#define BEGINNING 32
#define HEADING 16
#define ALL                                                                    \
	(BEGINNING + 2 * (HEADING + sizeof(struct saved_listener)) +           \
	 2 * (HEADING + sizeof(struct saved_connection)) + sizeof held)

static const char held[5] = "\0tw\n";

static const struct saved_listener listeners[] = {
	{ .name = "line tcp [__]_8888",
	  .records = 1,
	  .bytes = 2,
	  .accepted = 3,
	  .refused = 4 },
	{ .name = "dgram udp [__]_8888",
	  .lost = 5,
	  .truncated = 6,
	  .numbered = 7,
	  .dropped = UINT32_MAX },
};

static const struct saved_connection connections[] = {
	{ .number = 8,
	  .records = 9,
	  .bytes = UINT64_MAX,
	  .opened_ms = 10,
	  .framing = FRAMING_LINE,
	  .peer = { 11 },
	  .peer_size = 28,
	  .held = sizeof held },
	{ .number = 12,
	  .due = 13,
	  .framing = FRAMING_REST,
	  .inside = 1,
	  .is_bad = 1 },
};

static struct buffer
build(void)
{
	struct buffer buffer = { 0 };

	saved_state_begin(&buffer, 14);
	saved_state_add_listener(&buffer, &listeners[0]);
	saved_state_add_connection(&buffer, &connections[0], held);
	saved_state_add_listener(&buffer, &listeners[1]);
	saved_state_add_connection(&buffer, &connections[1], NULL);
	ck_assert_uint_eq(buffer.size, ALL);
	return buffer;
}

/* Check a copy of the exact size: a sanitizer sees any read beyond its end. */
static bool
is_sound(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);
	bool result;

	memcpy(copy, data, size);
	result = saved_state_is_sound(copy, size);
	free(copy);
	return result;
}

START_TEST(all_that_is_added_is_found)
{
	struct buffer b = build();
	struct saved_connection connection;
	struct saved_listener listener;
	const unsigned char *found;

	ck_assert(saved_state_is_sound(b.data, b.size));
	ck_assert_uint_eq(saved_state_last_number(b.data), 14);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(saved_state_find_listener(
			b.data, b.size, listeners[i].name, &listener));
		ck_assert_mem_eq(&listener, &listeners[i], sizeof listener);
		ck_assert(saved_state_find_connection(b.data, b.size,
						      connections[i].number,
						      &connection, &found));
		ck_assert_mem_eq(&connection, &connections[i],
				 sizeof connection);
		if (connection.held > 0)
			ck_assert_mem_eq(found, held, sizeof held);
	}
	buffer_free(&b);
}
END_TEST

START_TEST(a_missing_name_or_number_is_not_found_and_all_zero)
{
	static const struct saved_listener no_listener;
	static const struct saved_connection no_connection;
	struct saved_listener listener = listeners[0];
	struct saved_connection connection = connections[0];
	const unsigned char *found = (const unsigned char *)held;
	struct buffer b = build();

	ck_assert(
		!saved_state_find_listener(b.data, b.size, "line", &listener));
	ck_assert_mem_eq(&listener, &no_listener, sizeof listener);
	ck_assert(!saved_state_find_connection(b.data, b.size, 14, &connection,
					       &found));
	ck_assert_mem_eq(&connection, &no_connection, sizeof connection);
	ck_assert_ptr_null(found);
	buffer_free(&b);
}
END_TEST

/* Cut between two structures it is sound: nothing shows that one is missing. */
START_TEST(a_state_that_was_cut_is_refused)
{
	const size_t ends[] = {
		BEGINNING,
		BEGINNING + HEADING + sizeof(struct saved_listener),
		BEGINNING + 2 * HEADING + sizeof(struct saved_listener) +
			sizeof(struct saved_connection) + sizeof held,
		BEGINNING + 3 * HEADING + 2 * sizeof(struct saved_listener) +
			sizeof(struct saved_connection) + sizeof held,
		ALL,
	};
	struct buffer b = build();
	size_t next = 0;

	for (size_t size = 0; size <= b.size; size++) {
		bool is_end = size == ends[next];

		ck_assert_msg(is_sound(b.data, size) == is_end, "%zu", size);
		next += is_end;
	}
	ck_assert_uint_eq(next, 5);
	buffer_free(&b);
}
END_TEST

/* Flip every bit of the magic, of the sizes, and of the headings. */
START_TEST(a_flipped_bit_of_the_layout_is_refused)
{
	const size_t headings[] = {
		BEGINNING,
		BEGINNING + HEADING + sizeof(struct saved_listener),
		ALL - sizeof(struct saved_connection) - HEADING,
	};
	struct buffer b = build();

	for (size_t bit = 0; bit < (size_t)24 * 8; bit++) {
		b.data[bit / 8] ^= (char)(1 << bit % 8);
		ck_assert_msg(!is_sound(b.data, b.size), "bit %zu", bit);
		b.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t i = 0; i < 3; i++)
		for (size_t bit = 0; bit < (size_t)HEADING * 8; bit++) {
			char *byte = b.data + headings[i] + bit / 8;

			*byte ^= (char)(1 << bit % 8);
			ck_assert_msg(!is_sound(b.data, b.size),
				      "heading %zu, bit %zu", i, bit);
			*byte ^= (char)(1 << bit % 8);
		}
	ck_assert(is_sound(b.data, b.size));
	buffer_free(&b);
}
END_TEST

/* Each field whose value is checked. */
START_TEST(impossible_values_are_refused)
{
	struct saved_connection c = connections[1];
	struct saved_listener l = listeners[0];
	struct buffer b = { 0 };

	saved_state_begin(&b, 0);
	switch (_i) {
	case 0:
		memset(l.name, 'x', sizeof l.name);
		saved_state_add_listener(&b, &l);
		break;
	case 1:
		c.peer_size = sizeof c.peer + 1;
		saved_state_add_connection(&b, &c, NULL);
		break;
	case 2:
		c.framing = FRAMING_DATAGRAM;
		saved_state_add_connection(&b, &c, NULL);
		break;
	default:
		c.framing = UINT32_MAX;
		saved_state_add_connection(&b, &c, NULL);
		break;
	}
	ck_assert(!is_sound(b.data, b.size));
	buffer_free(&b);
}
END_TEST

/* With any byte changed, it is refused or can be searched to its end. */
START_TEST(any_byte_may_be_changed)
{
	struct buffer b = build();

	for (size_t i = 0; i < b.size; i++) {
		char *copy = malloc(b.size);
		struct saved_connection connection;
		struct saved_listener listener;
		const unsigned char *found;

		memcpy(copy, b.data, b.size);
		copy[i] = (char)~copy[i];
		if (saved_state_is_sound(copy, b.size)) {
			saved_state_find_listener(copy, b.size, "", &listener);
			if (saved_state_find_connection(copy, b.size, 12,
							&connection, &found))
				ck_assert_uint_eq(connection.held, 0);
		}
		free(copy);
	}
	buffer_free(&b);
}
END_TEST

SUITE(saved_state)
{
	Suite *suite = suite_create("saved_state");
	TCase *tests = tcase_create("saved_state");

	tcase_add_test(tests, all_that_is_added_is_found);
	tcase_add_test(tests,
		       a_missing_name_or_number_is_not_found_and_all_zero);
	tcase_add_test(tests, a_state_that_was_cut_is_refused);
	tcase_add_test(tests, a_flipped_bit_of_the_layout_is_refused);
	tcase_add_loop_test(tests, impossible_values_are_refused, 0, 4);
	tcase_add_test(tests, any_byte_may_be_changed);
	suite_add_tcase(suite, tests);
	return suite;
}
