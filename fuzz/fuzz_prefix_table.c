/* SPDX-License-Identifier: MIT */
/*
 * fuzz_prefix_table: lines, each a network; the last one is an address.  What
 * is found is what a look at each network finds.
 */
#include "base/prefix_table.h"

#include "fuzz_network.h"

#define NETWORKS 64

static void
check_find(const struct prefix_table *table, const struct model_network *models,
	   const char *text)
{
	struct address address;
	struct model_network peer;
	unsigned found, best = PREFIX_NONE;

	if (!model_peer_read(&peer, &address, text))
		return;
	for (unsigned i = 0; i < table->count; i++)
		if (model_network_has(&models[i], &peer) &&
		    (best == PREFIX_NONE || models[i].bits > models[best].bits))
			best = i;
	found = prefix_table_find(table, &address);
	REQUIRE((found == PREFIX_NONE) == (best == PREFIX_NONE));
	/* Of equal networks either may be found. */
	REQUIRE(best == PREFIX_NONE ||
		(model_network_has(&models[found], &peer) &&
		 models[found].bits == models[best].bits));
}

/* What is shown is read as the same; so is the spelling that is expected. */
static void
check_format(const struct network *network, bool is_right, char *expected)
{
	char text[NETWORK_TEXT], ignored[NETWORK_EXPECTED];
	struct network again;

	if (is_right) {
		network_format(network, text);
		REQUIRE(network_parse(&again, text, ignored) &&
			memcmp(&again, network, sizeof again) == 0);
	} else if (*expected == '"') {
		*strrchr(expected, ',') = '\0';
		expected[strlen(expected) - 1] = '\0';
		REQUIRE(network_parse(&again, expected + 1, ignored));
	}
}

int
fuzz_prefix_table(const uint8_t *data, size_t size)
{
	struct model_network models[NETWORKS];
	struct prefix_table table = { 0 };
	char *text = fuzz_memory(size + 1), *line, *rest = text;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n")) && rest) {
		struct network network;
		char expected[NETWORK_EXPECTED];
		bool is_right = network_parse(&network, line, expected);
		struct model_network model;

		REQUIRE(is_right == model_network_read(&model, line));
		check_format(&network, is_right, expected);
		if (!is_right || table.count == NETWORKS)
			continue;
		models[table.count] = model;
		prefix_table_add(&table, &network, (unsigned)table.count);
	}
	prefix_table_sort(&table);
	check_find(&table, models, line ? line : "");
	prefix_table_free(&table);
	free(text);
	return 0;
}
