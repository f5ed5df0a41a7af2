/* e2e.h: whole builds with the program itself, on the tiny workspace of tests/data. */
#ifndef KILN_TEST_E2E_H
#define KILN_TEST_E2E_H

#include "tests/test.h"

/* Whether whole builds can run here: a mirror of Debian's for the kernel's source and the
 * sysroot, boxes, and the programs that look at the result. Skips, or fails, if not. */
bool e2e_need(void);
/* The store that all whole builds share, below the build directory: kept between runs, so
 * that nothing is fetched and compiled twice. */
const char *e2e_store(void);
/* A copy of the tiny workspace that the test may edit. */
const char *e2e_workspace(void);
/* Runs kiln with the shared store and apt: as the mirror: "-C ws" and args (NULL-ended).
 */
int e2e_kiln(struct buf *out, const char *workspace, const char *const *args);
/* The same as one shell word list: e2e_sh(out, ws, "build 6.1.x -o %s", layout). */
int e2e_run(struct buf *out, const char *workspace, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
