/* SPDX-License-Identifier: MIT */
#include "client/answer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef HAVE_JANSSON
#include <jansson.h>
#endif

#include "base/clock.h"
#include "base/diag.h"

/* A restart takes less. */
#define RESTART_MS 2000
#define RETRY_MS 50

#define ANSWER_MS 15000
#define BLOCK 65536

/* No more than a daemon with a million connections answers. */
#define MOST_BYTES 536870912

/* What to do about it. */
static void
log_refusal(const char *path, int error)
{
	const char *advice = "";

	if (error == EACCES)
		advice = "; root and the group of that socket may look, mostly "
			 "adm: usermod -a -G adm USER, then log in anew";
	else if (error == ENOENT)
		advice = "; portlogd does not run, or its status_socket is "
			 "elsewhere (-s) or none";
	else if (error == ECONNREFUSED)
		advice = "; portlogd does not run";
	diag(LOG_ERR, "cannot ask at %s: %s%s", path, strerror(error), advice);
}

/* A socket that is connected; -1 and errno. */
static int
dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = ANSWER_MS / 1000 };
	int fd, error;

	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* Of connect(2) too, while too many others ask. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
dial_patiently(const char *path)
{
	long long until_ms = clock_now_ms() + RESTART_MS;
	int fd;

	while ((fd = dial(path)) < 0 &&
	       (errno == ENOENT || errno == ECONNREFUSED) &&
	       clock_now_ms() < until_ms)
		clock_sleep_ms(RETRY_MS);
	if (fd < 0)
		log_refusal(path, errno);
	return fd;
}

/* Read to the end of the stream.  false: errno. */
static bool
read_all(int fd, struct buffer *text, long long until_ms)
{
	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		long long left_ms = until_ms - clock_now_ms();
		ssize_t size;

		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0) {
			errno = ETIMEDOUT;
			return false;
		}
		size = recv(fd, buffer_reserve(text, BLOCK), BLOCK, 0);
		if (size == 0 || text->size > MOST_BYTES)
			return true;
		if (size < 0 && errno != EINTR)
			return false;
		text->size += size > 0 ? (size_t)size : 0;
	}
}

/* The last line says that nothing is missing. */
static bool
is_whole(const struct buffer *text)
{
	static const char end[] = "{\"end\":true}\n";
	const size_t size = sizeof end - 1;

	return text->size >= size &&
	       memcmp(text->data + text->size - size, end, size) == 0;
}

/* Ask, and close the socket.  false: errno. */
static bool
ask(struct answer *a, int fd, const char *request, int timeout_ms)
{
	long long until_ms = clock_now_ms() + timeout_ms;
	bool is_read;
	char line[64];
	int error;

	snprintf(line, sizeof line, "%s\n", request);
	is_read = send(fd, line, strlen(line), MSG_NOSIGNAL) >= 0 &&
		  read_all(fd, &a->text, until_ms);
	error = is_read ? EPROTO : errno;
	close(fd);
	errno = error;
	return is_read && is_whole(&a->text);
}

bool
answer_ask(struct answer *a, const char *socket_path, const char *request)
{
	int fd = dial_patiently(socket_path);

	if (fd < 0)
		return false;
	if (ask(a, fd, request, ANSWER_MS))
		return true;
	if (errno == EPROTO)
		diag(LOG_ERR, "%s: the answer was cut off", socket_path);
	else
		diag(LOG_ERR, "%s: no answer: %s", socket_path,
		     strerror(errno));
	return false;
}

bool
answer_ask_once(struct answer *a, const char *socket_path, const char *request,
		int timeout_ms)
{
	int fd = dial(socket_path);

	return fd >= 0 && ask(a, fd, request, timeout_ms);
}

#ifdef HAVE_JANSSON

bool
answer_is_readable(void)
{
	return true;
}

bool
answer_next(struct answer *a)
{
	const char *begin, *end;

	json_decref(a->object);
	a->object = NULL;
	if (a->next >= a->text.size)
		return false;
	begin = a->text.data + a->next;
	end = memchr(begin, '\n', a->text.size - a->next);
	if (!end)
		return false;
	a->begin = a->next;
	a->next += (size_t)(end - begin) + 1;
	a->object = json_loadb(begin, (size_t)(end - begin), 0, NULL);
	return a->object;
}

const char *
answer_text(const struct answer *a, const char *key)
{
	return json_string_value(json_object_get(a->object, key));
}

double
answer_number(const struct answer *a, const char *key)
{
	return json_number_value(json_object_get(a->object, key));
}

bool
answer_is_true(const struct answer *a, const char *key)
{
	return json_is_true(json_object_get(a->object, key));
}

bool
answer_has(const struct answer *a, const char *key)
{
	return json_object_get(a->object, key);
}

void
answer_free(struct answer *a)
{
	json_decref(a->object);
	buffer_free(&a->text);
	*a = (struct answer){ 0 };
}

#else

bool
answer_is_readable(void)
{
	diag(LOG_ERR, "built without jansson, portlog reads no JSON: -j alone "
		      "prints it as it is");
	return false;
}

bool
answer_next(struct answer *a)
{
	(void)a;
	return false;
}

const char *
answer_text(const struct answer *a, const char *key)
{
	(void)a;
	(void)key;
	return NULL;
}

double
answer_number(const struct answer *a, const char *key)
{
	(void)a;
	(void)key;
	return 0;
}

bool
answer_is_true(const struct answer *a, const char *key)
{
	(void)a;
	(void)key;
	return false;
}

bool
answer_has(const struct answer *a, const char *key)
{
	(void)a;
	(void)key;
	return false;
}

void
answer_free(struct answer *a)
{
	buffer_free(&a->text);
	*a = (struct answer){ 0 };
}

#endif
