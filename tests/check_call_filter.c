/* SPDX-License-Identifier: MIT */
#include "check.h"

#ifdef HAVE_LIBSECCOMP

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/call_filter.h"

#define REFUSED SECCOMP_RET_USER_NOTIF
#define ALLOWED SECCOMP_RET_ALLOW

static struct call_filter filter;

/* What the kernel would do, which runs such a program for each call. */
static unsigned
run(const struct seccomp_data *data)
{
	unsigned a = 0;

	for (size_t i = 0; i < filter.count; i++) {
		const struct sock_filter *in = &filter.code[i];

		ck_assert_uint_le(i + 1 + in->jf, filter.count);
		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ck_assert_uint_le(in->k + sizeof a, sizeof *data);
			memcpy(&a, (const char *)data + in->k, sizeof a);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= in->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += a == in->k ? in->jt : in->jf;
			break;
		case BPF_RET | BPF_K:
			return in->k;
		default:
			ck_abort_msg("code %u", in->code);
		}
	}
	ck_abort_msg("the program has no end");
}

static const struct call {
	int number;
	unsigned long long arguments[6];
	unsigned answer;
} calls[] = {
	{ SYS_read, { 0 }, ALLOWED },
	{ SYS_write, { 1, 2, 3 }, ALLOWED },
	{ SYS_recvmmsg, { 0 }, ALLOWED },
	{ SYS_execve, { 0 }, REFUSED },
	{ SYS_execveat, { 0 }, REFUSED },
	{ SYS_ptrace, { 0 }, REFUSED },
	{ SYS_kill, { 1, 9 }, REFUSED },
	{ SYS_truncate, { 0 }, REFUSED },
	{ SYS_process_vm_readv, { 0 }, REFUSED },
	{ SYS_socket, { AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC }, ALLOWED },
	{ SYS_socket, { AF_INET, SOCK_STREAM | SOCK_NONBLOCK }, ALLOWED },
	{ SYS_socket, { AF_INET6, SOCK_DGRAM }, ALLOWED },
	{ SYS_socket, { AF_INET6, SOCK_RAW }, REFUSED },
	{ SYS_socket, { AF_NETLINK, SOCK_DGRAM }, REFUSED },
	{ SYS_socket, { AF_PACKET, SOCK_RAW }, REFUSED },
	{ SYS_socket, { AF_VSOCK, SOCK_STREAM }, REFUSED },
	{ SYS_mprotect, { 0, 0, PROT_READ | PROT_WRITE }, ALLOWED },
	{ SYS_mprotect, { 0, 0, PROT_READ | PROT_EXEC }, REFUSED },
	{ SYS_unshare, { CLONE_FS }, ALLOWED },
	{ SYS_unshare, { CLONE_FS | CLONE_NEWUSER }, REFUSED },
	{ SYS_ioctl, { 0, FIONREAD }, ALLOWED },
	{ SYS_ioctl, { 0, TIOCSTI }, REFUSED },
	{ SYS_prctl, { PR_GET_NAME }, ALLOWED },
	{ SYS_prctl, { PR_SET_NAME }, ALLOWED },
	{ SYS_prctl, { PR_SET_DUMPABLE, 1 }, REFUSED },
	{ SYS_clone3, { 0 }, SECCOMP_RET_ERRNO | ENOSYS },
	{ -1, { 0 }, ALLOWED },
};

static unsigned
answer(int number, const unsigned long long arguments[6])
{
	struct seccomp_data data = { .nr = number,
				     .arch = seccomp_arch_native() };

	memcpy(data.args, arguments, sizeof data.args);
	return run(&data);
}

START_TEST(each_call_has_its_answer)
{
	const struct call *call = &calls[_i];

	call_filter_make(&filter, REFUSED, false);
	ck_assert_uint_eq(answer(call->number, call->arguments), call->answer);
}
END_TEST

START_TEST(a_thread_may_be_made_and_ended_with_its_process)
{
	const unsigned long long thread[6] = { CLONE_VM | CLONE_THREAD,
					       CLONE_VM | CLONE_THREAD };
	const unsigned long long process[6] = { 0 };
	const unsigned long long own[6] = { (unsigned)getpid(), 1, 6 };
	const unsigned long long other[6] = { (unsigned)getppid(), 1, 6 };

	call_filter_make(&filter, REFUSED, false);
	ck_assert_uint_eq(answer(SYS_clone, thread), ALLOWED);
	ck_assert_uint_eq(answer(SYS_clone, process), REFUSED);
	ck_assert_uint_eq(answer(SYS_tgkill, own), ALLOWED);
	ck_assert_uint_eq(answer(SYS_tgkill, other), REFUSED);
}
END_TEST

START_TEST(modes_are_for_listeners_with_paths)
{
	const unsigned long long none[6] = { 0 };

	call_filter_make(&filter, REFUSED, false);
	ck_assert_uint_eq(answer(SYS_fchmodat, none), REFUSED);
	ck_assert_uint_eq(answer(SYS_fchownat, none), REFUSED);
	call_filter_make(&filter, REFUSED, true);
	ck_assert_uint_eq(answer(SYS_fchmodat, none), ALLOWED);
	ck_assert_uint_eq(answer(SYS_fchownat, none), ALLOWED);
	ck_assert_uint_eq(answer(SYS_execve, none), REFUSED);
	ck_assert_uint_le(filter.count,
			  sizeof filter.code / sizeof filter.code[0]);
}
END_TEST

START_TEST(calls_of_another_architecture_are_refused)
{
	const struct seccomp_data data = { .nr = SYS_read,
					   .arch = seccomp_arch_native() ^ 1 };

	call_filter_make(&filter, REFUSED, true);
	ck_assert_uint_eq(run(&data), REFUSED);
}
END_TEST

SUITE(call_filter)
{
	Suite *s = suite_create("call_filter");
	TCase *tc = tcase_create("call_filter");

	tcase_add_loop_test(tc, each_call_has_its_answer, 0,
			    sizeof calls / sizeof calls[0]);
	tcase_add_test(tc, a_thread_may_be_made_and_ended_with_its_process);
	tcase_add_test(tc, modes_are_for_listeners_with_paths);
	tcase_add_test(tc, calls_of_another_architecture_are_refused);
	suite_add_tcase(s, tc);
	return s;
}

#endif
