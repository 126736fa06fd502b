/* SPDX-License-Identifier: MIT */
#include "daemon/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

static sigset_t
handled(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	return set;
}

void
signals_block(void)
{
	const sigset_t set = handled();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void
signals_unblock(void)
{
	const sigset_t set = handled();

	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int
signals_open(void)
{
	const sigset_t set = handled();

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file's limit is EFBIG, and waited for */
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
