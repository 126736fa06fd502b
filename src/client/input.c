/* SPDX-License-Identifier: MIT */
#include "client/input.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"

/* The programs, and how what they have compressed begins. */
static const struct {
	const char *name;
	const char *magic;
} programs[] = {
	{ "gzip", "\x1f\x8b" },
	{ "xz", "\xfd"
		"7zXZ" },
	{ "zstd", "\x28\xb5\x2f\xfd" },
};

#define MAGIC_MAX 5

/* A file whose size is 0, such as those of /proc, may have content anyway. */
static off_t
size_left(int fd)
{
	struct stat file;
	off_t begin = lseek(fd, 0, SEEK_CUR);

	if (begin < 0 || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode) ||
	    file.st_size <= begin)
		return -1;
	return file.st_size - begin;
}

bool
input_open(struct input *input, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;

	*input = (struct input){ .name = is_stdin ? "stdin" : path,
				 .fd = STDIN_FILENO };
	if (!is_stdin)
		input->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (input->fd < 0)
		diag(LOG_ERR, "%s: %s", path, strerror(errno));
	else
		input->left = size_left(input->fd);
	return input->fd >= 0;
}

const char *
input_program(const char *data, size_t size)
{
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		size_t length = strlen(programs[i].magic);

		if (size >= length &&
		    memcmp(data, programs[i].magic, length) == 0)
			return programs[i].name;
	}
	return NULL;
}

/* Run "PROGRAM -dc" from one descriptor to another: 0, or an error. */
static int
spawn(pid_t *child, const char *program, int from, int to)
{
	char name[8];
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return error;
	stpcpy(name, program);
	error = posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, to,
							 STDOUT_FILENO);
	if (error == 0)
		error = posix_spawnp(
			child, program, &actions, NULL,
			(char *[]){ name, (char[]){ "-dc" }, NULL }, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static bool
decompress(struct input *input)
{
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) != 0) {
		diag(LOG_ERR, "%s: %s", input->name, strerror(errno));
		return false;
	}
	error = spawn(&input->child, input->program, input->fd, ends[1]);
	close(ends[1]);
	if (input->fd != STDIN_FILENO)
		close(input->fd);
	input->fd = ends[0];
	input->left = -1;
	if (error == 0)
		return true;
	diag(LOG_ERR, "%s: cannot run %s: %s", input->name, input->program,
	     strerror(error));
	close(ends[0]);
	return false;
}

/* Have it decompressed, where it is compressed. */
static bool
look(struct input *input)
{
	char magic[MAGIC_MAX];
	ssize_t size = pread(input->fd, magic, sizeof magic,
			     lseek(input->fd, 0, SEEK_CUR));
	if (size > 0)
		input->program = input_program(magic, (size_t)size);
	return !input->program || decompress(input);
}

bool
input_open_log(struct input *input, const char *path)
{
	return input_open(input, path) && look(input);
}

bool
input_open_log_at(struct input *input, const char *name, int fd)
{
	*input = (struct input){ .name = name,
				 .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0) };
	if (input->fd < 0) {
		diag(LOG_ERR, "%s: %s", name, strerror(errno));
		return false;
	}
	lseek(input->fd, 0, SEEK_SET);
	input->left = size_left(input->fd);
	return look(input);
}

ssize_t
input_read(struct input *input, char *data, size_t size)
{
	ssize_t got;

	do
		got = read(input->fd, data, size);
	while (got < 0 && errno == EINTR);
	return got;
}

bool
input_close(struct input *input)
{
	int status = 0;

	if (input->fd != STDIN_FILENO)
		close(input->fd);
	if (!input->program)
		return true;
	waitpid(input->child, &status, 0);
	if (status == 0)
		return true;
	diag(LOG_ERR, "%s: %s failed, the rest of it was not read", input->name,
	     input->program);
	return false;
}

void
input_abandon(struct input *input)
{
	if (input->fd != STDIN_FILENO)
		close(input->fd);
	if (input->program)
		waitpid(input->child, NULL, 0);
}
