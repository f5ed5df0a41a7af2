/* warnings_report.h: what the compilers warned of, beside the last build of a target. */
#ifndef KILN_WARNINGS_REPORT_H
#define KILN_WARNINGS_REPORT_H

#include "orchestrator/session.h"

/* Adds a section with a line for each target that was compiled since its last success,
 * and the warnings that this one lacked; nothing where there is nothing to say. Called
 * while the records still tell of that success. */
void warnings_report(const struct session *s, struct buf *out);

#endif
