/* step_child.h: the forked process in which one step runs. */
#ifndef KILN_STEP_CHILD_H
#define KILN_STEP_CHILD_H

#include <sys/types.h>
#include "orchestrator/base/proc.h"
#include "orchestrator/plan.h"

struct step_child {
	const struct step *step;
	const struct run_env *env;
	int cancel; /* reading end; the end of the pipe means: stop */
	int jobserver[2];
	int close_in_child; /* the writing end of cancel: only the loop may hold it */
};

/* Starts it in a process group of its own; it commits its result itself. progress_fd gets
 * lines of log_progress, error_fd a struct err if it fails. Both are the caller's. */
pid_t step_child_start(
	const struct step_child *c, int *progress_fd, int *error_fd, struct err *e);
/* What the child said, or how it ended if it said nothing; the log's path behind it. */
void step_child_failure(const struct store *store, const struct step *step, int error_fd,
	const struct proc_end *end, struct err *e);

#endif
