/* source_int.h: what the files of source*.c share; nobody else includes it. */
#ifndef KILN_SOURCE_INT_H
#define KILN_SOURCE_INT_H

#include "kernel/given.h"
#include "kernel/source.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/gpgv.h"

/* What a fetch leaves in its directory. */
#define SOURCE_TARBALL	   "linux.tar.xz"
#define SOURCE_TARBALL_SIG "linux.tar.sign"
#define SOURCE_INFO	   "source.json"
/* And an unpack in its. */
#define SOURCE_TREE	 "tree"
#define SOURCE_QUEUE_DIR "queue"

#define SOURCE_TARBALL_LIMIT (UINT64_C(2) << 30)

/* ---- source_keys.c: the two roles */
struct source_keys {
	struct gpgv_role sums, developers;
	struct str_vec sums_prints, developers_prints;
	char *sums_ring, *developers_ring;
};
int source_keys_load(const char *path, struct source_keys *k, struct err *e);
void source_keys_free(struct source_keys *k);
#define _source_keys_ __attribute__((cleanup(source_keys_free)))

/* ---- source_name.c: versions, and where kernel.org keeps what */
/* "6.1" of "6.1.176", "6.13" of "6.13-rc1"; the caller frees. */
char *source_series_of(const char *version);
bool source_is_candidate(const char *version); /* "-rcN" */
bool source_is_version(const char *version);
char *source_kernel_dir(const char *version); /* "v6.x" */
char *source_rt_dir(const char *rt);	      /* "projects/rt/6.1" */
/* The same with NULL for every empty text. */
struct source_spec source_spec_plain(const struct source_spec *spec);
/* KERNEL_SOURCE and its pin. */
struct given source_given(const struct source_spec *spec);
/* Whether spec names a tree or a file of this host. */
bool source_is_local(const struct source_spec *spec);
/* The mirrors of env, kernel.org where none is named. */
const char *const *source_mirrors(const struct source_env *env);
bool source_is_apt(const char *mirror);

/* ---- source_sums.c: sha256sums.asc of one directory, verified */
struct source_sums {
	struct buf text; /* exactly what was signed */
	struct gpgv_result signer;
	char *place; /* "v6.x/sha256sums.asc", for sentences */
};
#define _source_sums_ __attribute__((cleanup(source_sums_free)))
void source_sums_free(struct source_sums *s);
/* Brings in and verifies the sums of dir ("v6.x"). want: a file that has to be listed:
 * then sums of an earlier call do, if they list it. NULL: today's. */
int source_sums_get(const struct source_env *env, const struct source_keys *keys,
	const char *dir, const char *want, struct source_sums *sums, struct err *e);
/* The digest of a file, found by its whole name. ERR_VERIFY: not listed, or twice. */
int source_sums_find(const struct source_sums *sums, const char *name,
	char hex[SHA256_HEX_LEN + 1], struct err *e);
/* The newest release of a series in the sums; NULL: none. The caller frees. */
char *source_sums_newest(const struct source_sums *sums, const char *series);

/* ---- source_item.c: a file of kernel.org's layout and its signature, in the cache */
struct source_item {
	char *dir, *older; /* "v6.x"; where else it may be, or NULL */
	char *name, *sig;  /* "linux-6.1.176.tar.xz", "linux-6.1.176.tar.sign" */
	char sha256[SHA256_HEX_LEN + 1]; /* expected; of what came; "" before */
	struct gpgv_result sums_signer;
};
#define _source_item_ __attribute__((cleanup(source_item_free)))
struct source_item source_item_kernel(const char *version);
struct source_item source_item_queue(const char *rt);
void source_item_free(struct source_item *item);
/* Asks the sums for its digest, kept ones first. */
int source_item_digest(const struct source_env *env, const struct source_keys *keys,
	struct source_item *item, struct err *e);
/* Brings it and, as demanded, its signature into the cache; what is there already is not
 * asked for. The digest is checked where it is known, the signature is the caller's to
 * check. */
int source_item_bring(const struct source_env *env, enum source_require require,
	struct source_item *item, int cache, struct err *e);
/* The signature's name in the cache, once the digest is known; the caller frees. */
char *source_item_kept_sig(const struct source_item *item);
/* The signature did not prove the file: takes what may be false out of the cache. */
void source_item_forget(
	const struct source_item *item, enum source_require require, int cache);
/* Adds a line for each thing that would have to be fetched. */
void source_item_missing(const struct source_env *env, const struct source_keys *keys,
	enum source_require require, struct source_item *item, int cache,
	struct str_vec *missing);
void source_item_prove_sums(struct source_info *info, const struct source_item *item);

/* ---- source_apt.c: the host's own source package */
int source_apt_latest(const char *series, char **version, struct err *e);
int source_apt_fetch(const struct source_spec *spec, const struct source_env *env,
	int out, struct source_info *info, struct err *e);

/* ---- source_local.c: KERNEL_SOURCE=/path */
/* Leaves a tarball's bytes as linux.tar.xz; of a tree only its identity. */
int source_local_fetch(
	const struct source_spec *spec, int out, struct source_info *info, struct err *e);
/* Copies the tree, if it still is what its identity says. */
int source_local_unpack(
	const struct source_spec *spec, int out, struct source_info *info, struct err *e);

/* ---- source_stream.c: a tarball read once: digest, signature, unpacking */
struct source_stream {
	const char *path;      /* of the tarball */
	const char *name;      /* for errors */
	const char *sha256;    /* expected, or NULL */
	const char *signature; /* path of the detached one, or NULL */
	const struct gpgv_role *role;
	int dirfd; /* where it is unpacked, or -1: it is only proved */
	/* results */
	struct gpgv_result signer;
	int64_t newest; /* mtime */
};
int source_stream_run(struct source_stream *s, struct err *e);

/* ---- source_info.c */
int source_info_write(int dirfd, const struct source_info *info, struct err *e);
/* Adds a proof to the line: "; " between two. */
void source_info_prove(struct source_info *info, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
