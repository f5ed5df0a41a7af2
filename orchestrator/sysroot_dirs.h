/* sysroot_dirs.h: where confs and locks of sysroots are looked for. */
#ifndef KILN_SYSROOT_DIRS_H
#define KILN_SYSROOT_DIRS_H

#include "orchestrator/options.h"

/* The workspace's sysroot/ (or the current directory's), then kiln's own: beside the
 * source tree's build, else where it was installed. Adds only what is there. */
void sysroot_dirs(const struct options *global, struct str_vec *dirs);

#endif
