/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/proxy_header.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES "\xc0\0\2\7\xc6\x33\x64\1\xc7\x5a\x22\xb8"
#define SIX                                                                    \
	"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7"                                \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xc7\x5a\x22\xb8"
#define MAPPED                                                                 \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7"                               \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\1\xc7\x5a\x22\xb8"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* The bytes of a string, without its NUL. */
#define BYTES(text) (const unsigned char *)(text), sizeof(text) - 1

struct row {
	const unsigned char *data;
	size_t size;
	enum proxy_result result;
	const char *source; /* as address_format() has it */
	const char *name;
};

static const struct row v1[] = {
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51034 8888\r\n"), PROXY_TOLD,
	  "192.0.2.7:51034", NULL },
	{ BYTES("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), PROXY_TOLD,
	  "0.0.0.0:0", NULL },
	{ BYTES("PROXY TCP6 2001:DB8::7 ::1 51034 8888\r\n"), PROXY_TOLD,
	  "[2001:db8::7]:51034", NULL },
	{ BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::1 51034 8888\r\n"), PROXY_TOLD,
	  "192.0.2.7:51034", NULL },
	{ BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  PROXY_TOLD, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", NULL },
	{ BYTES("PROXY UNKNOWN\r\n"), PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES("PROXY UNKNOWN and \0 \xff\r\n"), PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES("PROXY UNKNOWN " TEN TEN TEN TEN TEN TEN TEN TEN TEN "1\r\n"),
	  PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES("PROXY UNKNOWN " TEN TEN TEN TEN TEN TEN TEN TEN TEN "12\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY " HUNDRED "1"), PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY UNKNOWNS\r\n"), PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY UNKNOWN\n"), PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY UNKNOWN a\nb\r\n"), PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY UNKNOWN a\rb\r\n"), PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51034 8888\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51034 8888\rx"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.07 198.51.100.1 51034 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 051034 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51034 00\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 65536 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51034 -1\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51034\r\n"), PROXY_MALFORMED,
	  NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51034 8888 9\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 51034 8888 \r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4  192.0.2.7 198.51.100.1 51034 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4\t192.0.2.7 198.51.100.1 51034 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.7\0 198.51.100.1 51034 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 192.0.2.256 198.51.100.1 51034 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP4 ::1 ::1 51034 8888\r\n"), PROXY_MALFORMED, NULL,
	  NULL },
	{ BYTES("PROXY TCP6 192.0.2.7 198.51.100.1 51034 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY TCP6 fe80::1%lo ::1 51034 8888\r\n"), PROXY_MALFORMED,
	  NULL, NULL },
	{ BYTES("PROXY UDP4 192.0.2.7 198.51.100.1 51034 8888\r\n"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("PROXY \r\n"), PROXY_MALFORMED, NULL, NULL },
	{ BYTES("proxy UNKNOWN\r\n"), PROXY_MISSING, NULL, NULL },
	{ BYTES("<13>a line of a log\n"), PROXY_MISSING, NULL, NULL },
	{ BYTES("\n"), PROXY_MISSING, NULL, NULL },
};

static const struct row v2[] = {
	{ BYTES(V2 "\x21\x11\0\xc" ADDRESSES), PROXY_TOLD, "192.0.2.7:51034",
	  NULL },
	{ BYTES(V2 "\x21\x12\0\xc" ADDRESSES), PROXY_TOLD, "192.0.2.7:51034",
	  NULL },
	{ BYTES(V2 "\x21\x21\0\x24" SIX), PROXY_TOLD, "[2001:db8::7]:51034",
	  NULL },
	{ BYTES(V2 "\x21\x21\0\x24" MAPPED), PROXY_TOLD, "192.0.2.7:51034",
	  NULL },
	{ BYTES(V2 "\x21\0\0\0"), PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES(V2 "\x21\0\0\4\4\0\1 "), PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES(V2 "\x21\x10\0\xc" ADDRESSES), PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES(V2 "\x21\x31\0\xd8" HUNDRED HUNDRED TEN "123456"),
	  PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES(V2 "\x21\x31\0\xd7" HUNDRED HUNDRED TEN "12345"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x20\0\0\0"), PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES(V2 "\x20\xff\0\5\3\0\4ab"), PROXY_NOT_TOLD, NULL, NULL },
	/* A health check of AWS: addresses of zeros, a checksum, padding. */
	{ BYTES(V2 "\x20\x11\0\x54\0\0\0\0\0\0\0\0\0\0\0\0"
		   "\3\0\4\xfd\x16\xee\xd7\4\0\x3e" TEN TEN TEN TEN TEN TEN
		   "12"),
	  PROXY_NOT_TOLD, NULL, NULL },
	{ BYTES(V2 "\x11\x11\0\xc" ADDRESSES), PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x31\x11\0\xc" ADDRESSES), PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x22\x11\0\xc" ADDRESSES), PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x21\x13\0\xc" ADDRESSES), PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x21\x41\0\xc" ADDRESSES), PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x21\x11\0\xb" ADDRESSES), PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x21\x21\0\xc" ADDRESSES), PROXY_MALFORMED, NULL, NULL },
	/* Values: of any type, not to the end, beyond it. */
	{ BYTES(V2 "\x21\x11\0\x12" ADDRESSES "\xee\0\3abc"), PROXY_TOLD,
	  "192.0.2.7:51034", NULL },
	{ BYTES(V2 "\x21\x11\0\x14" ADDRESSES "\xee\0\3abc\4\0"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x21\x11\0\x12" ADDRESSES "\xee\0\4abc"), PROXY_MALFORMED,
	  NULL, NULL },
	/* Checksums: right, wrong, with a byte changed, of a wrong size. */
	{ BYTES(V2 "\x21\x11\0\x13" ADDRESSES "\3\0\4"
		   "\x77\xef\x4e\xaa"),
	  PROXY_TOLD, "192.0.2.7:51034", NULL },
	{ BYTES(V2 "\x21\x11\0\x13" ADDRESSES "\3\0\4"
		   "\x77\xef\x4e\xab"),
	  PROXY_CHECKSUM, NULL, NULL },
	{ BYTES(V2 "\x21\x12\0\x13" ADDRESSES "\3\0\4"
		   "\x77\xef\x4e\xaa"),
	  PROXY_CHECKSUM, NULL, NULL },
	{ BYTES(V2 "\x21\x11\0\x12" ADDRESSES "\3\0\3"
		   "\x77\xef\x4e"),
	  PROXY_MALFORMED, NULL, NULL },
	/* A name: proved, not verified, without a certificate, cut off. */
	{ BYTES(V2 "\x21\x11\0\x1e" ADDRESSES "\x20\0\xf\7\0\0\0\0\x22\0\7"
		   "sensor7"),
	  PROXY_TOLD, "192.0.2.7:51034", "sensor7" },
	{ BYTES(V2 "\x21\x11\0\x1e" ADDRESSES "\x20\0\xf\7\0\0\0\1\x22\0\7"
		   "sensor7"),
	  PROXY_TOLD, "192.0.2.7:51034", NULL },
	{ BYTES(V2 "\x21\x11\0\x1e" ADDRESSES "\x20\0\xf\1\0\0\0\0\x22\0\7"
		   "sensor7"),
	  PROXY_TOLD, "192.0.2.7:51034", NULL },
	{ BYTES(V2 "\x21\x11\0\x1e" ADDRESSES "\x20\0\xf\7\0\0\0\0\x22\0\x8"
		   "sensor7"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES(V2 "\x21\x11\0\x13" ADDRESSES "\x20\0\4\7\0\0\0"),
	  PROXY_MALFORMED, NULL, NULL },
	{ BYTES("\r\n\r\n\0\r\nQUIT "), PROXY_MISSING, NULL, NULL },
	{ BYTES("\r\n\r\nGET / HTTP/1.1"), PROXY_MISSING, NULL, NULL },
};

static void
check_found(const struct row *row, const struct proxy_header *header,
	    size_t size)
{
	char source[ADDRESS_TEXT];

	if (row->result == PROXY_TOLD || row->result == PROXY_NOT_TOLD)
		ck_assert_uint_eq(header->size, size);
	if (row->result != PROXY_TOLD)
		return;
	address_format(&header->source, source);
	ck_assert_str_eq(source, row->source);
	ck_assert_uint_eq(header->name_size, row->name ? strlen(row->name) : 0);
	if (row->name)
		ck_assert_mem_eq(header->name, row->name, header->name_size);
}

/* Cut at each byte, and with other bytes behind it. */
static void
check_row(const struct row *row)
{
	unsigned char *copy = malloc(row->size + 7);
	struct proxy_header header;
	enum proxy_result result = PROXY_INCOMPLETE;

	memcpy(copy, row->data, row->size);
	memcpy(copy + row->size, "x\r\ny\n\0z", 7);
	for (size_t size = 0; size <= row->size + 7; size++) {
		result = proxy_header_read(&header, copy, size);
		if (result != PROXY_INCOMPLETE)
			ck_assert_int_eq(result, row->result);
		else
			ck_assert_uint_gt(header.size, size);
		if (result == PROXY_INCOMPLETE && row->source)
			ck_assert_uint_le(header.size, row->size);
		if (size >= row->size) {
			ck_assert_int_eq(result, row->result);
			check_found(row, &header, row->size);
		} else if (row->source) {
			ck_assert_int_eq(result, PROXY_INCOMPLETE);
		}
	}
	free(copy);
}

START_TEST(lines)
{
	check_row(&v1[_i]);
}
END_TEST

START_TEST(binary_headers)
{
	check_row(&v2[_i]);
}
END_TEST

START_TEST(the_longest_is_skipped_by_its_size)
{
	static unsigned char data[PROXY_HEADER_MAX] = V2 "\x20\0\xff\xff";
	struct proxy_header header;

	ck_assert_int_eq(proxy_header_read(&header, data, sizeof data - 1),
			 PROXY_INCOMPLETE);
	ck_assert_uint_eq(header.size, PROXY_HEADER_MAX);
	ck_assert_int_eq(proxy_header_read(&header, data, sizeof data),
			 PROXY_NOT_TOLD);
	ck_assert_uint_eq(header.size, PROXY_HEADER_MAX);
}
END_TEST

SUITE(proxy_header)
{
	Suite *suite = suite_create("proxy_header");
	TCase *tc = tcase_create("proxy_header");

	tcase_add_loop_test(tc, lines, 0, sizeof v1 / sizeof v1[0]);
	tcase_add_loop_test(tc, binary_headers, 0, sizeof v2 / sizeof v2[0]);
	tcase_add_test(tc, the_longest_is_skipped_by_its_size);
	suite_add_tcase(suite, tc);
	return suite;
}
