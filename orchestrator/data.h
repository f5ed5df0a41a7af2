/* data.h: where kiln's own data lies: sysroot locks, keys, shipped series. */
#ifndef KILN_DATA_H
#define KILN_DATA_H

#include "orchestrator/base/err.h"

/* Path of a file or directory of kiln's data ("sysroot", "kernel/keys"): below
 * $KILN_DATA, the source tree the program was built in, or the installed share/kiln. The
 * caller frees; NULL with ERR_USAGE when it is nowhere. */
char *data_path(const char *name, struct err *e);

#endif
