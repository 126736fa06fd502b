/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"

static const uint64_t numbers[] = {
	0,
	1,
	9,
	10,
	11,
	99,
	100,
	101,
	999,
	1000,
	12345,
	100000000,
	4294967295,
	4294967296,
	UINT64_C(9999999999999999999),
	UINT64_C(10000000000000000000),
	UINT64_MAX,
};

START_TEST(writes_the_digits_of_a_number_and_no_more)
{
	char expected[DECIMAL_DIGITS + 1], text[DECIMAL_DIGITS + 1];
	int size = snprintf(expected, sizeof expected, "%" PRIu64, numbers[_i]);

	memset(text, '#', sizeof text);
	ck_assert_ptr_eq(decimal_put(text, numbers[_i]), text + size);
	ck_assert_mem_eq(text, expected, (size_t)size);
	ck_assert_int_eq(text[size], '#');
}
END_TEST

SUITE(decimal)
{
	Suite *suite = suite_create("decimal");
	TCase *tests = tcase_create("decimal");

	tcase_add_loop_test(tests, writes_the_digits_of_a_number_and_no_more, 0,
			    sizeof numbers / sizeof *numbers);
	suite_add_tcase(suite, tests);
	return suite;
}
