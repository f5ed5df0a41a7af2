/* step_common.h: what several stages' code asks of a step. */
#ifndef KILN_STEP_COMMON_H
#define KILN_STEP_COMMON_H

#include "kernel/kbuild.h"
#include "kernel/source.h"
#include "orchestrator/stage.h"

/* The date of the source, from the tree's result. */
int step_date(struct step_run *r, int64_t *date, struct err *e);
/* Fills k for a step that works in a box on the tree: root from the result of the stage
 * `sysroot_stage`, layers from tree and, with patched, patch. k and source (3 entries)
 * are the caller's. */
int step_kbuild(struct step_run *r, const char *sysroot_stage, bool patched,
	struct kbuild *k, const char *source[3], struct err *e);
/* "debian-12" of a sysroot field's "debian-12 <digest>" (arena). */
const char *step_sysroot_name(struct step_run *r, enum field f);

#endif
