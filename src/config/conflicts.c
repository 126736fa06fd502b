/* SPDX-License-Identifier: MIT */
#include "config/conflicts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t
scope_of(const struct address *address)
{
	return address->any.sa_family == AF_INET ? 0
						 : address->in6.sin6_scope_id;
}

/* Beside "fe80::1%eth0" it depends on interfaces: that is left to bind(). */
static bool
covers(const struct address *a, const struct address *b)
{
	return address_is_any(a) && scope_of(b) == 0;
}

static bool
overlap(const struct address *a, const struct address *b)
{
	return a->any.sa_family == b->any.sa_family &&
	       (address_same_host(a, b) || covers(a, b) || covers(b, a));
}

/* "*" is every address of both families. */
static bool
is_same_address(const char *a, const char *b)
{
	struct address x, y;

	if (strcmp(a, "*") == 0 || strcmp(b, "*") == 0)
		return true;
	return address_parse(&x, a, 0) && address_parse(&y, b, 0) &&
	       overlap(&x, &y);
}

/* Move *path to its next part, past "//" and "/./".  Returns its size. */
static size_t
next_part(const char **path)
{
	for (;;) {
		size_t size;

		*path += strspn(*path, "/");
		size = strcspn(*path, "/");
		if (size != 1 || **path != '.')
			return size;
		*path += size;
	}
}

static bool
is_same_path(const char *a, const char *b)
{
	if ((*a == '/') != (*b == '/'))
		return false;
	for (;;) {
		size_t size = next_part(&a);

		if (size != next_part(&b) || memcmp(a, b, size) != 0)
			return false;
		if (size == 0)
			return true;
		a += size;
		b += size;
	}
}

static unsigned
last_port(const struct listener_config *l)
{
	return l->last_port > 0 ? l->last_port : l->port;
}

bool
conflicts_listeners(const struct listener_config *a,
		    const struct listener_config *b)
{
	/* A listener without an interface listens on every one. */
	bool same_interface = !a->interface || !b->interface ||
			      strcmp(a->interface, b->interface) == 0;

	if (a->path && b->path)
		return is_same_path(a->path, b->path);
	return a->port != 0 && a->port <= last_port(b) &&
	       b->port <= last_port(a) && a->protocol == b->protocol &&
	       same_interface && is_same_address(a->address, b->address);
}

/* A listener's name, or those of a range: "tcp" and 8888, "pumps" and none. */
struct label {
	const char *text;
	size_t size;
	unsigned first, last; /* number */
	bool is_default;
};

#define NO_NUMBER UINT_MAX

static struct label
label_of(const struct listener_config *l)
{
	const char *protocol = address_protocol(l->protocol);
	const char *slash = l->name ? strrchr(l->name, '/') : NULL;
	struct label label = { .text = l->name ? l->name : protocol,
			       .first = l->port,
			       .last = last_port(l),
			       .is_default = !l->name };
	uint16_t number;

	label.size = strlen(label.text);
	if (!l->name || l->last_port > 0)
		return label;
	label.first = label.last = NO_NUMBER;
	if (slash && address_parse_port(slash + 1, &number)) {
		label.size = (size_t)(slash - l->name);
		label.first = label.last = number;
		label.is_default = number == l->port &&
				   label.size == strlen(protocol) &&
				   memcmp(l->name, protocol, label.size) == 0;
	}
	return label;
}

bool
conflicts_names(const struct listener_config *a,
		const struct listener_config *b)
{
	struct label x = label_of(a), y = label_of(b);

	/* The kernel chooses the port that an unnamed one is named after. */
	if ((!a->name && a->port == 0) || (!b->name && b->port == 0))
		return false;
	return a->protocol == b->protocol && x.first <= y.last &&
	       y.first <= x.last && x.size == y.size &&
	       memcmp(x.text, y.text, x.size) == 0 &&
	       !(x.is_default && y.is_default);
}

/* A file, or the directory where one of that name would be made. */
struct place {
	struct stat status;
	const char *name; /* NULL: the file is there */
};

static bool
find_path(const char *path, struct place *place)
{
	const char *slash = strrchr(path, '/');
	size_t size = slash ? (size_t)(slash - path) + 1 : 0;
	char directory[PATH_MAX] = ".";

	place->name = NULL;
	if (stat(path, &place->status) == 0)
		return true;
	place->name = path + size;
	if (size >= sizeof directory)
		return false;
	if (slash)
		snprintf(directory, sizeof directory, "%.*s", (int)size, path);
	return stat(directory, &place->status) == 0;
}

/* stdout as it is now; what discards it, such as /dev/null, mixes nothing. */
static bool
find_stdout(struct place *place)
{
	place->name = NULL;
	return fstat(STDOUT_FILENO, &place->status) == 0 &&
	       (!S_ISCHR(place->status.st_mode) || isatty(STDOUT_FILENO));
}

static bool
is_same_place(const struct place *a, const struct place *b)
{
	if (a->status.st_dev != b->status.st_dev ||
	    a->status.st_ino != b->status.st_ino)
		return false;
	return a->name && b->name ? strcmp(a->name, b->name) == 0
				  : a->name == b->name;
}

bool
conflicts_paths(const char *a, const char *b)
{
	struct place x, y;

	return is_same_path(a, b) ||
	       (find_path(a, &x) && find_path(b, &y) && is_same_place(&x, &y));
}

static bool
is_stdout(const char *path)
{
	struct place ours, its;

	return path && find_stdout(&ours) && find_path(path, &its) &&
	       is_same_place(&ours, &its);
}

bool
conflicts_outputs(const struct output_config *a, const struct output_config *b)
{
	if (a->type == OUTPUT_STDOUT)
		return b->type == OUTPUT_STDOUT || is_stdout(b->path);
	if (b->type == OUTPUT_STDOUT)
		return is_stdout(a->path);
	return a->path && b->path && conflicts_paths(a->path, b->path);
}

/* Whether the path is the other one, a dot and a number. */
static bool
is_numbered(const char *path, const struct output_config *rotated)
{
	const char *dot = strrchr(path, '.');
	char before[PATH_MAX];

	if (rotated->max_size == 0 || !rotated->path || !dot || !dot[1] ||
	    dot[1 + strspn(dot + 1, "0123456789")] != '\0')
		return false;
	snprintf(before, sizeof before, "%.*s", (int)(dot - path), path);
	return conflicts_paths(before, rotated->path);
}

bool
conflicts_rotated(const struct output_config *a, const struct output_config *b)
{
	return (b->path && is_numbered(b->path, a)) ||
	       (a->path && is_numbered(a->path, b));
}
