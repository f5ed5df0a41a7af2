/* sysroot.h: root directories with compilers, made from a lock, an OCI image or a
 * tarball. */
#ifndef KILN_SYSROOT_H
#define KILN_SYSROOT_H

#include <stdbool.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* One sysroot by name: <name>.conf and, for providers that need one, <name>.lock, looked
 * up in dirs (NULL-ended, first hit wins), e.g. the workspace's sysroot/ and kiln's own.
 */
struct sysroot; /* opaque; sysroot_free */
struct sysroot *sysroot_load(const char *const *dirs, const char *name, struct err *e);
void sysroot_free(struct sysroot *s);
const char *sysroot_name(const struct sysroot *s);
/* sha256 hex over everything that decides its content (the lock; the image's manifest):
 * what a step's key reads. Valid as long as s. */
const char *sysroot_digest(const struct sysroot *s);

struct sysroot_env {
	const char *cache;	    /* directory for downloaded packages, by sha256 */
	const char *const *mirrors; /* base URLs, NULL-ended; empty: the host's apt */
	bool offline;
	unsigned jobs; /* parallel unpackers; 0: processors */
};
/* Which inputs are not in the cache yet: one printable line each. */
int sysroot_missing(const struct sysroot *s, const struct sysroot_env *env,
	struct str_vec *missing, struct err *e);
/* Brings in what is missing. */
int sysroot_fetch(const struct sysroot *s, const struct sysroot_env *env, struct err *e);
/* Makes the root directory in dirfd, which is empty. Fetches first what is missing. */
int sysroot_make(
	const struct sysroot *s, const struct sysroot_env *env, int dirfd, struct err *e);
/* Writes <name>.lock into dir, solved from today's index (verified). */
int sysroot_lock(const char *const *dirs, const char *name, const char *out_dir,
	const struct sysroot_env *env, struct err *e);

#endif
