/* kernel_test.h: a small tree, and a kbuild over it in a box made of the host's programs.
 */
#ifndef KILN_KERNEL_TEST_H
#define KILN_KERNEL_TEST_H

#include "kernel/kbuild.h"
#include "orchestrator/base/str.h"

/* As test_path, but the string stays until the process ends: for the many paths that a
 * test names once. */
const char *kept_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct tree_test {
	const char *dir;  /* holds all the others */
	const char *tree; /* the lowest layer of /linux */
	int out;	  /* directory fd of <dir>/out */
	struct kbuild k;
	const char *source[3]; /* k.source: room for a layer above */
};
struct tree_test *tree_test_new(void);
void tree_test_write(struct tree_test *t, const char *path, const char *text);
/* Names and contents of all files, as a box with out/layer above the tree shows them. */
void tree_test_show(struct tree_test *t, struct buf *out);
void tree_test_free(struct tree_test *t);

#endif
