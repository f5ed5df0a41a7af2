/* box_init.c: the processes of a box: keeper outside, pid 1 that reaps, the program.
 *
 * Everything here runs between fork and exec: system calls and _exit only. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <grp.h>
#include <unistd.h>
#include "orchestrator/base/log.h"
#include "sysroot/box_priv.h"

/* The child's fds: 0 to 2 as given, then the jobserver, then the box's own two. */
enum { FD_JOBSERVER = 3, FD_REPORT = 5, FD_LIFE = 6, FD_ABOVE = 7, FD_ASIDE = 32 };

static void send_report(const struct box_plan *plan, const struct box_report *r)
{
	ssize_t sent;

	do
		sent = write(plan->report, r, sizeof(*r));
	while (sent < 0 && errno == EINTR);
}

void box_fail(const struct box_plan *plan, enum box_step step, size_t index)
{
	struct box_report r = {.kind = REPORT_FAILED,
		.step = step,
		.number = errno,
		.index = (uint32_t)index};

	send_report(plan, &r);
	_exit(1);
}

static void send_status(
	const struct box_plan *plan, enum box_report_kind kind, int wait_status)
{
	struct box_report r = {.kind = kind, .number = wait_status};

	send_report(plan, &r);
}

static int aside(const struct box_plan *plan, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FD_ASIDE);

	if (copy < 0)
		box_fail(plan, STEP_FDS, 0);
	return copy;
}

/* Every fd to its place, all others closed. They go aside first: a place may still be
 * taken by one that moves later. */
static void arrange_fds(struct box_plan *plan)
{
	const struct box *b = plan->box;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int given[5] = {-1, -1, -1, -1, -1};

	if (null < 0)
		box_fail(plan, STEP_FDS, 0);
	for (int i = 0; i < 3; i++)
		given[i] = null;
	if (b && b->in >= 0)
		given[0] = b->in;
	if (b && b->out >= 0)
		given[1] = b->out;
	if (b && b->err >= 0)
		given[2] = b->err;
	if (b && b->jobserver[0] >= 0 && b->jobserver[1] >= 0)
		memcpy(&given[FD_JOBSERVER], b->jobserver, sizeof(b->jobserver));
	int report = aside(plan, plan->report), life = aside(plan, plan->life);

	for (int i = 0; i < 5; i++)
		if (given[i] >= 0)
			given[i] = aside(plan, given[i]);
	plan->report = report;
	for (int i = 0; i < 5; i++)
		if (given[i] >= 0 ? dup2(given[i], i) < 0 : close(i) && errno != EBADF)
			box_fail(plan, STEP_FDS, 0);
	if (dup3(life, FD_LIFE, O_CLOEXEC) < 0 || dup3(report, FD_REPORT, O_CLOEXEC) < 0)
		box_fail(plan, STEP_FDS, 0);
	plan->report = FD_REPORT;
	plan->life = FD_LIFE;
	if (close_range(FD_ABOVE, ~0U, 0))
		box_fail(plan, STEP_FDS, 0);
}

static void write_file(const struct box_plan *plan, const char *path, const char *text,
	enum box_step step)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* A kernel without setgroups control (before 3.19) has nothing to deny. */
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		box_fail(plan, step, 0);
	close(fd);
}

/* The user namespace comes with the others in one call, so that all are owned by it. Root
 * takes one too where it may: host files stay out of reach even if all else fails. */
static bool unshare_all(const struct box_plan *plan)
{
	const int spaces =
		CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;

	if (plan->as_root)
		setgroups(0, NULL);
	if (unshare(CLONE_NEWUSER | spaces) == 0)
		return true;
	int why = errno;

	if (plan->as_root && unshare(spaces) == 0)
		return false;
	errno = why;
	box_fail(plan, STEP_UNSHARE, 0);
}

static void map_ids(const struct box_plan *plan)
{
	write_file(plan, "/proc/self/setgroups", "deny", STEP_GID_MAP);
	write_file(plan, "/proc/self/uid_map", plan->uid_map, STEP_UID_MAP);
	write_file(plan, "/proc/self/gid_map", plan->gid_map, STEP_GID_MAP);
	/* No namespaces within. It may be read-only in a container; seccomp refuses too.
	 */
	int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "0", 1) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

static void set_hostname(const struct box_plan *plan)
{
	static const char host[] = "kiln", domain[] = "(none)";

	if (sethostname(host, sizeof(host) - 1) ||
		setdomainname(domain, sizeof(domain) - 1))
		box_fail(plan, STEP_HOSTNAME, 0);
}

/* What the kernel would otherwise hand on from whoever started kiln. */
static void forget_the_caller(void)
{
	const struct rlimit no_core = {0, 0};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	setrlimit(RLIMIT_CORE, &no_core);
	personality(PER_LINUX);
}

/* To the scheduler a session is a group with a weight of its own (autogroup): without
 * this the boxes of a `nice kiln` would not be nice at all. Best effort; the kernel takes
 * one such write of all users in a tenth of a second. */
static void stay_nice(void)
{
	int nice = getpriority(PRIO_PROCESS, 0), fd;
	char text[] = {(char)('0' + nice / 10), (char)('0' + nice % 10)};
	const struct timespec pause = {.tv_nsec = 20000000};

	if (nice <= 0)
		return;
	/* Its own /proc files are this process's only if it could be looked into; there
	 * is nobody else inside yet. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	for (int left = 15; fd >= 0 && left; left--) {
		if (write(fd, text, sizeof(text)) > 0 || errno != EAGAIN)
			break;
		nanosleep(&pause, NULL);
	}
	if (fd >= 0)
		close(fd);
}

/* A build has no terminal to talk to: a session of its own, so that even an inherited
 * terminal is not its controlling one. A person's shell gets the foreground. */
static void make_session(const struct box_plan *plan)
{
	if (!plan->box->tty) {
		if (setsid() < 0)
			box_fail(plan, STEP_SESSION, 0);
		stay_nice();
		return;
	}
	if (setpgid(0, 0))
		box_fail(plan, STEP_SESSION, 0);
	tcsetpgrp(0, getpgrp());
}

__attribute__((noreturn)) static void run_call(const struct box_plan *plan)
{
	struct box_report r = {.kind = REPORT_CALL};
	const struct box *b = plan->box;

	/* kiln's own code reads /proc/self; the progress fd of the caller is closed. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	log_set_progress(-1);
	if (b->call(b->call_arg, &r.err) == 0)
		_exit(0);
	send_report(plan, &r);
	_exit(1);
}

__attribute__((noreturn)) static void exec_program(const struct box_plan *plan)
{
	int why = ENOENT;

	for (const char *const *p = plan->programs; *p; p++) {
		execve(*p, (char *const *)plan->box->argv,
			(char *const *)plan->box->envp);
		if (errno != ENOENT && errno != ENOTDIR)
			why = errno;
	}
	errno = why;
	box_fail(plan, STEP_EXEC, 0);
}

__attribute__((noreturn)) static void run_program(const struct box_plan *plan)
{
	const char *cwd = plan->box->cwd ? plan->box->cwd : "/";

	make_session(plan);
	forget_the_caller();
	if (chdir(cwd))
		box_fail(plan, STEP_CWD, 0);
	box_filter_install(plan);
	close(plan->life);
	if (plan->box->call)
		run_call(plan);
	exec_program(plan);
}

/* Reaps until the program has ended. When pid 1 exits the kernel kills what is left. */
__attribute__((noreturn)) static void reap(const struct box_plan *plan, pid_t program)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		if (pid == program) {
			send_status(plan, REPORT_ENDED, status);
			_exit(0);
		}
		if (pid < 0 && errno != EINTR)
			_exit(1);
	}
}

__attribute__((noreturn)) static void be_init(struct box_plan *plan)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		box_fail(plan, STEP_PRIVATE, 0);
	set_hostname(plan);
	box_mounts_make(plan);
	if (!plan->box)
		_exit(0);
	box_drop_privileges(plan);
	/* This process still holds kiln's memory and environment: nobody inside looks. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	pid_t program = fork();

	if (program < 0)
		box_fail(plan, STEP_FORK, 0);
	if (program == 0)
		run_program(plan);
	close_range(0, FD_REPORT - 1, 0);
	close_range(FD_LIFE, ~0U, 0);
	reap(plan, program);
}

/* Waits for pid 1, and kills it as soon as kiln lets go of the life pipe or dies. A pid 1
 * that has been waited for leaves nothing alive: that is the kernel's promise. */
__attribute__((noreturn)) static void keep(const struct box_plan *plan, pid_t init)
{
	/* First: the pidfd may get one of these numbers. */
	close_range(0, FD_REPORT - 1, 0);
	int status, pidfd = (int)syscall(SYS_pidfd_open, init, 0);
	struct pollfd fds[] = {
		{.fd = plan->life, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

	if (pidfd < 0)
		kill(init, SIGKILL);
	while (pidfd >= 0 && poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (fds[0].revents)
		kill(init, SIGKILL);
	while (waitpid(init, &status, 0) < 0 && errno == EINTR)
		;
	send_status(plan, REPORT_KEEPER, status);
	_exit(0);
}

void box_keeper(struct box_plan *plan)
{
	arrange_fds(plan);
	/* Ctrl-C in the terminal is kiln's to hear; a box dies by its pid 1 alone. */
	if (!plan->box || !plan->box->tty)
		setsid();
	if (unshare_all(plan))
		map_ids(plan);
	/* What is left of the host's view: /proc/self/cgroup. Old kernels lack it. */
	unshare(CLONE_NEWCGROUP);
	pid_t init = fork();

	if (init < 0)
		box_fail(plan, STEP_FORK, 0);
	if (init == 0)
		be_init(plan);
	keep(plan, init);
}
