/* target_sysroot.h: which sysroots a target is built in. */
#ifndef KILN_TARGET_SYSROOT_H
#define KILN_TARGET_SYSROOT_H

#include "orchestrator/target.h"

/* Sets the sysroot fields: --sysroot, else the one that stands for BUILD_IMAGE, else
 * Debian's, with a note where it stands in. With selection->relock a lock that its mirror
 * can't serve any more is made anew in the store: that, and only that, uses the network.
 */
int target_set_sysroots(struct arena *a, const struct options *global,
	const struct selection *selection, const struct store *store,
	const char *const *dirs, struct target *t, struct err *e);

#endif
