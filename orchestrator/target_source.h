/* target_source.h: which source a target is built from: version, origin, proofs. */
#ifndef KILN_TARGET_SOURCE_H
#define KILN_TARGET_SOURCE_H

#include "orchestrator/target.h"

/* Sets the version and the fields of the source steps. version overrides the series' own
 * (NULL: it doesn't). "latest" is asked of the mirrors once a day, and of what is known
 * already when offline. */
int target_set_source(struct arena *a, struct workspace *w, const struct options *global,
	const struct selection *selection, const struct store *store, const char *version,
	struct target *t, struct err *e);
/* Sets the fields of the microcode, for a machine that has use for it and a series that
 * gives it. */
int target_set_ucode(struct arena *a, struct target *t, struct err *e);

#endif
