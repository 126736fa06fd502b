/* SPDX-License-Identifier: MIT */
/*
 * fuzz_json_line: any text, up to its first NUL, as a member of a line of JSON.
 * A strict reader reads the same, with U+FFFD for each byte that is no UTF-8.
 */
#include "base/json_line.h"

#include "fuzz_json.h"

/* The text as it is to be read; out has three times its size. */
static size_t
make_model(const char *text, size_t size, char *out)
{
	size_t used = 0, length;
	uint32_t c;

	for (size_t i = 0; i < size; i += length) {
		length = fuzz_character((const unsigned char *)text + i,
					size - i, &c);
		if (length == 0) {
			memcpy(out + used, "\xef\xbf\xbd", 3);
			used += 3;
			length = 1;
			continue;
		}
		memcpy(out + used, text + i, length);
		used += length;
	}
	return used;
}

int
fuzz_json_line(const uint8_t *data, size_t size)
{
	char *text = fuzz_memory(size + 1), *model, *read;
	char *out = fuzz_memory(JSON_LINE);
	struct json_line line = { out };
	struct json json;
	size_t model_size;

	memcpy(text, data, size);
	text[size] = '\0';
	size = strnlen(text, JSON_LINE_TEXT);
	model = fuzz_memory(3 * size);
	model_size = make_model(text, size, model);
	json_line_begin(&line);
	json_line_add_text(&line, "key", text);
	json_line_end(&line);
	REQUIRE((size_t)(line.end - out) <= 6 * size + 12);
	REQUIRE(fuzz_is_utf8(out, (size_t)(line.end - out)));
	REQUIRE(memcmp(out, "{\"key\":", 7) == 0);
	read = fuzz_memory((size_t)(line.end - out));
	json = (struct json){ out + 7, line.end };
	REQUIRE(fuzz_same(read, json_string(&json, read), model, model_size));
	REQUIRE(fuzz_same(json.at, (size_t)(json.end - json.at), "}\n", 2));
	free(text);
	free(model);
	free(read);
	free(out);
	return 0;
}
