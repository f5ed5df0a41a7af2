/* box.c: starting a box, waiting for it, killing it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "orchestrator/base/log.h"
#include "sysroot/box_priv.h"

/* What came of one attempt. */
struct outcome {
	struct box_report failed, ended, keeper, call;
	bool has_failed, has_ended, has_keeper, has_call, cancelled;
};

/* 1: a whole report; 0: the last process that could have sent one is gone. */
static int read_report(int fd, struct box_report *r, struct err *e)
{
	size_t have = 0;

	while (have < sizeof(*r)) {
		ssize_t n = read(fd, (char *)r + have, sizeof(*r) - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "box: reading from inside");
		if (n == 0)
			return 0;
		have += (size_t)n;
	}
	return 1;
}

static void note(struct outcome *o, const struct box_report *r)
{
	struct {
		struct box_report *where;
		bool *has;
	} slots[] = {
		[REPORT_FAILED] = {&o->failed, &o->has_failed},
		[REPORT_ENDED] = {&o->ended, &o->has_ended},
		[REPORT_KEEPER] = {&o->keeper, &o->has_keeper},
		[REPORT_CALL] = {&o->call, &o->has_call},
	};

	if (r->kind >= ARRAY_LEN(slots) || *slots[r->kind].has)
		return;
	*slots[r->kind].where = *r;
	*slots[r->kind].has = true;
}

/* Until the report pipe ends, which it does when everything inside is dead. To let go of
 * the life pipe is to kill. */
static int watch(int report, int *life, int cancel, struct outcome *o, struct err *e)
{
	struct pollfd fds[] = {
		{.fd = report, .events = POLLIN}, {.fd = cancel, .events = POLLIN}};

	for (;;) {
		struct box_report r;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_sys(e, "box: poll");
		if (fds[1].revents) {
			o->cancelled = true;
			fds[1].fd = -1;
			fds[1].revents = 0;
			close(steal_fd(life));
		}
		if (!fds[0].revents)
			continue;
		int got = read_report(report, &r, e);

		if (got <= 0)
			return got;
		note(o, &r);
	}
}

static void wait_for(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* No handler of kiln's may run in the child, so all signals are blocked across the fork;
 * the program gets them back just before it is executed. */
static pid_t fork_keeper(struct box_plan *plan)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();

	if (pid == 0)
		box_keeper(plan);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static int attempt(struct box_plan *plan, struct outcome *o, struct err *e)
{
	int cancel = plan->box ? plan->box->cancel : -1;
	int report[2], life[2];

	if (pipe2(report, O_CLOEXEC))
		return err_sys(e, "box: pipe");
	_close_ int report_read = report[0], report_write = report[1];

	if (pipe2(life, O_CLOEXEC))
		return err_sys(e, "box: pipe");
	_close_ int life_read = life[0], life_write = life[1];

	plan->report = report_write;
	plan->life = life_read;
	pid_t pid = fork_keeper(plan);

	if (pid < 0)
		return err_sys(e, "box: fork");
	close(steal_fd(&report_write));
	close(steal_fd(&life_read));
	int ret = watch(report_read, &life_write, cancel, o, e);

	if (life_write >= 0)
		close(steal_fd(&life_write));
	wait_for(pid);
	return ret;
}

static int conclude(const struct box_plan *plan, const struct outcome *o,
	struct proc_end *end, struct err *e)
{
	struct proc_end init;

	if (o->cancelled)
		return err_set(e, ERR_INTERRUPT, "interrupted");
	if (o->has_failed)
		return box_explain(plan, &o->failed, e);
	if (o->has_call) {
		*e = o->call.err;
		return -1;
	}
	if (o->has_ended) {
		*end = proc_end_of(o->ended.number);
		return 0;
	}
	if (!o->has_keeper)
		return err_set(e, ERR_BUILD, "box: its keeper was killed from outside");
	init = proc_end_of(o->keeper.number);
	return err_set(e, ERR_BUILD, "box: its first process ended early: %s",
		proc_describe(&init));
}

/* A shell in the box had the terminal's foreground; it goes back to who had it before. */
static void give_back_terminal(const struct box *b, pid_t owner)
{
	sigset_t out, before;

	if (!b->tty || b->in < 0 || owner <= 0)
		return;
	sigemptyset(&out);
	sigaddset(&out, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &out, &before);
	tcsetpgrp(b->in, owner);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int run_once(const struct box *b, bool copy, struct outcome *o,
	struct proc_end *end, struct err *e)
{
	pid_t owner = b->tty ? tcgetpgrp(b->in) : -1;
	struct box_plan plan = {0};
	int ret = box_plan_make(&plan, b, copy, e);

	if (ret == 0)
		ret = attempt(&plan, o, e);
	if (ret == 0)
		ret = conclude(&plan, o, end, e);
	give_back_terminal(b, owner);
	box_plan_free(&plan);
	return ret;
}

static int run_copied(const struct box *b, struct proc_end *end, struct err *e)
{
	struct outcome o = {0};
	struct err late = {0};

	if (box_copy_before(b, e))
		return -1;
	int ret = run_once(b, true, &o, end, e);

	if (box_copy_after(b, &late) && ret == 0) {
		*e = late;
		return -1;
	}
	return ret;
}

/* A call that failed without a word of its own must not look like success. */
static int check_call(const struct box *b, const struct proc_end *end, struct err *e)
{
	if (!b->call || proc_ok(end))
		return 0;
	return err_set(e, ERR_INTERNAL, "box: kiln's own code in it ended with %s",
		proc_describe(end));
}

int box_run(const struct box *b, struct proc_end *end, struct err *e)
{
	struct outcome o = {0};
	int ret = b->copy ? 1 : run_once(b, false, &o, end, e);

	if (ret < 0 && !o.cancelled && o.has_failed && box_no_overlay(&o.failed)) {
		log_info(
			"%s; copying instead, which takes longer and more space", e->msg);
		ret = 1;
	}
	if (ret > 0)
		ret = run_copied(b, end, e);
	return ret ? ret : check_call(b, end, e);
}

int box_probe(struct err *e)
{
	struct box_plan plan = {0};
	struct outcome o = {0};

	box_plan_probe(&plan);
	int ret = attempt(&plan, &o, e);

	if (ret == 0 && o.has_failed)
		ret = box_explain(&plan, &o.failed, e);
	box_plan_free(&plan);
	return ret;
}
