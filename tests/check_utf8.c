/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <string.h>

#include "base/utf8.h"

static const struct {
	const char *bytes;
	size_t length; /* 0: no character begins here */
	uint32_t code_point;
} characters[] = {
	{ "A", 1, 'A' },
	{ "\x7f", 1, 0x7f },
	{ "\xc2\x80", 2, 0x80 },
	{ "\xdf\xbf", 2, 0x7ff },
	{ "\xe0\xa0\x80", 3, 0x800 },
	{ "\xed\x9f\xbf", 3, 0xd7ff },
	{ "\xee\x80\x80", 3, 0xe000 },
	{ "\xef\xbf\xbf", 3, 0xffff },
	{ "\xf0\x90\x80\x80", 4, 0x10000 },
	{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
	{ "\x80", 0, 0 },             /* a continuation */
	{ "\xc0\x80", 0, 0 },         /* overlong */
	{ "\xc1\xbf", 0, 0 },         /* overlong */
	{ "\xe0\x9f\xbf", 0, 0 },     /* overlong */
	{ "\xf0\x8f\xbf\xbf", 0, 0 }, /* overlong */
	{ "\xed\xa0\x80", 0, 0 },     /* a surrogate */
	{ "\xf4\x90\x80\x80", 0, 0 }, /* beyond U+10FFFF */
	{ "\xf5\x80\x80\x80", 0, 0 },
	{ "\xff", 0, 0 },
	{ "\xc3", 0, 0 }, /* cut off */
	{ "\xe2\x82", 0, 0 },
	{ "\xe2\x82"
	  "A",
	  0, 0 },
	{ "\xf0\x9f\x98", 0, 0 },
};

START_TEST(decodes_valid_characters_only)
{
	const unsigned char *bytes = (const void *)characters[_i].bytes;
	uint32_t code_point = 0;

	ck_assert_uint_eq(
		utf8_decode(bytes, strlen((const char *)bytes), &code_point),
		characters[_i].length);
	ck_assert_uint_eq(code_point, characters[_i].code_point);
}
END_TEST

START_TEST(decodes_no_character_from_no_bytes)
{
	uint32_t code_point;

	ck_assert_uint_eq(
		utf8_decode((const unsigned char *)"A", 0, &code_point), 0);
}
END_TEST

static const struct {
	const char *bytes;
	size_t cut;
} cuts[] = {
	{ "", 0 },
	{ "abc", 3 },
	{ "ab\xc3", 2 },
	{ "ab\xc3\xa9", 4 },
	{ "ab\xe2\x82", 2 },
	{ "ab\xf0\x9f\x98", 2 },
	{ "ab\x98", 3 },     /* a continuation alone */
	{ "ab\xe0\x9f", 4 }, /* begins no character */
	{ "\xe2\x82", 2 },   /* the only boundary is the beginning */
	{ "\xe2\x82\xac\xf0", 3 },
	{ "a\x80\x80\x80\x80", 5 },
};

START_TEST(cuts_before_an_unfinished_character)
{
	const char *bytes = cuts[_i].bytes;

	ck_assert_uint_eq(utf8_cut((const unsigned char *)bytes, strlen(bytes)),
			  cuts[_i].cut);
}
END_TEST

SUITE(utf8)
{
	Suite *suite = suite_create("utf8");
	TCase *tests = tcase_create("utf8");

	tcase_add_loop_test(tests, decodes_valid_characters_only, 0,
			    sizeof characters / sizeof *characters);
	tcase_add_test(tests, decodes_no_character_from_no_bytes);
	tcase_add_loop_test(tests, cuts_before_an_unfinished_character, 0,
			    sizeof cuts / sizeof *cuts);
	suite_add_tcase(suite, tests);
	return suite;
}
