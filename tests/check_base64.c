/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

/* Sizes with no block, with several, and all that may be left behind one. */
#define SIZES 64

/* RFC 4648, section 10. */
static const struct {
	const char *data, *text;
} examples[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "any carnal pleasure", "YW55IGNhcm5hbCBwbGVhc3VyZQ==" },
};

START_TEST(encodes_as_the_standard_has_it)
{
	const char *data = examples[_i].data, *text = examples[_i].text;
	char out[64];
	size_t size =
		base64_encode(out, (const unsigned char *)data, strlen(data));

	ck_assert_uint_eq(size, strlen(text));
	ck_assert_mem_eq(out, text, size);
}
END_TEST

/* Each byte stands at each place of a block, so each digit does too. */
START_TEST(what_is_encoded_is_decoded_again_whatever_its_size)
{
	size_t size = (size_t)_i;
	/* Nothing behind it is read: a sanitizer would see that. */
	unsigned char *data = malloc(size + !size), back[SIZES];
	char text[BASE64_SIZE(SIZES)];

	for (unsigned first = 0; first < 256; first++) {
		for (size_t i = 0; i < size; i++)
			data[i] = (unsigned char)(first + i * 37);
		ck_assert_uint_eq(base64_encode(text, data, size),
				  BASE64_SIZE(size));
		ck_assert_int_eq(base64_decode(back, text, BASE64_SIZE(size)),
				 (long)size);
		ck_assert_mem_eq(back, data, size);
	}
	free(data);
}
END_TEST

SUITE(base64)
{
	Suite *suite = suite_create("base64");
	TCase *tests = tcase_create("base64");

	tcase_add_loop_test(tests, encodes_as_the_standard_has_it, 0,
			    sizeof examples / sizeof *examples);
	tcase_add_loop_test(tests,
			    what_is_encoded_is_decoded_again_whatever_its_size,
			    0, SIZES);
	suite_add_tcase(suite, tests);
	return suite;
}
