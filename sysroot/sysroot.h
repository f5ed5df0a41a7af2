/* sysroot.h: root directories with compilers, made from a lock, an OCI image or a
 * tarball.
 */
#ifndef KILN_SYSROOT_H
#define KILN_SYSROOT_H

#include <stdbool.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* What a sysroot shall be good for. A locked one is brought in and made only as far as
 * that needs: its groups "base", "<toolchain>", "<toolchain>-<arch>", and with perf
 * "perf" and "perf-<arch>". Providers without groups ignore it. All NULL: base alone
 * (patch, tar). A NULL pointer to it: every group. */
struct sysroot_use {
	const char *arch;      /* of the kernel: "aarch64" */
	const char *toolchain; /* "gcc", "clang" */
	bool perf;
	/* The same architecture as packages call it: "arm64". Where it is given,
	 * libraries for perf that a locked sysroot lacks are an error. */
	const char *debian;
};

/* One sysroot by name: <name>.conf and, for providers that need one, <name>.lock, looked
 * up in dirs (NULL-ended, first hit wins), e.g. the workspace's sysroot/ and kiln's own.
 * A name with a slash is a path without its suffix: "/some/where/debian-12". Without a
 * file: "host", "oci:PATH" (layout, archive, or directory made by skopeo). */
struct sysroot; /* opaque; sysroot_free */
struct sysroot *sysroot_load(const char *const *dirs, const char *name,
	const struct sysroot_use *use, struct err *e);
void sysroot_free(struct sysroot *s);
const char *sysroot_name(const struct sysroot *s);
/* sha256 hex over everything that decides its content (the lock's packages in use; the
 * image's manifest): what a step's key reads. Uses that need the same packages have the
 * same digest. Valid as long as s. */
const char *sysroot_digest(const struct sysroot *s);
/* One line for the image's label: name, provider, and what was locked. Valid as s. */
const char *sysroot_describe(const struct sysroot *s);
/* The root directory where it is there already and must not be made ("/" for the
 * provider host); else NULL. */
const char *sysroot_root(const struct sysroot *s);
/* The name of the sysroot whose conf says `image = IMAGE` (a workspace's BUILD_IMAGE);
 * NULL where there is none. The caller frees. */
char *sysroot_for_image(const char *const *dirs, const char *image);

struct sysroot_env {
	const char *cache; /* directory for downloaded packages, by sha256 */
	/* Base URLs, NULL-ended, tried in order. One serves the archive that its last
	 * part names (".../debian"); others are passed over, so kernel mirrors may stand
	 * here too. "{timestamp}" in one becomes the lock's (a snapshot archive). Where
	 * none serves an archive, the host's apt is asked. */
	const char *const *mirrors;
	bool offline;
	unsigned jobs; /* parallel unpackers; 0: processors */
	/* Nothing will ever write to files of the root: they may be hard links into the
	 * cache, which all roots share. */
	bool link;
};
/* Which inputs are not in the cache yet: one printable line each. */
int sysroot_missing(const struct sysroot *s, const struct sysroot_env *env,
	struct str_vec *missing, struct err *e);
/* Brings in what is missing. */
int sysroot_fetch(const struct sysroot *s, const struct sysroot_env *env, struct err *e);
/* Makes the root directory in dirfd, which is empty. Fetches first what is missing. */
int sysroot_make(
	const struct sysroot *s, const struct sysroot_env *env, int dirfd, struct err *e);
/* Writes <name>.lock into dir, solved from today's index (verified). Where dir is not the
 * conf's own, the conf is copied beside it. */
int sysroot_lock(const char *const *dirs, const char *name, const char *out_dir,
	const struct sysroot_env *env, struct err *e);
/* sysroot_fetch for a lock that may have outlived its mirror: when packages are gone, a
 * lock of today is made in lock_dir, that is said (log_info), and what it names is
 * fetched. *name_out (the caller frees) is what sysroot_load takes from then on. */
int sysroot_fetch_or_relock(const char *const *dirs, const char *name,
	const struct sysroot_use *use, const struct sysroot_env *env,
	const char *lock_dir, char **name_out, struct err *e);

#endif
