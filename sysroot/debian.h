/* debian.h: between the parts of the provider debian: lock, index, solver, fetch, root.
 */
#ifndef KILN_SYSROOT_DEBIAN_H
#define KILN_SYSROOT_DEBIAN_H

#include <stdint.h>
#include "sysroot/provider.h"

/* One package of a lock. Strings are in the lock's arena. */
struct deb {
	const char *groups; /* "base,clang": who needs it */
	const char *name, *version, *arch;
	const char *sha256;
	const char *path; /* "debian/pool/main/...": archive, then the path in it */
	uint64_t size;
	bool used; /* by the groups that were asked for */
};

/* One suite of one archive, as it was when the lock was made. */
struct deb_archive {
	const char *name;  /* last part of its base URL: "debian", "debian-security" */
	const char *suite; /* code name */
	const char *timestamp; /* of its InRelease: "20260711T101637Z" */
};

struct lock {
	struct arena arena;
	const char *path;
	const char *conf; /* sha256 over what the lock was solved for */
	struct str_vec groups;
	struct deb_archive *archives;
	size_t archives_len;
	struct deb *debs; /* by name, arch */
	size_t len;
	bool ended;
};

/* debian_lock.c */
int lock_read(struct lock *lock, const char *path, struct err *e);
void lock_free(struct lock *lock);
void lock_add(struct lock *lock, const struct deb *deb);
void lock_add_archive(struct lock *lock, const struct deb_archive *archive);
void lock_sort(struct lock *lock);
void lock_write(const struct lock *lock, const char *name, struct buf *out);
/* Whether the comma list has the word. */
bool lock_in_groups(const char *groups, const char *group);

/* debian_conf.c: what a conf asks for. */
struct deb_source { /* archive = NAME SUITE COMPONENT... */
	const char *archive, *suite;
	struct str_vec components;
};
struct deb_request {
	struct deb_source *sources;
	size_t sources_len;
	struct str_vec archs; /* the machine's first, then the foreign ones */
	struct str_vec groups;
	const char *keyring;
	char digest[SHA256_HEX_LEN + 1]; /* over all that a lock depends on */
};
int deb_request_read(const struct conf *conf, struct deb_request *r, struct err *e);
void deb_request_free(struct deb_request *r);

/* debian_mirror.c */
struct mirrors {
	struct str_vec given, apt; /* base URLs without a slash at the end */
	bool asked;		   /* the host's apt; only where it is needed */
};
void mirrors_init(struct mirrors *m, const struct sysroot_env *env);
void mirrors_free(struct mirrors *m);
/* Adds where a file of an archive may be; a mirror serves the archive that the last part
 * of its URL names. timestamp may be NULL. */
int mirrors_urls(struct mirrors *m, const char *archive, const char *timestamp,
	const char *path, struct str_vec *urls, struct err *e);

/* debian_index.c: one verified Packages text per architecture. */
struct deb_index {
	const char *archive, *suite, *arch; /* of the request */
	char timestamp[32];
	struct buf text;
};
struct deb_indexes {
	struct deb_index *items;
	size_t len;
};
int indexes_fetch(const struct deb_request *r, const struct sysroot_env *env,
	struct deb_indexes *out, struct err *e);
/* The sizes of a lock's packages: libsolv does not keep them. */
int indexes_sizes(const struct deb_indexes *x, struct lock *lock, struct err *e);
void indexes_free(struct deb_indexes *x);

/* debian_solve.c: the only file that knows libsolv. Adds the packages to the lock. */
int solve(const struct conf *conf, const struct deb_request *r,
	const struct deb_indexes *indexes, struct lock *lock, struct err *e);
/* debian_multiarch.c: a foreign architecture's index, rewritten so that a solver that
 * knows one architecture solves for several: its packages are called name@arch, and their
 * dependencies ask for name@arch, or for a native package that says Multi-Arch: foreign.
 */
struct name_set; /* opaque */
struct name_set *multiarch_foreign_names(const struct buf *native_index);
void name_set_free(struct name_set *s);
void multiarch_rewrite(const struct buf *index, const char *arch,
	const struct name_set *foreign, struct buf *out);

/* debian_tree.c */
#define TREES "trees" /* in the cache */
/* A package's tree in the cache; the caller frees. */
char *tree_name(const struct sysroot *s, const struct deb *deb);
/* Unpacks every package in use that has no tree yet, side by side, as soon as it is
 * in the cache: threads that work beside a download. trees_end waits for them and
 * frees; unless all packages came it gives up and leaves e alone. */
struct trees;
struct trees *trees_start(
	const struct sysroot *s, const struct sysroot_env *env, int cache);
int trees_end(struct trees *t, bool all_came, struct err *e);

/* debian_root.c */
int debian_make(
	const struct sysroot *s, const struct sysroot_env *env, int dirfd, struct err *e);
/* debian_fetch.c */
int debian_missing(const struct sysroot *s, const struct sysroot_env *env,
	struct str_vec *missing, struct err *e);
int debian_fetch(const struct sysroot *s, const struct sysroot_env *env, struct err *e);
/* Whether a package is there, by size: what has its final name was proved when it came,
 * and is proved again before it is unpacked. */
bool deb_in_cache(int cache, const struct deb *deb);
/* Name of a package's file in the cache: its sha256 and ".deb"; the caller frees. */
char *deb_cache_name(const struct deb *deb);

#endif
