/* SPDX-License-Identifier: MIT */
#include "daemon/confine_calls.h"

#include <errno.h>

#ifdef HAVE_LIBSECCOMP

#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/thread.h"
#include "daemon/call_filter.h"

/* System calls beyond these are told as one. */
#define NUMBERS 1024

struct watch {
	int fd;
	struct call_filter own; /* the filter of its thread */
};

/*
 * Returns what the kernel does: a descriptor, 0, or -1 and errno.  Speculation
 * stays as it is, for no code of others runs here: before Linux 5.16 every
 * filter would make the process slower.
 */
static int
load(struct call_filter *filter, unsigned long flags)
{
	const struct sock_fprog program = { (unsigned short)filter->count,
					    filter->code };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_SPEC_ALLOW | flags, &program);
}

static void
tell(const struct seccomp_data *call)
{
	static bool is_told[NUMBERS];
	unsigned number =
		(unsigned)call->nr < NUMBERS ? (unsigned)call->nr : NUMBERS - 1;
	char *name;

	if (is_told[number])
		return;
	is_told[number] = true;
	name = seccomp_syscall_resolve_num_arch(call->arch, call->nr);
	diag(LOG_WARNING,
	     "confinement: refused the system call %s, number %d: see "
	     "CONFINEMENT in portlogd(8)",
	     name ? name : "without a name", call->nr);
	free(name);
}

/* false: nobody can be answered any more. */
static bool
answer_one(int fd)
{
	struct seccomp_notif *refused;
	struct seccomp_notif_resp *answer;
	bool goes_on = true;

	/* The kernel takes zeroed memory alone, as much as it has asked for. */
	if (seccomp_notify_alloc(&refused, &answer) != 0)
		return false;
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, refused) == 0) {
		tell(&refused->data);
		answer->id = refused->id;
		answer->error = -ENOSYS;
		/* Fails if that thread is no more. */
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, answer);
	} else {
		goes_on = errno == EINTR || errno == ENOENT;
	}
	seccomp_notify_free(refused, answer);
	return goes_on;
}

/*
 * Whoever made the call waits for this thread, which must not wait for itself:
 * of two filters the kernel takes the harsher answer.  When the thread ends,
 * the kernel says ENOSYS for it.
 */
static void *
watch_main(void *argument)
{
	struct watch *w = argument;
	bool goes_on = load(&w->own, 0) == 0;

	thread_name("calls", "");
	while (goes_on && answer_one(w->fd))
		;
	close(w->fd);
	return NULL;
}

/* Later libseccomp could not ask the kernel how large its structures are. */
static bool
learn_sizes(void)
{
	struct seccomp_notif *refused;
	struct seccomp_notif_resp *answer;
	int error = seccomp_notify_alloc(&refused, &answer);

	if (error == 0)
		seccomp_notify_free(refused, answer);
	return error == 0;
}

/* false: no filter was loaded. */
static bool
start_watch(struct watch *w, bool has_paths)
{
	struct call_filter all;

	if (!learn_sizes())
		return false;
	call_filter_make(&all, SECCOMP_RET_USER_NOTIF, has_paths);
	w->fd = load(&all, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (w->fd >= 0 && thread_start(NULL, watch_main, w) != 0)
		close(w->fd);
	return w->fd >= 0;
}

/*
 * Some managers of containers watch what runs there in the same way, and only
 * one can: then the filter of the thread is that of all, and nothing is told.
 */
bool
confine_calls(bool has_paths)
{
	static struct watch watch;

	call_filter_make(&watch.own, SECCOMP_RET_ERRNO | ENOSYS, has_paths);
	return start_watch(&watch, has_paths) || load(&watch.own, 0) == 0;
}

#else

bool
confine_calls(bool has_paths)
{
	(void)has_paths;
	errno = ENOTSUP;
	return false;
}

#endif
