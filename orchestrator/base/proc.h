/* proc.h: child processes: start, wait, and the three ways one can end. */
#ifndef KILN_PROC_H
#define KILN_PROC_H

#include <stdbool.h>
#include <sys/types.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* What to run on the host. Only gpgv, git and apt-get run there: the
 * build's own programs run in a box (sysroot/box.h). */
struct proc_spec {
	const char *const *argv; /* argv[0] is looked up in PATH */
	const char *const *envp; /* NULL: the caller's environment */
	const char *cwd;	 /* NULL: the caller's */
	int in, out, err;	 /* -1: /dev/null; the caller keeps its fds */
	const int *pass;	 /* further fds to keep open, ended by -1; or NULL */
};

/* How a child ended: exited 0, exited n, killed by a signal. */
struct proc_end {
	int status; /* exit status, or -1 when killed by a signal */
	int signal; /* 0 unless killed by one */
};

/* Starts it in a process group of its own. All other fds are closed. Returns the pid or
 * -1; a missing program is an ERR_USAGE sentence naming it. */
pid_t proc_start(const struct proc_spec *spec, struct err *e);
int proc_wait(pid_t pid, struct proc_end *end, struct err *e);
/* The one place that looks at a wait status. */
struct proc_end proc_end_of(int wait_status);
bool proc_ok(const struct proc_end *end);
/* "exit status 2" or "killed by SIGKILL (9)"; static buffer. */
const char *proc_describe(const struct proc_end *end);
/* Starts and waits; -1 only if it could not be started. */
int proc_run(const struct proc_spec *spec, struct proc_end *end, struct err *e);
/* Runs argv with stdout (and, if both, stderr) captured, at most limit bytes kept. */
int proc_capture(const char *const *argv, bool both, size_t limit, struct buf *out,
	struct proc_end *end, struct err *e);
/* SIGKILL to the whole process group of pid. */
void proc_kill(pid_t pid);
/* Whether name is an executable in PATH. */
bool proc_in_path(const char *name);

#endif
