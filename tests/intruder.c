/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD: what other code could do inside the daemon.  A
 * thread of it that gets SIGUSR2 tries each, and writes to the file
 * $INTRUDER_LOG "name error", an errno or 0, and at last "end 0".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int log_fd = -1;

static int
number(const char *name)
{
	const char *value = getenv(name);

	return value ? (int)strtol(value, NULL, 10) : 0;
}

/* A descriptor, which is closed again, or -1. */
static int
was_opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd;
}

/* There is no such program: with an error that says so it was looked for. */
static int
try_exec(void)
{
	char *const none[] = { NULL };
	int result = execve("/nowhere/to/be/found", none, none);

	return errno == ENOENT ? 0 : result;
}

static int
try_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : waitpid(pid, NULL, 0);
}

static int
try_ptrace(void)
{
	return (int)ptrace(PTRACE_SEIZE, number("INTRUDER_PID"), NULL, NULL);
}

static int
try_kill(void)
{
	return kill(number("INTRUDER_PID"), 0);
}

static int
try_read(void)
{
	return was_opened(open(getenv("INTRUDER_FILE"), O_RDONLY));
}

static int
try_shadow(void)
{
	return was_opened(open("/etc/shadow", O_RDONLY));
}

static int
try_write(void)
{
	return was_opened(open(getenv("INTRUDER_FILE"), O_WRONLY));
}

static int
try_create(void)
{
	char path[4096];

	snprintf(path, sizeof path, "%s.new", getenv("INTRUDER_FILE"));
	return was_opened(open(path, O_WRONLY | O_CREAT, 0600));
}

/* call: connect(2) or bind(2) */
static int
try_port(int (*call)(int, const struct sockaddr *, socklen_t), int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int result = call(fd, (struct sockaddr *)&to, sizeof to);
	int error = errno;

	close(fd);
	errno = error;
	return result;
}

static int
try_connect(void)
{
	return try_port(connect, number("INTRUDER_PORT"));
}

static int
try_bind(void)
{
	return try_port(bind, 0);
}

static int
try_netlink(void)
{
	return was_opened(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
try_packet(void)
{
	return was_opened(socket(AF_PACKET, SOCK_RAW, 0));
}

static int
try_raw(void)
{
	return was_opened(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int
try_alg(void)
{
	return was_opened(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int
try_vsock(void)
{
	return was_opened(socket(AF_VSOCK, SOCK_STREAM, 0));
}

static int
try_code(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code == MAP_FAILED ? -1 : munmap(code, 4096);
}

static int
try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0, 0,
		     0);
}

static int
try_namespace(void)
{
	return unshare(CLONE_NEWUTS);
}

/* The kernel finds fault with what it is given, but only once it looks. */
static int
try_ring(void)
{
	long result = syscall(SYS_io_uring_setup, 0, NULL);

	return result < 0 && errno == EFAULT ? 0 : (int)result;
}

static const struct {
	const char *name;
	int (*try)(void); /* -1: errno */
} attempts[] = {
	{ "execve", try_exec },       { "fork", try_fork },
	{ "ptrace", try_ptrace },     { "kill", try_kill },
	{ "read", try_read },         { "shadow", try_shadow },
	{ "write", try_write },       { "create", try_create },
	{ "connect", try_connect },   { "bind", try_bind },
	{ "netlink", try_netlink },   { "packet", try_packet },
	{ "raw", try_raw },           { "alg", try_alg },
	{ "vsock", try_vsock },       { "code", try_code },
	{ "dumpable", try_dumpable }, { "namespace", try_namespace },
	{ "ring", try_ring },
};

static void
intrude(int signal)
{
	int error = errno;

	(void)signal;
	for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
		char line[64];
		int result = attempts[i].try();
		int size = snprintf(line, sizeof line, "%s %d\n",
				    attempts[i].name, result < 0 ? errno : 0);

		if (write(log_fd, line, (size_t)size) < 0)
			break;
	}
	if (write(log_fd, "end 0\n", 6) < 0)
		abort();
	errno = error;
}

__attribute__((constructor)) static void
prepare(void)
{
	const struct sigaction action = { .sa_handler = intrude,
					  .sa_flags = SA_RESTART };

	log_fd = open(getenv("INTRUDER_LOG"),
		      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	sigaction(SIGUSR2, &action, NULL);
}
