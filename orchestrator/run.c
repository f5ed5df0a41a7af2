#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/proc.h"
#include "orchestrator/jobserver.h"
#include "orchestrator/progress.h"
#include "orchestrator/run.h"
#include "orchestrator/step_child.h"

#define MAX_RUNNING 64
#define GRACE_MS    2000 /* between asking a cancelled step to end and killing it */

struct running {
	pid_t pid;
	int progress_fd, error_fd;
	struct buf line; /* of progress, not yet complete */
};

struct loop {
	const struct plan *plan;
	const struct run_env *env;
	struct jobserver jobserver;
	struct progress_view view;
	int signal_fd;
	int cancel_read, cancel_write;
	struct running running[MAX_RUNNING];
	struct progress_row rows[MAX_RUNNING]; /* parallel to running */
	size_t count;
	bool *started; /* per step of the plan */
	int signal;    /* that interrupted, or 0 */
	uint64_t cancelled_at;
	struct err *e; /* the first failure */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool is_ready(const struct step *step)
{
	for (size_t i = 0; i < STAGE_MAX_NEEDS && step->needs[i]; i++)
		if (!step->needs[i]->present)
			return false;
	return true;
}

/* Seconds from the start of step to the end of all that waits for it. */
static uint64_t expected(const struct loop *l, const struct step *step)
{
	uint64_t own = store_get_time(l->env->store, step->stage->name, step->key) / 1000;
	uint64_t longest = 0;

	for (size_t i = 0; i < l->plan->count; i++) {
		const struct step *s = l->plan->steps[i];

		for (size_t n = 0; s->wanted && n < STAGE_MAX_NEEDS && s->needs[n]; n++)
			if (s->needs[n] == step) {
				uint64_t rest = expected(l, s);

				longest = rest > longest ? rest : longest;
			}
	}
	return (own ? own : step->stage->cost) + longest;
}

/* The ready step with the longest way to go, or the count of steps if there is none. */
static size_t pick(const struct loop *l)
{
	size_t best = l->plan->count;
	uint64_t best_cost = 0;

	for (size_t i = 0; i < l->plan->count; i++) {
		const struct step *s = l->plan->steps[i];
		uint64_t cost;

		if (!s->wanted || l->started[i] || s->present || !is_ready(s))
			continue;
		cost = expected(l, s);
		if (best == l->plan->count || cost > best_cost) {
			best = i;
			best_cost = cost;
		}
	}
	return best;
}

static int start_step(struct loop *l, struct step *step, struct err *e)
{
	struct running *r = &l->running[l->count];
	struct step_child child = {
		.step = step,
		.env = l->env,
		.cancel = l->cancel_read,
		.jobserver = {l->jobserver.read_fd, l->jobserver.write_fd},
		.close_in_child = l->cancel_write,
	};

	*r = (struct running){.pid = -1};
	r->pid = step_child_start(&child, &r->progress_fd, &r->error_fd, e);
	if (r->pid < 0)
		return -1;
	l->rows[l->count] = (struct progress_row){.step = step, .started_ms = now_ms()};
	l->count++;
	progress_started(&l->view, step);
	return 0;
}

static bool is_stopping(const struct loop *l)
{
	return l->signal || l->e->code;
}

static int start_ready(struct loop *l, struct err *e)
{
	while (!is_stopping(l) && l->count < MAX_RUNNING) {
		size_t i = pick(l);

		if (i == l->plan->count || !jobserver_take(&l->jobserver))
			return 0;
		l->started[i] = true;
		if (start_step(l, l->plan->steps[i], e) < 0)
			return -1;
	}
	return 0;
}

/* "<done> <total> <what>" lines, the last whole one counts. */
static void read_progress(struct running *r, struct progress_row *row)
{
	char chunk[1024];
	ssize_t got = read(r->progress_fd, chunk, sizeof(chunk));
	char *pos, *line, *end;

	if (got <= 0) {
		mem_close_ptr(&r->progress_fd);
		return;
	}
	buf_add(&r->line, chunk, (size_t)got);
	end = strrchr(r->line.data, '\n');
	if (!end)
		return;
	*end = '\0';
	pos = r->line.data;
	while ((line = str_next_line(&pos)))
		sscanf(line, "%llu %llu %127[^\n]", &row->done, &row->total, row->what);
	buf_clear(&r->line);
}

/* Without figures of its own, a step shows the last line of its log. */
static void tail_log(const struct loop *l, struct progress_row *row)
{
	_free_ char *path =
		store_log(l->env->store, row->step->stage->name, row->step->key);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	char text[256] = "", *line;
	ssize_t got;

	if (row->total || size <= 0)
		return;
	got = pread(fd, text, sizeof(text) - 1, size > 255 ? size - 255 : 0);
	text[got > 0 ? got : 0] = '\0';
	if (got > 0 && text[got - 1] == '\n')
		text[got - 1] = '\0';
	line = strrchr(text, '\n');
	snprintf(row->what, sizeof(row->what), "%.120s", str_trim(line ? line : text));
}

static void end_step(struct loop *l, size_t i, int wait_status)
{
	struct running *r = &l->running[i];
	struct step *step = (struct step *)l->rows[i].step;
	struct proc_end end = proc_end_of(wait_status);
	uint64_t ms = now_ms() - l->rows[i].started_ms;
	struct err failure = {0};
	bool ok = proc_ok(&end);

	if (!ok)
		step_child_failure(l->env->store, step, r->error_fd, &end, &failure);
	if (ok)
		store_set_time(l->env->store, step->stage->name, step->key, ms);
	step->present = ok;
	if (!l->signal)
		progress_ended(&l->view, step, ms, ok ? NULL : failure.msg);
	if (!ok && !l->e->code && !l->signal)
		*l->e = failure;
	mem_close_ptr(&r->progress_fd);
	mem_close_ptr(&r->error_fd);
	buf_free(&r->line);
	jobserver_give(&l->jobserver);
	l->count--;
	if (i < l->count) {
		l->running[i] = l->running[l->count];
		l->rows[i] = l->rows[l->count];
	}
}

static void reap(struct loop *l)
{
	for (size_t i = 0; i < l->count;) {
		int status;

		if (waitpid(l->running[i].pid, &status, WNOHANG) == l->running[i].pid)
			end_step(l, i, status); /* another one stands at i now */
		else
			i++;
	}
}

static void cancel(struct loop *l, int signal)
{
	if (!l->signal)
		l->signal = signal;
	mem_close_ptr(&l->cancel_write); /* every box sees the pipe end */
	l->cancelled_at = now_ms();
}

static void read_signals(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (l->signal) /* the second Ctrl-C doesn't wait */
			l->cancelled_at = 1;
		else
			cancel(l, (int)info.ssi_signo);
	}
	reap(l);
}

static void kill_late(struct loop *l)
{
	if (!l->cancelled_at || now_ms() - l->cancelled_at < GRACE_MS)
		return;
	for (size_t i = 0; i < l->count; i++)
		proc_kill(l->running[i].pid);
}

static int wait_for_events(struct loop *l, struct err *e)
{
	struct pollfd fds[MAX_RUNNING + 2];
	nfds_t n = 0;

	fds[n++] = (struct pollfd){.fd = l->signal_fd, .events = POLLIN};
	for (size_t i = 0; i < l->count; i++)
		fds[n++] = (struct pollfd){
			.fd = l->running[i].progress_fd, .events = POLLIN};
	/* A token that comes free matters only when a step waits for it. */
	if (!is_stopping(l) && pick(l) < l->plan->count)
		fds[n++] = (struct pollfd){.fd = l->jobserver.poll_fd, .events = POLLIN};
	if (poll(fds, n, 500) < 0 && errno != EINTR)
		return err_sys(e, "can't wait for the steps");
	for (size_t i = 0; i < l->count; i++)
		if (fds[i + 1].revents)
			read_progress(&l->running[i], &l->rows[i]);
	if (fds[0].revents)
		read_signals(l);
	kill_late(l);
	return 0;
}

static int loop_run(struct loop *l, struct err *e)
{
	if (start_ready(l, e) < 0)
		cancel(l, 0);
	while (l->count) {
		if (wait_for_events(l, e) < 0)
			return -1;
		if (start_ready(l, e) < 0)
			cancel(l, 0);
		if (l->view.how == PROGRESS_TTY)
			for (size_t i = 0; i < l->count; i++)
				tail_log(l, &l->rows[i]);
		progress_draw(&l->view, l->rows, l->count, now_ms());
	}
	progress_clear(&l->view);
	if (l->signal)
		return err_set(e, l->signal == SIGINT ? ERR_INTERRUPT : ERR_TERMINATED,
			"interrupted: what was finished is kept, the same command goes "
			"on "
			"from there");
	return e->code ? -1 : 0;
}

static int open_loop(struct loop *l, sigset_t *old, struct err *e)
{
	int fds[2];
	sigset_t set;

	if (jobserver_open(&l->jobserver, l->env->jobs, e) < 0)
		return -1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "can't make a pipe");
	l->cancel_read = fds[0];
	l->cancel_write = fds[1];
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, old);
	l->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signal_fd < 0)
		return err_sys(e, "can't watch for signals");
	return 0;
}

int run_plan(const struct plan *plan, const struct run_env *env, enum progress progress,
	struct err *e)
{
	struct loop l = {.plan = plan,
		.env = env,
		.signal_fd = -1,
		.cancel_read = -1,
		.cancel_write = -1,
		.jobserver = {-1, -1, -1},
		.e = e};
	_free_ bool *started = xcalloc(plan->count, sizeof(*started));
	sigset_t old;
	int ret;

	if (!plan_wanted(plan))
		return 0;
	l.started = started;
	progress_open(&l.view, progress, plan_wanted(plan));
	sigprocmask(SIG_SETMASK, NULL, &old);
	ret = open_loop(&l, &old, e);
	if (ret == 0)
		ret = loop_run(&l, e);
	if (store_sweep(env->store, &(struct err){0}) < 0)
		log_warn("temporary directories could not be removed from %s/tmp",
			env->store->path);
	jobserver_close(&l.jobserver);
	mem_close_ptr(&l.cancel_read);
	mem_close_ptr(&l.cancel_write);
	mem_close_ptr(&l.signal_fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}
