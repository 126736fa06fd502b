/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "input/first_bytes.h"

/* The bytes of a string, without its NUL. */
#define BYTES(text) (const unsigned char *)(text), sizeof(text) - 1

static const struct {
	const unsigned char *data;
	size_t size;
	enum first_bytes kind;
	const char *name;
} rows[] = {
	{ BYTES(""), FIRST_BYTES_FEW, "tls" },
	{ BYTES("\x16"), FIRST_BYTES_FEW, "tls" },
	{ BYTES("\x16\3"), FIRST_BYTES_FEW, "tls" },
	{ BYTES("\x16\3\0"), FIRST_BYTES_TLS, "tls" },
	{ BYTES("\x16\3\1\2\0\1"), FIRST_BYTES_TLS, "tls" },
	{ BYTES("\x16\3\4"), FIRST_BYTES_TLS, "tls" },
	{ BYTES("\x16\3\5"), FIRST_BYTES_OTHER, "other" },
	{ BYTES("\x16\2"), FIRST_BYTES_OTHER, "other" },
	{ BYTES("\x17\3\3"), FIRST_BYTES_OTHER, "other" },
	{ BYTES("PROXY "), FIRST_BYTES_PROXY, "proxy" },
	{ BYTES("PROXY"), FIRST_BYTES_TEXT, "text" },
	{ BYTES("\r\n\r\n\0\r\nQUIT\n\x21"), FIRST_BYTES_PROXY, "proxy" },
	{ BYTES("\r\n\r\n\0\r\nQUIT"), FIRST_BYTES_OTHER, "other" },
	{ BYTES("SSH-2.0-OpenSSH_9.2\r\n"), FIRST_BYTES_SSH, "ssh" },
	{ BYTES("GET / HTTP/1.1\r\n"), FIRST_BYTES_HTTP, "http" },
	{ BYTES("OPTIONS * HTTP/1.1\r\n"), FIRST_BYTES_HTTP, "http" },
	{ BYTES("PRI * HTTP/2.0\r\n"), FIRST_BYTES_HTTP, "http" },
	{ BYTES("GETTING on\n"), FIRST_BYTES_TEXT, "text" },
	{ BYTES("<13>Oct 11 host app: \xc3\xa9\t\r\n"), FIRST_BYTES_TEXT,
	  "text" },
	{ BYTES("7 <13>abc"), FIRST_BYTES_TEXT, "text" },
	{ BYTES("a\0b"), FIRST_BYTES_OTHER, "other" },
	{ BYTES("a\x7f"), FIRST_BYTES_OTHER, "other" },
};

START_TEST(names_what_a_stream_seems_to_be)
{
	enum first_bytes kind = first_bytes_judge(rows[_i].data, rows[_i].size);

	ck_assert_int_eq(kind, rows[_i].kind);
	ck_assert_str_eq(first_bytes_name(kind), rows[_i].name);
}
END_TEST

SUITE(first_bytes)
{
	Suite *suite = suite_create("first_bytes");
	TCase *tests = tcase_create("first_bytes");

	tcase_add_loop_test(tests, names_what_a_stream_seems_to_be, 0,
			    sizeof rows / sizeof *rows);
	suite_add_tcase(suite, tests);
	return suite;
}
