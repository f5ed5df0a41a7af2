/* check.h: whether a build made what its target asked for: machine, release, build ids.
 */
#ifndef KILN_KERNEL_CHECK_H
#define KILN_KERNEL_CHECK_H

#include "orchestrator/base/err.h"
#include "toolchains/arch.h"

/* vmlinux is of the arch's machine and carries a build id. */
int check_kernel(const char *vmlinux, const struct arch *arch, struct err *e);
/* Every module below out/modules: machine, build id, and a vermagic of this release. */
int check_modules(int out, const char *release, const struct arch *arch, struct err *e);
/* A program: machine, build id, and static. */
int check_program(int dirfd, const char *path, const struct arch *arch, struct err *e);

#endif
