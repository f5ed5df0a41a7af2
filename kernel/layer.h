/* layer.h: an overlay layer that root and any user can mount, made from what a box wrote.
 */
#ifndef KILN_LAYER_H
#define KILN_LAYER_H

#include "orchestrator/base/err.h"

/* Copies the upper directory of an overlay (the box over it is dead) to out/name as a
 * layer for the same lower directories (topmost first, NULL-ended). Deleted files are
 * whiteouts (character device 0:0, which no privilege is needed for); an opaque
 * directory's xattr, which only root or only users could read, becomes one whiteout for
 * each name it hides. */
int layer_take(const char *upper, const char *const *lower, int out, const char *name,
	struct err *e);

#endif
