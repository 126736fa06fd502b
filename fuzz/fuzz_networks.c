/* SPDX-License-Identifier: MIT */
/*
 * fuzz_networks: lines, each a letter and a network: a(llow), d(eny) or
 * p(roxies); the last one is an address.  Whether it may talk to the listener,
 * and whether it is a proxy, is what a look at each network says.
 */
#include "config/networks.h"

#include "fuzz_network.h"

#define NETWORKS 64

/* Letter number i is of models[i]. */
struct lists {
	size_t count;
	char letters[NETWORKS];
	struct model_network models[NETWORKS];
};

static struct prefix_table *
table_of(struct listener_config *listener, char letter)
{
	switch (letter) {
	case 'a':
		return &listener->allow;
	case 'd':
		return &listener->deny;
	case 'p':
		return &listener->proxies;
	default:
		return NULL;
	}
}

static void
add(struct lists *lists, struct listener_config *listener, const char *line)
{
	struct prefix_table *table = table_of(listener, line[0]);
	struct network network;
	char expected[NETWORK_EXPECTED];
	size_t i = lists->count;

	if (i == NETWORKS || !table ||
	    !network_parse(&network, line + 1, expected) ||
	    !model_network_read(&lists->models[i], line + 1))
		return;
	lists->letters[i] = line[0];
	lists->count++;
	prefix_table_add(table, &network, (unsigned)i);
}

static bool
has(const struct lists *lists, char letter, const struct model_network *peer)
{
	for (size_t i = 0; i < lists->count; i++)
		if (lists->letters[i] == letter &&
		    model_network_has(&lists->models[i], peer))
			return true;
	return false;
}

static void
check(const struct lists *lists, const struct listener_config *listener,
      const char *text)
{
	struct address address;
	struct model_network peer;
	bool is_open = !memchr(lists->letters, 'a', lists->count);

	if (!model_peer_read(&peer, &address, text))
		return;
	REQUIRE(networks_allow(listener, &address) ==
		((is_open || has(lists, 'a', &peer)) &&
		 !has(lists, 'd', &peer)));
	REQUIRE(networks_has_proxy(listener, &address) ==
		has(lists, 'p', &peer));
}

int
fuzz_networks(const uint8_t *data, size_t size)
{
	struct lists lists = { 0 };
	struct listener_config listener = { 0 };
	char *text = fuzz_memory(size + 1), *line, *rest = text;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n")) && rest)
		add(&lists, &listener, line);
	for (const char *letter = "adp"; *letter; letter++)
		prefix_table_sort(table_of(&listener, *letter));
	check(&lists, &listener, line ? line : "");
	for (const char *letter = "adp"; *letter; letter++)
		prefix_table_free(table_of(&listener, *letter));
	free(text);
	return 0;
}
