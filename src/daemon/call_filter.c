/* SPDX-License-Identifier: MIT */
#include "daemon/call_filter.h"

#ifdef HAVE_LIBSECCOMP

#include <errno.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Those that the kernel need not look at twice, among them all of the hot path:
 * from Linux 5.11 on it knows them without running the filter.  A name that an
 * architecture or libseccomp does not have is left out.
 */
static const char *const allowed[] = {
	/* streams and sockets */
	"read pread64 write pwrite64 writev close lseek _llseek recv recvfrom "
	"recvmsg recvmmsg recvmmsg_time64 send sendto sendmsg sendmmsg accept "
	"accept4 bind listen connect shutdown getsockname getpeername "
	"getsockopt setsockopt poll ppoll ppoll_time64 epoll_create1 epoll_ctl "
	"epoll_wait epoll_pwait eventfd2 pipe2 fcntl fcntl64 dup dup3",
	/* files, of which Landlock says which */
	"open openat stat stat64 lstat lstat64 fstat fstat64 newfstatat "
	"fstatat64 statx fstatfs fstatfs64 statfs statfs64 getdents getdents64 "
	"readlink readlinkat access faccessat faccessat2 getcwd flock fsync "
	"fdatasync ftruncate ftruncate64 fallocate mkdir mkdirat rename "
	"renameat renameat2 unlink unlinkat fchmod umask",
	/* memory and threads */
	"brk munmap mremap madvise memfd_create membarrier futex futex_time64 "
	"set_robust_list rseq exit exit_group sched_yield sched_getaffinity "
	"getcpu pause",
	/* signals */
	"rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack "
	"restart_syscall",
	/* time */
	"clock_gettime clock_gettime64 clock_getres clock_getres_time64 "
	"clock_nanosleep clock_nanosleep_time64 nanosleep gettimeofday time",
	/* who and what we are */
	"getpid gettid getppid getuid getuid32 geteuid geteuid32 getgid "
	"getgid32 getegid getegid32 getrlimit ugetrlimit getrandom sysinfo "
	"uname",
};

/* For the paths of listeners. */
static const char of_paths[] = "chmod fchmodat chown chown32 fchownat";

/* Where clone(2) has its flags. */
#if defined(__s390__)
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

#define ALL 0xffffffffU

/* Of type: SOCK_CLOEXEC and SOCK_NONBLOCK are no part of it. */
#define OF_TYPE 15U

/* The lower half of an argument, masked, has to be the value. */
struct condition {
	unsigned argument, mask, value;
};

/* Those that are allowed with some arguments. */
static const struct restricted {
	const char *name;
	struct condition both[2]; /* one that is 0 always holds */
} restricted[] = {
	{ "mmap", { { 2, PROT_EXEC, 0 } } },
	{ "mmap2", { { 2, PROT_EXEC, 0 } } },
	{ "mprotect", { { 2, PROT_EXEC, 0 } } },
	/* Threads, and no processes. */
	{ "clone", { { CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD } } },
	/* The mask of permissions of one thread: directories_make(). */
	{ "unshare", { { 0, ALL, CLONE_FS } } },
	{ "ioctl", { { 1, ALL, FIONREAD } } },
	{ "ioctl", { { 1, ALL, SIOCOUTQ } } },
	{ "ioctl", { { 1, ALL, SIOCGIFINDEX } } },
	{ "ioctl", { { 1, ALL, SIOCGIFNAME } } },
	{ "ioctl", { { 1, ALL, SECCOMP_IOCTL_NOTIF_RECV } } },
	{ "ioctl", { { 1, ALL, SECCOMP_IOCTL_NOTIF_SEND } } },
	{ "prctl", { { 0, ALL, PR_GET_NAME } } },
	{ "prctl", { { 0, ALL, PR_SET_NAME } } },
	{ "prlimit64", { { 0, ALL, 0 } } },
	/* A filter more only refuses more. */
	{ "seccomp", { { 0, ALL, SECCOMP_SET_MODE_FILTER } } },
	/* No raw ones. */
	{ "socket", { { 0, ALL, AF_UNIX } } },
	{ "socket", { { 0, ALL, AF_INET }, { 1, OF_TYPE, SOCK_STREAM } } },
	{ "socket", { { 0, ALL, AF_INET }, { 1, OF_TYPE, SOCK_DGRAM } } },
	{ "socket", { { 0, ALL, AF_INET6 }, { 1, OF_TYPE, SOCK_STREAM } } },
	{ "socket", { { 0, ALL, AF_INET6 }, { 1, OF_TYPE, SOCK_DGRAM } } },
};

static void
add(struct call_filter *f, unsigned code, unsigned k, unsigned char if_true,
    unsigned char if_false)
{
	f->code[f->count++] = (struct sock_filter){ (unsigned short)code,
						    if_true, if_false, k };
}

static void
load(struct call_filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, (unsigned)offset, 0, 0);
}

/* Leave so many instructions out, unless it is equal. */
static void
unless_equal_skip(struct call_filter *f, unsigned value, unsigned char count)
{
	add(f, BPF_JMP | BPF_JEQ | BPF_K, value, 0, count);
}

static void
answer(struct call_filter *f, unsigned action)
{
	add(f, BPF_RET | BPF_K, action, 0, 0);
}

static void
load_number(struct call_filter *f)
{
	load(f, offsetof(struct seccomp_data, nr));
}

/* Three instructions. */
static void
check(struct call_filter *f, const struct condition *c, unsigned char skip)
{
	size_t lower = __BYTE_ORDER == __BIG_ENDIAN ? 4 : 0;

	load(f, offsetof(struct seccomp_data, args) + 8 * (size_t)c->argument +
			lower);
	add(f, BPF_ALU | BPF_AND | BPF_K, c->mask, 0, 0);
	unless_equal_skip(f, c->value, skip);
}

static void
allow_restricted(struct call_filter *f, const struct restricted *r)
{
	int number = seccomp_syscall_resolve_name(r->name);

	if (number < 0)
		return;
	unless_equal_skip(f, (unsigned)number, 8);
	check(f, &r->both[0], 4);
	check(f, &r->both[1], 1);
	answer(f, SECCOMP_RET_ALLOW);
	load_number(f);
}

static void
answer_name(struct call_filter *f, const char *name, unsigned action)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number < 0)
		return;
	unless_equal_skip(f, (unsigned)number, 1);
	answer(f, action);
}

/* A list with one space between two. */
static void
allow_names(struct call_filter *f, const char *names)
{
	while (*names) {
		size_t size = strcspn(names, " ");
		char name[32];

		snprintf(name, sizeof name, "%.*s", (int)size, names);
		answer_name(f, name, SECCOMP_RET_ALLOW);
		names += size + (names[size] == ' ');
	}
}

/*
 * libseccomp knows the numbers of each architecture.  The instructions we make
 * ourselves: without memory, its version 2.5 never ends, or leaves some out.
 */
void
call_filter_make(struct call_filter *f, unsigned action, bool has_paths)
{
	const struct restricted own = { "tgkill",
					{ { 0, ALL, (unsigned)getpid() } } };

	f->count = 0;
	load(f, offsetof(struct seccomp_data, arch));
	add(f, BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
	answer(f, action);
	load_number(f);
	/* Its flags are in memory: the C library takes clone(2) then. */
	answer_name(f, "clone3", SECCOMP_RET_ERRNO | ENOSYS);
	/* First those for which the kernel runs the filter each time. */
	for (size_t i = 0; i < sizeof restricted / sizeof restricted[0]; i++)
		allow_restricted(f, &restricted[i]);
	/* To end itself, as abort(3) does. */
	allow_restricted(f, &own);
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		allow_names(f, allowed[i]);
	if (has_paths)
		allow_names(f, of_paths);
	/* A debugger has it that a call is skipped. */
	unless_equal_skip(f, ALL, 1);
	answer(f, SECCOMP_RET_ALLOW);
	answer(f, action);
}

#endif
