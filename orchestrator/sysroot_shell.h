/* sysroot_shell.h: a person in the box over a sysroot of the store. */
#ifndef KILN_SYSROOT_SHELL_H
#define KILN_SYSROOT_SHELL_H

#include "orchestrator/options.h"
#include "sysroot/sysroot.h"

/* Makes the sysroot as a build's step would (so that both share it), and opens a shell in
 * a box over it, or runs command (NULL-ended) there; *status is how that ended. What was
 * written inside is thrown away. */
int sysroot_shell(const struct options *global, const char *const *dirs, const char *name,
	const struct sysroot_use *use, const char *const *command, int *status,
	struct err *e);

#endif
