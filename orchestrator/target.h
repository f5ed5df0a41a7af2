/* target.h: from words on the command line to targets with a recipe each. */
#ifndef KILN_TARGET_H
#define KILN_TARGET_H

#include "kernel/kbuild.h"
#include "kernel/source.h"
#include "orchestrator/options.h"
#include "orchestrator/recipe.h"
#include "orchestrator/store.h"
#include "orchestrator/workspace.h"
#include "toolchains/toolchain.h"

/* What to build, from a command's options. Lists are NULL-ended or empty. */
struct selection {
	struct str_vec archs, flavors, tools;
	const char *toolchain, *sysroot, *require, *drift, *compression, *module_key;
	bool relock; /* packages that left the mirror: lock anew instead of failing */
	bool builds; /* the targets are for building: a box must be possible here */
};
void selection_free(struct selection *s);
#define _selection_ __attribute__((cleanup(selection_free)))

/* One kernel: series + variant + flavor + arch + toolchain, and its recipe. */
struct target {
	const char *name; /* "6.1.x-rt/x86_64/dbg/gcc" */
	const struct series *series;
	const struct arch *arch;
	const struct toolchain *toolchain;
	bool debug;
	const char *version; /* resolved */
	const char *tag;     /* "6.1.176-rt-dbg": version, variant, flavor */
	const char *hash;    /* "<hash>" or "<hash>-dirty" */
	const char *note; /* one line for people, or NULL: which sysroot stands in, ... */
	struct recipe recipe;
};
struct targets {
	struct arena arena;
	struct target *items;
	size_t count;
};
void targets_free(struct targets *t);
#define _targets_ __attribute__((cleanup(targets_free)))

/* Makes the targets of words ("6.12.x", "6.1.x-rt", "6.12.59", none: every series that
 * isn't deprecated). Resolves "latest" and reads every file that a key covers. */
int targets_make(struct workspace *w, const struct options *global,
	const struct selection *selection, const struct store *store,
	const char *const *sysroot_dirs, int word_count, char **words,
	struct targets *out, struct err *e);

/* For steps: the enum behind a field's text. */
int source_require_by_name(const char *name, enum source_require *r, struct err *e);
int config_drift_by_name(const char *name, enum config_drift *d, struct err *e);

#endif
