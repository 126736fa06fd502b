/* SPDX-License-Identifier: MIT */
#include "daemon/server.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "config/defaults.h"
#include "daemon/certificates.h"
#include "daemon/confine.h"
#include "daemon/drain.h"
#include "daemon/fd_limit.h"
#include "daemon/job_question.h"
#include "daemon/listeners_accept.h"
#include "daemon/memory_bound.h"
#include "daemon/rebind.h"
#include "daemon/reopen.h"
#include "daemon/restart.h"
#include "daemon/restart_check.h"
#include "daemon/signals.h"
#include "daemon/status.h"
#include "daemon/watchdog.h"
#include "output/output_set.h"
#include "system/fdstore.h"
#include "system/notify.h"

/*
 * timeout(1) sends its signal to the process and to its group: what comes so
 * soon after the first is the same wish, not a second one.
 */
#define SAME_SIGNAL_MS 50

/* What the main thread polls, before the listeners. */
enum {
	POLLED_SIGNAL,
	POLLED_WAKE,
	POLLED_BROKEN,
	POLLED_LISTENERS,
};

struct server {
	const struct config *config;
	const char *config_name;
	struct output_set *outputs;
	struct listeners listeners;
	struct retired retired;
	struct watchdog watchdog;
	struct job_question question;
	struct status *status; /* NULL: nobody looks */
	struct pollfd *polled;
	struct reopen reopen;
	int handover_fd; /* an eventfd, rung when threads are to end */
	int check_fd;    /* of restart_check_prepare(); -1: none */
	bool broken;     /* stdout has lost its reader */
};

static bool
open_descriptors(struct server *s)
{
	const int fds[POLLED_LISTENERS] = {
		[POLLED_SIGNAL] = signals_open(),
		[POLLED_WAKE] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		[POLLED_BROKEN] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	s->polled = memory_zeroed(POLLED_LISTENERS +
					  config_count_sockets(s->config),
				  sizeof *s->polled);
	s->handover_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = 0; i < POLLED_LISTENERS; i++) {
		s->polled[i] =
			(struct pollfd){ .fd = fds[i], .events = POLLIN };
		if (fds[i] < 0 || s->handover_fd < 0) {
			diag(LOG_ERR, "cannot start: %s", strerror(errno));
			return false;
		}
	}
	return true;
}

static void
log_counters(struct server *s)
{
	listeners_log_counters(&s->listeners);
	output_set_log_counters(s->outputs);
}

/* Act on signals; returns one that ends the daemon, or 0. */
static int
handle_signals(struct server *s)
{
	struct signalfd_siginfo info;

	while (read(s->polled[POLLED_SIGNAL].fd, &info, sizeof info) ==
	       sizeof info) {
		if (info.ssi_signo == SIGHUP)
			reopen_begin(&s->reopen);
		else if (info.ssi_signo == SIGUSR1)
			log_counters(s);
		else
			return (int)info.ssi_signo;
	}
	return 0;
}

/* Wait for a signal, a thread that rings, or a connection. */
static void
wait_for_something(struct server *s, long long until_ms)
{
	nfds_t count = POLLED_LISTENERS + s->listeners.count;
	long long left_ms;
	eventfd_t rung;

	reopen_tend(&s->reopen, &until_ms);
	watchdog_feed(&s->watchdog, &s->listeners);
	if (watchdog_deadline_ms(&s->watchdog) < until_ms)
		until_ms = watchdog_deadline_ms(&s->watchdog);
	retired_are_done(&s->retired);
	listeners_tend(&s->listeners, &until_ms);
	if (s->listeners.phase == LISTENERS_SERVING)
		rebind_tend(&s->listeners, &until_ms);
	certificates_tend(&s->listeners, &until_ms);
	listeners_poll(&s->listeners, s->polled + POLLED_LISTENERS, &until_ms);
	left_ms = until_ms == LLONG_MAX ? -1 : until_ms - clock_now_ms();
	if (left_ms < 0 && until_ms != LLONG_MAX)
		left_ms = 0;
	status_leave(s->status);
	if (poll(s->polled, count, left_ms < INT_MAX ? (int)left_ms : INT_MAX) <
		    0 &&
	    errno != EINTR)
		clock_sleep_ms(100); /* not even RLIMIT_NOFILE allows it */
	status_enter(s->status);
	if (s->polled[POLLED_WAKE].revents)
		eventfd_read(s->polled[POLLED_WAKE].fd, &rung);
	if (s->polled[POLLED_BROKEN].revents) {
		eventfd_read(s->polled[POLLED_BROKEN].fd, &rung);
		s->broken = true;
	}
}

/* Until a signal ends it, which is returned; 0: stdout has no reader. */
static int
serve(struct server *s)
{
	while (!s->broken) {
		int number;

		wait_for_something(s, LLONG_MAX);
		number = handle_signals(s);
		if (number != 0)
			return number;
		listeners_accept(&s->listeners, s->polled + POLLED_LISTENERS);
	}
	return 0;
}

/* Whether all threads have done their part within shutdown_timeout. */
static bool
finish(struct server *s,
       bool (*is_finished)(struct listeners *, struct retired *))
{
	unsigned timeout_s = s->config->shutdown_timeout_s;
	long long begin_ms = clock_now_ms();
	long long until_ms = begin_ms + timeout_s * 1000LL;

	while (!is_finished(&s->listeners, &s->retired)) {
		wait_for_something(s, until_ms);
		if (handle_signals(s) != 0 &&
		    clock_now_ms() - begin_ms > SAME_SIGNAL_MS) {
			diag(LOG_ERR, "giving up: a second signal");
			return false;
		}
		if (clock_now_ms() >= until_ms) {
			diag(LOG_ERR, "giving up after %u seconds", timeout_s);
			return false;
		}
	}
	return true;
}

/* A stop; false: not all that the kernel holds was written. */
static bool
drain(struct server *s)
{
	drain_begin(&s->listeners);
	return finish(s, drain_is_done);
}

/*
 * Ask what the end is for, and go on meanwhile.  false: a second signal came
 * before the answer.
 */
static bool
ask(struct server *s, bool is_again, enum job_answer *answer)
{
	long long begin_ms = clock_now_ms();

	/* It reads the listeners, so none is bound anew meanwhile. */
	s->listeners.look_at_ms = LLONG_MAX;
	s->question.check_fd = s->check_fd;
	s->question.listeners = &s->listeners;
	s->question.descriptors = restart_fd_count(&s->listeners);
	s->question.done_fd = s->polled[POLLED_WAKE].fd;
	s->question.is_again = is_again;
	job_question_ask(&s->question);
	while ((*answer = job_question_answer(&s->question)) == JOB_UNKNOWN) {
		wait_for_something(s, LLONG_MAX);
		if (handle_signals(s) != 0 &&
		    clock_now_ms() - begin_ms > SAME_SIGNAL_MS) {
			diag(LOG_ERR, "giving up: a second signal");
			return false;
		}
		listeners_accept(&s->listeners, s->polled + POLLED_LISTENERS);
	}
	job_question_end(&s->question);
	s->listeners.look_at_ms = 0;
	return true;
}

/*
 * Leave all to the next process.  A stop that overtakes a restart is no second
 * signal, so that is asked for once more; number 0: there is nobody to ask.
 * false: not all was written.
 */
static bool
hand_over(struct server *s, int number)
{
	enum job_answer answer = JOB_RESTART;
	bool all;

	restart_begin(&s->listeners);
	all = finish(s, restart_is_ready);
	/* The state has the connections that wait for an output. */
	restart_hand_over(&s->listeners);
	if (!all || (number != 0 && !ask(s, true, &answer)))
		return false;
	if (answer != JOB_STOP) {
		restart_free(&s->listeners);
		return true;
	}
	diag(LOG_INFO, "stopping: the restart became a stop");
	return restart_take_back(&s->listeners) && drain(s);
}

static bool
end(struct server *s, int number)
{
	enum job_answer answer = JOB_STOP;

	/* Before STOPPING=1 is sent. */
	if (number == SIGTERM && fdstore_available() && !ask(s, false, &answer))
		return false;
	/* As after a kill: what is in hand has nowhere to go. */
	if (number == 0 && fdstore_available())
		answer = JOB_RESTART;
	/* A process that cannot start would take over nothing. */
	if (answer == JOB_RESTART_REFUSED)
		diag(LOG_ERR, "cannot restart: ending all in order");
	if (number != 0)
		diag(LOG_INFO, "%s: SIG%s",
		     answer == JOB_RESTART ? "restarting" : "stopping",
		     sigabbrev_np(number));
	notify_stopping();
	return answer == JOB_RESTART ? hand_over(s, number) : drain(s);
}

static enum server_end
abandon(struct server *s)
{
	status_close(s->status);
	output_set_abandon(s->outputs);
	drain_log_unread(&s->listeners, &s->retired);
	output_set_log_unwritten(s->outputs);
	output_set_log_unsynced(s->outputs);
	return SERVER_ABANDONED;
}

/* false: what was written may not be there after all. */
static bool
clean_up(struct server *s)
{
	bool closed;

	listeners_close(&s->listeners);
	retired_close(&s->retired);
	closed = output_set_close(s->outputs);
	state_close(&s->listeners.state); /* in which they count their doubts */
	/* POLLED_WAKE closes with the process: a reopen may yet ring it. */
	close(s->polled[POLLED_SIGNAL].fd);
	close(s->polled[POLLED_BROKEN].fd);
	close(s->handover_fd);
	free(s->polled);
	return closed;
}

/* Open everything, and continue with what the process before this one left. */
static bool
open_all(struct server *s, struct listen_fds *in)
{
	size_t max_connections = fd_limit_raise(s->config);
	int wake_fd = s->polled[POLLED_WAKE].fd;
	bool is_open;

	if (listen_fds_refuse_accepted(in))
		return false;
	s->outputs = output_set_open(s->config, wake_fd,
				     s->polled[POLLED_BROKEN].fd);
	if (!s->outputs ||
	    !listeners_find(&s->listeners, s->config, max_connections,
			    s->outputs, wake_fd, s->handover_fd, in))
		return false;
	if (!certificates_open(&s->listeners))
		return false;
	s->reopen = (struct reopen){
		.listeners = &s->listeners,
		.outputs = s->outputs,
		.done_fd = wake_fd,
	};
	retired_open(&s->retired, &s->listeners, in);
	is_open = listeners_open(&s->listeners, s->retired.first, in);
	/* Also where that fails: the next start continues from here. */
	restart_take_over(&s->listeners, &s->retired, in);
	return is_open;
}

static void
open_status(struct server *s)
{
	struct status_view view = {
		.listeners = &s->listeners,
		.config_name = s->config_name,
		.started_ms = clock_now_ms(),
		.watchdog_ms = s->watchdog.watchdog_ms,
	};

	clock_gettime(CLOCK_REALTIME, &view.started);
	s->status = status_open(&view);
}

/* What a peer sends is read by these alone. */
static bool
start_threads(struct server *s)
{
	struct state_header *state = s->listeners.state.header;

	confine(s->config);
	atomic_store(&state->is_at_rest, false);
	return output_set_start(s->outputs, state->run, &state->doubts) &&
	       listeners_start(&s->listeners) && retired_start(&s->retired);
}

/* Open everything and start all threads; false: stderr has the reason. */
static bool
start(struct server *s, char *const arguments[])
{
	struct listen_fds in;

	if (fdstore_available())
		s->check_fd = restart_check_prepare(arguments);
	listen_fds_open(&in);
	if (!open_all(s, &in) || !start_threads(s)) {
		restart_log_waiting(&in);
		return false;
	}
	listen_fds_close(&in);
	watchdog_init(&s->watchdog);
	open_status(s);
	output_set_log(s->outputs);
	memory_bound_log(&s->listeners);
	listeners_log(&s->listeners);
	return true;
}

void
server_refuse(void)
{
	notify_status(diag_last_error());
}

enum server_end
server_run(const struct config *config, const char *config_name,
	   char *const arguments[])
{
	/* A thread that opens files may outlive this call. */
	static struct server s = { .check_fd = -1 };
	unsigned long long unwritten;
	bool is_idle;

	s.config = config;
	s.config_name = config_name;

	/* Where it fails, what was opened so far closes with the process. */
	if (!open_descriptors(&s) || !start(&s, arguments)) {
		server_refuse();
		return SERVER_ABANDONED;
	}
	notify_ready();
	if (!end(&s, serve(&s)))
		return abandon(&s);
	unwritten = output_set_log_unwritten(s.outputs);
	status_close(s.status);
	/* A file that does not open is waited for no longer: all is written. */
	is_idle = reopen_finish(&s.reopen);
	if (is_idle && !clean_up(&s))
		unwritten++;
	diag(LOG_INFO, "stopped");
	if (unwritten > 0 || s.broken)
		return is_idle ? SERVER_FAILED : SERVER_ABANDONED;
	return is_idle ? SERVER_STOPPED : SERVER_LEFT;
}
