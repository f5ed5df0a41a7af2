/* sysroot_dirs.h: where confs and locks of sysroots are looked for. */
#ifndef KILN_SYSROOT_DIRS_H
#define KILN_SYSROOT_DIRS_H

#include "orchestrator/base/str.h"

/* The workspace's sysroot/, then kiln's own. Adds only what is there. */
void sysroot_dirs(const char *workspace, struct str_vec *dirs);

#endif
