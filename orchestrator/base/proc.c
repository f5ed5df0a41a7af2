#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/proc.h"

extern char **environ;

/* The path of a program in PATH, or NULL. The caller frees. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	_str_vec_ struct str_vec dirs = {0};

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	str_split(&dirs, path ? path : "/usr/local/bin:/usr/bin:/bin", ":");
	/* A plain user's PATH lacks these, and gpgv's or depmod's home is not his
	 * concern. */
	str_vec_add(&dirs, "/usr/sbin");
	str_vec_add(&dirs, "/sbin");
	for (size_t i = 0; i < dirs.len; i++) {
		_free_ char *full = fs_join(dirs.items[i], name);

		if (access(full, X_OK) == 0)
			return steal(full);
	}
	return NULL;
}

bool proc_in_path(const char *name)
{
	_free_ char *full = find_program(name);

	return full != NULL;
}

/* All that the child needs, made before the fork. */
struct launch {
	const char *program;
	const struct proc_spec *spec;
	int null_fd, report_fd, max_keep;
	int keep[32]; /* fds to keep beside 0..2, ended by -1 */
	sigset_t no_signals;
};

static bool is_kept(const struct launch *l, int fd)
{
	if (fd == l->report_fd)
		return true;
	for (const int *k = l->keep; *k >= 0; k++)
		if (*k == fd)
			return true;
	return false;
}

/* In the child, before exec: system calls only. */
static void child(const struct launch *l)
{
	static const int reset[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGQUIT};
	const struct proc_spec *s = l->spec;
	int std[3] = {s->in < 0 ? l->null_fd : s->in, s->out < 0 ? l->null_fd : s->out,
		s->err < 0 ? l->null_fd : s->err};
	int failure;

	for (size_t i = 0; i < ARRAY_LEN(reset); i++)
		signal(reset[i], SIG_DFL);
	sigprocmask(SIG_SETMASK, &l->no_signals, NULL);
	setpgid(0, 0);
	for (int i = 0; i < 3; i++) /* out of the way of 0..2 first */
		if (std[i] < 3 && std[i] != i)
			std[i] = fcntl(std[i], F_DUPFD, 64);
	for (int i = 0; i < 3; i++)
		if (std[i] == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(std[i], i) < 0)
			goto fail;
	for (int fd = 3; fd <= l->max_keep; fd++)
		if (!is_kept(l, fd))
			close(fd);
	close_range((unsigned)l->max_keep + 1, ~0u, 0);
	for (const int *k = l->keep; *k >= 0; k++)
		fcntl(*k, F_SETFD, 0);
	if (s->cwd && chdir(s->cwd) < 0)
		goto fail;
	execve(l->program, (char *const *)s->argv,
		s->envp ? (char *const *)s->envp : environ);
fail:
	failure = errno;
	if (write(l->report_fd, &failure, sizeof(failure)) < 0)
		_exit(127);
	_exit(127);
}

static void collect_kept(struct launch *l)
{
	size_t n = 0;

	l->max_keep = l->report_fd;
	for (const int *fd = l->spec->pass; fd && *fd >= 0 && n + 1 < ARRAY_LEN(l->keep);
		fd++) {
		l->keep[n++] = *fd;
		if (*fd > l->max_keep)
			l->max_keep = *fd;
	}
	l->keep[n] = -1;
}

pid_t proc_start(const struct proc_spec *spec, struct err *e)
{
	_free_ char *program = find_program(spec->argv[0]);
	_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	_close_ int report_read = -1, report_write = -1;
	struct launch l = {.program = program, .spec = spec, .null_fd = null_fd};
	int report[2], failure = 0;
	pid_t pid;

	if (!program)
		return err_set(e, ERR_USAGE,
			"the program '%s' is needed and not installed", spec->argv[0]);
	if (null_fd < 0 || pipe2(report, O_CLOEXEC) < 0)
		return err_sys(e, "can't prepare to run %s", spec->argv[0]);
	report_read = report[0];
	report_write = l.report_fd = report[1];
	sigemptyset(&l.no_signals);
	collect_kept(&l);
	pid = fork();
	if (pid < 0)
		return err_sys(e, "can't start %s", spec->argv[0]);
	if (pid == 0)
		child(&l);
	setpgid(pid, pid); /* in both: whichever comes first */
	close(steal_fd(&report_write));
	if (read(report_read, &failure, sizeof(failure)) == (ssize_t)sizeof(failure)) {
		waitpid(pid, NULL, 0);
		errno = failure;
		return err_sys(e, "can't run %s", spec->argv[0]);
	}
	return pid;
}

struct proc_end proc_end_of(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return (struct proc_end){.status = -1, .signal = WTERMSIG(wait_status)};
	return (struct proc_end){.status = WEXITSTATUS(wait_status)};
}

bool proc_ok(const struct proc_end *end)
{
	return end->status == 0 && end->signal == 0;
}

const char *proc_describe(const struct proc_end *end)
{
	static char text[64];
	const char *abbrev = end->signal ? sigabbrev_np(end->signal) : NULL;

	if (end->signal)
		snprintf(text, sizeof(text), "killed by SIG%s (%d)",
			abbrev ? abbrev : "?", end->signal);
	else
		snprintf(text, sizeof(text), "exit status %d", end->status);
	return text;
}

int proc_wait(pid_t pid, struct proc_end *end, struct err *e)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, "can't wait for process %d", (int)pid);
	*end = proc_end_of(status);
	return 0;
}

int proc_run(const struct proc_spec *spec, struct proc_end *end, struct err *e)
{
	pid_t pid = proc_start(spec, e);

	return pid < 0 ? -1 : proc_wait(pid, end, e);
}

/* Reads to the end, keeping limit bytes: a child must never block on a full pipe. */
static int drain(int fd, size_t limit, struct buf *out, struct err *e)
{
	char chunk[8192];
	size_t kept = 0;

	for (;;) {
		ssize_t got = read(fd, chunk, sizeof(chunk));
		size_t take;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "can't read a child's output");
		if (got == 0)
			return 0;
		take = (size_t)got < limit - kept ? (size_t)got : limit - kept;
		buf_add(out, chunk, take);
		kept += take;
	}
}

int proc_capture(const char *const *argv, bool both, size_t limit, struct buf *out,
	struct proc_end *end, struct err *e)
{
	struct proc_spec spec = {.argv = argv, .in = -1, .out = -1, .err = -1};
	_close_ int read_end = -1, write_end = -1;
	int fds[2], drained;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "can't make a pipe");
	read_end = fds[0];
	write_end = spec.out = fds[1];
	spec.err = both ? fds[1] : -1;
	pid = proc_start(&spec, e);
	if (pid < 0)
		return -1;
	close(steal_fd(&write_end));
	drained = drain(read_end, limit, out, e);
	if (drained < 0)
		proc_kill(pid);
	if (proc_wait(pid, end, e) < 0)
		return -1;
	return drained;
}

void proc_kill(pid_t pid)
{
	if (pid > 0)
		kill(-pid, SIGKILL);
}
