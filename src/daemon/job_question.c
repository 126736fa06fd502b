/* SPDX-License-Identifier: MIT */
#include "daemon/job_question.h"

#include <sys/eventfd.h>

#include "base/thread.h"
#include "daemon/restart_check.h"
#include "system/fdstore.h"
#include "system/job.h"

static enum job_answer
find_answer(const struct job_question *question)
{
	/* Whatever was sent to systemd is read before it says more. */
	if (question->is_again)
		fdstore_barrier();
	if (!job_is_restart(question->descriptors))
		return JOB_STOP;
	return question->is_again || restart_check(question->check_fd,
						   question->listeners)
		     ? JOB_RESTART
		     : JOB_RESTART_REFUSED;
}

static void *
ask(void *argument)
{
	struct job_question *question = argument;

	thread_name("ask systemd", "");
	atomic_store(&question->answer, (int)find_answer(question));
	eventfd_write(question->done_fd, 1);
	return NULL;
}

void
job_question_ask(struct job_question *question)
{
	atomic_store(&question->answer, JOB_UNKNOWN);
	/* Not by thread_start(): libsystemd needs a stack of the usual size. */
	question->is_asked =
		pthread_create(&question->thread, NULL, ask, question) == 0;
	if (!question->is_asked)
		atomic_store(&question->answer, JOB_STOP);
}

/* It may be about to ring done_fd, and then it can be asked once more. */
void
job_question_end(struct job_question *question)
{
	if (question->is_asked)
		pthread_join(question->thread, NULL);
}
