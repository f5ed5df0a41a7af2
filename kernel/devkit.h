/* devkit.h: which files of a built tree belong to kernel-dev.tar. */
#ifndef KILN_DEVKIT_H
#define KILN_DEVKIT_H

#include <stdbool.h>
#include <sys/stat.h>
#include "orchestrator/base/err.h"

/* Whether the entry at path (relative to the tree) is one of the devkit's. Directories
 * are only where everything below belongs to it; others come with what they hold. */
bool devkit_has(const char *path, mode_t mode);
/* Copies the devkit's files from the tree at `from` into the directory to_dir. */
int devkit_copy(const char *from, int to_dir, struct err *e);

#endif
