/* jobserver.h: the pipe of tokens that all makes of all targets share. */
#ifndef KILN_JOBSERVER_H
#define KILN_JOBSERVER_H

#include <stdbool.h>
#include "orchestrator/base/err.h"

/* GNU make's pipe protocol ("POSIX Jobserver" in its manual): a byte in the pipe is the
 * right to run one job; who takes one puts the same byte back. A make owns one job
 * without a token of its own: kiln takes that one before it starts the step. */
struct jobserver {
	int read_fd, write_fd; /* for children: blocking, inherited on purpose */
	int poll_fd;	       /* kiln's own, non-blocking reading end */
};

int jobserver_open(struct jobserver *j, unsigned jobs, struct err *e);
/* Takes a token if there is one. */
bool jobserver_take(struct jobserver *j);
void jobserver_give(struct jobserver *j);
void jobserver_close(struct jobserver *j);
#define _jobserver_ __attribute__((cleanup(jobserver_close)))

#endif
