/* buildlog.h: what went wrong in a build, found in what its programs printed. */
#ifndef KILN_BUILDLOG_H
#define KILN_BUILDLOG_H

#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/proc.h"
#include "orchestrator/base/str.h"

/* The first real error in a build's output. Strings are "" where unknown. */
struct build_failure {
	char where[512];   /* "mm/slab.c:12:5" */
	char message[768]; /* "error: 'x' undeclared" */
	char target[512];  /* make's target: "mm/slab.o" */
};
/* Reads NUL-terminated output; false if nothing in it looks like an error. */
bool buildlog_read(const char *text, struct build_failure *f);

/* Position in a log that is a regular file, for buildlog_explain; else -1. */
int64_t buildlog_here(int log);
/* An ERR_BUILD sentence about what the log holds from `from` on. */
int buildlog_explain(int log, int64_t from, const char *what, const struct proc_end *end,
	struct err *e);

#endif
