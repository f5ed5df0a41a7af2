/* box_fixture.h: a small sysroot, source layers and directories for tests of the box. */
#ifndef KILN_TEST_BOX_FIXTURE_H
#define KILN_TEST_BOX_FIXTURE_H

#include "sysroot/box.h"
#include "tests/test.h"

/* Everything of one box, in a fresh directory. Strings live as long as the test. */
struct box_fixture {
	const char *dir;
	struct box_overlay overlays[2]; /* /linux: lower/ */
	struct box_bind binds[3];	/* /given: read-only; /out: writable */
	const char *lower[4];
	const char *argv[8];
	const char *env[16];
	struct box box;
};

/* false: this host has no namespaces for the test (skipped, or failed in CI). */
bool box_fixture(struct box_fixture *f);
/* As box_fixture, and a shell with the usual small programs in /bin: busybox. */
bool box_fixture_shell(struct box_fixture *f);
/* A path in the fixture's directory. */
const char *box_path(const struct box_fixture *f, const char *name);
/* A formatted text; like box_path's it lives as long as the test. */
const char *box_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Runs argv (NULL-ended) in it with both outputs captured; returns the exit status, 128 +
 * the signal. The box must come about. */
int box_fixture_run(struct box_fixture *f, struct buf *out, const char *const *argv);
/* The same for a script of the shell. */
int box_sh(struct box_fixture *f, struct buf *out, const char *script);

#endif
