/* depmod_oracle.h: kmod's own depmod, in both releases that kiln matches. */
#ifndef KILN_TEST_DEPMOD_ORACLE_H
#define KILN_TEST_DEPMOD_ORACLE_H

#include "tests/test.h"

/* Shell words that run the depmod (or another tool) of that kmod release, or NULL after
 * the usual word on what is missing. Static. */
const char *oracle_depmod(int release);
const char *oracle_tool(int release, const char *tool);
/* A directory with the unpacked cloud kernel of the host's Debian release, or NULL.
 * *version gets the kernel release. */
const char *oracle_tree(const char **version);
/* A fresh copy of the small tree of depmod-tree.sh. */
const char *small_tree(void);
#define SMALL_RELEASE "6.1.0-t"
/* Asserts that kiln and the oracle do the same on tree with these arguments. */
void compare_depmod(int release, const char *tree, const char *kernel, const char *args,
	const char *what);

#endif
