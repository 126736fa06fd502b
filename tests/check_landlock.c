/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sanitizers.h"
#include "system/landlock.h"

#define FILES                                                                  \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
	 LANDLOCK_ACCESS_FS_MAKE_REG)

/* Each test has a process of its own, so that it can be confined. */
static char allowed[64] = "/tmp/allowed-XXXXXX",
	    other[64] = "/tmp/other-XXXXXX";
static struct landlock landlock;

static void
set_up(void)
{
	ck_assert(mkdtemp(allowed) && mkdtemp(other));
}

/* From the process that no test has confined. */
static void
clean_up(void)
{
	char path[80];

	snprintf(path, sizeof path, "%s/file", allowed);
	unlink(path);
	rmdir(allowed);
	rmdir(other);
}

static bool
is_open(unsigned refused)
{
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	return !SANITIZED && landlock_open(&landlock, refused);
}

/* Make a file; 0, or an errno. */
static int
make(const char *directory)
{
	char path[80];
	int fd;

	snprintf(path, sizeof path, "%s/file", directory);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* 0, or an errno. */
static int
bind_to(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int error = bind(fd, (struct sockaddr *)&address, sizeof address)
			  ? errno
			  : 0;

	close(fd);
	return error;
}

START_TEST(files_are_made_where_it_is_allowed)
{
	if (!is_open(0))
		return;
	landlock_allow(&landlock, allowed, FILES);
	landlock_allow(&landlock, "/nowhere/to/be/found", FILES);
	landlock_allow(&landlock, "/dev/null", FILES);
	ck_assert(landlock_enforce(&landlock));
	ck_assert_int_eq(make(allowed), 0);
	ck_assert_int_eq(make(other), EACCES);
	ck_assert_int_ge(open("/dev/null", O_RDWR), 0);
	ck_assert_int_eq(open("/dev/zero", O_RDONLY), -1);
	ck_assert_int_eq(bind_to(0), 0);
}
END_TEST

START_TEST(ports_are_those_that_are_allowed)
{
	if (!is_open(LANDLOCK_BINDS) || landlock.version < 4)
		return;
	landlock_allow_port(&landlock, 0);
	ck_assert(landlock_enforce(&landlock));
	ck_assert_int_eq(bind_to(0), 0);
	ck_assert_int_eq(bind_to(1024), EACCES);
}
END_TEST

START_TEST(a_rule_that_cannot_be_made_confines_nothing)
{
	char path[sizeof other + sizeof "/file"];

	if (!is_open(0))
		return;
	landlock.files = 1ULL << 63; /* a right that no kernel has */
	landlock_allow(&landlock, allowed, 1ULL << 63);
	ck_assert(!landlock_enforce(&landlock));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(make(other), 0);
	snprintf(path, sizeof path, "%s/file", other);
	unlink(path);
}
END_TEST

SUITE(landlock)
{
	Suite *s = suite_create("landlock");
	TCase *tc = tcase_create("landlock");

	tcase_add_unchecked_fixture(tc, set_up, clean_up);
	tcase_add_test(tc, files_are_made_where_it_is_allowed);
	tcase_add_test(tc, ports_are_those_that_are_allowed);
	tcase_add_test(tc, a_rule_that_cannot_be_made_confines_nothing);
	suite_add_tcase(s, tc);
	return s;
}
