/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/proc_net.h"
#include "client/marker_files.h"

#define PREFIX "portlog check 12345678-"
#define COUNT 12

static bool found[COUNT];
static struct markers markers = { .found = found, .count = COUNT };
static struct marker_files files;
static char directory[32], path[64], other[64];

static void
set_up(void)
{
	memset(found, 0, sizeof found);
	strcpy(directory, "/tmp/portlog-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/log", directory);
	snprintf(other, sizeof other, "%s/log.1", directory);
}

static void
tear_down(void)
{
	marker_files_free(&files);
	unlink(path);
	unlink(other);
	rmdir(directory);
}

/* Which were found: "x" in the place of each. */
static const char *
shown(void)
{
	static char text[COUNT + 1];

	for (size_t i = 0; i < COUNT; i++)
		text[i] = found[i] ? 'x' : '.';
	return text;
}

static const struct {
	const char *data;
	bool at_end;
	const char *shown;
} cases[] = {
	{ "", true, "............" },
	{ PREFIX "0\n", false, "x..........." },
	{ "a " PREFIX "3\nb " PREFIX "1\n", false, ".x.x........" },
	{ "{\"data\":\"" PREFIX "2\"}", false, "..x........." },
	{ PREFIX "1", true, ".x.........." },
	{ PREFIX "1", false, "............" }, /* it may be 11 */
	{ PREFIX "11 ", false, "...........x" },
	{ PREFIX "12 ", false, "............" }, /* there is none */
	{ PREFIX "99999999999999999999999999", true, "............" },
	{ "portlog check 12345679-1\n", true, "............" },
	{ "portlog check 12345678", true, "............" },
	{ "portlog portlog check " PREFIX "4.", true, "....x......." },
};

START_TEST(a_marker_is_found_in_bytes)
{
	const char *data = cases[_i].data;

	markers_search(&markers, PREFIX, data, strlen(data), cases[_i].at_end);
	ck_assert_str_eq(shown(), cases[_i].shown);
}
END_TEST

static void
append(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_APPEND | O_CREAT, 0600);

	ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
append_padding(size_t size)
{
	char *padding = malloc(size + 1);

	memset(padding, 'p', size);
	padding[size] = '\0';
	append(path, padding);
	free(padding);
}

START_TEST(what_was_there_before_is_not_searched)
{
	append(path, PREFIX "1\n");
	marker_files_open(&files, path);
	append(path, PREFIX "2\n");
	marker_files_search(&files, path, PREFIX, &markers);
	ck_assert_str_eq(shown(), "..x.........");
}
END_TEST

START_TEST(a_marker_may_lie_across_two_reads)
{
	append(path, "");
	marker_files_open(&files, path);
	append_padding(65536 - (size_t)_i);
	append(path, PREFIX "7\n");
	marker_files_search(&files, path, PREFIX, &markers);
	ck_assert_str_eq(shown(), ".......x....");
}
END_TEST

START_TEST(a_rotated_file_is_read_on_and_the_new_one_too)
{
	append(path, "old\n");
	marker_files_open(&files, path);
	append(path, PREFIX "1\n");
	rename(path, other);
	append(other, PREFIX "2\n");
	append(path, PREFIX "3\n");
	marker_files_search(&files, path, PREFIX, &markers);
	ck_assert_str_eq(shown(), ".xxx........");
}
END_TEST

START_TEST(a_pipe_is_left_alone)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	marker_files_open(&files, path);
	marker_files_search(&files, path, PREFIX, &markers);
	ck_assert_int_eq(files.error, ESPIPE);
	ck_assert_int_eq(files.count, 0);
}
END_TEST

/* The queue of a listener, and its port, as the kernel lists them. */
START_TEST(a_socket_is_listed_with_its_queue)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int peer = socket(AF_INET, SOCK_STREAM, 0);
	struct net_sockets sockets;
	unsigned long queue = 99;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	getsockname(fd, (struct sockaddr *)&address, &size);
	ck_assert_int_eq(connect(peer, (struct sockaddr *)&address, size), 0);
	proc_net_read(&sockets);
	for (size_t i = 0; i < sockets.count; i++)
		if (sockets.list[i].protocol == PROTOCOL_TCP &&
		    sockets.list[i].address.in.sin_port == address.sin_port)
			queue = sockets.list[i].queue;
	ck_assert_uint_eq(queue, 1);
	proc_net_free(&sockets);
	close(peer);
	close(fd);
}
END_TEST

SUITE(markers)
{
	Suite *suite = suite_create("markers");
	TCase *core = tcase_create("core");

	tcase_add_checked_fixture(core, set_up, tear_down);
	tcase_add_loop_test(core, a_marker_is_found_in_bytes, 0,
			    sizeof cases / sizeof *cases);
	tcase_add_test(core, what_was_there_before_is_not_searched);
	tcase_add_loop_test(core, a_marker_may_lie_across_two_reads, 0, 32);
	tcase_add_test(core, a_rotated_file_is_read_on_and_the_new_one_too);
	tcase_add_test(core, a_pipe_is_left_alone);
	tcase_add_test(core, a_socket_is_listed_with_its_queue);
	suite_add_tcase(suite, core);
	return suite;
}
