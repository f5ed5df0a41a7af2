/* source.h: kernel sources: where they are, how they are proved, how they are unpacked.
 */
#ifndef KILN_SOURCE_H
#define KILN_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

enum source_require { REQUIRE_BOTH, REQUIRE_SUMS, REQUIRE_TARBALL };

/* kernel.org: the directory that holds v6.x/ and projects/rt/; a mirror's base URL names
 * the same directory of the mirror. */
#define SOURCE_KERNEL_ORG "https://www.kernel.org/pub/linux/kernel"

/* What is wanted: every field is in the key of the source step; rt, keys and require in
 * that of the queue's. */
struct source_spec {
	const char *version; /* "6.1.176" */
	const char *rt;	 /* "6.1.176-rt64", or NULL: for the queue, and to be checked */
	const char *pin; /* sha256 of the .tar.xz, or NULL */
	/* KERNEL_SOURCE: a URL (with a pin), the path of a tree, or of a tarball; NULL:
	 * kernel.org's layout */
	const char *url;
	enum source_require require;
	/* Directory with sums.asc and developers.asc, or a keys.asc file: then the
	 * autosigner's fingerprint decides who is who. */
	const char *keys;
	/* The distribution's own tree counts as well, proved by apt instead of by the
	 * keys: true where the user named the mirror "apt:". It is another tree, so it is
	 * in the key; without it the mirror "apt:" is passed over. */
	bool apt;
};

/* How to get it: in no key. Mirrors are tried in order; an empty list is kernel.org. */
struct source_env {
	const char *cache;	    /* directory of partial downloads */
	const char *const *mirrors; /* base URLs, "apt:", "file:///..."; NULL-ended */
	bool offline;
};

/* What came. Strings are owned: source_info_free. */
struct source_info {
	char *version;
	char *url;    /* where the tarball came from, without the mirror's host if it is
		       * not kernel.org: "apt:linux-source-6.1=6.1.176-1" for Debian's */
	char *sha256; /* of the .tar.xz */
	char *proof;  /* one line: which signatures and sums were checked */
	int64_t date; /* seconds: newest mtime in the tarball; 0 before unpacking */
};
#define _source_info_ __attribute__((cleanup(source_info_free)))
void source_info_free(struct source_info *info);
/* Reads <dir>/source.json back, as source_fetch and source_unpack write it. */
int source_info_read(const char *dir, struct source_info *info, struct err *e);

/* The newest release of "6.12" in the verified sums (or at the mirror that serves). The
 * caller frees *version. Looks into the cache first when offline. */
int source_latest(const char *series, const struct source_spec *spec,
	const struct source_env *env, char **version, struct err *e);
/* Says what can't work before anything is fetched: an RT version of another kernel, a URL
 * without a pin, a name that is no version. ERR_USAGE. No network. */
int source_check(const struct source_spec *spec, struct err *e);
/* Which inputs a fetch would need the network for: one printable line each. */
int source_missing(const struct source_spec *spec, const struct source_env *env,
	struct str_vec *missing, struct err *e);
/* Brings linux.tar.xz (and linux.tar.sign) into out, proved but for the signature, and
 * writes out/source.json. */
int source_fetch(const struct source_spec *spec, const struct source_env *env, int out,
	struct err *e);
/* Unpacks what source_fetch left in dir `from` into out/tree (without the leading
 * linux-<v>/), proves the detached signature on the way, writes out/source.json with
 * date. */
int source_unpack(
	const struct source_spec *spec, const char *from, int out, struct err *e);
/* After source_unpack said ERR_VERIFY of what lies in from: the cache forgets it, so that
 * the next fetch asks the mirrors again. */
void source_forget(
	const struct source_spec *spec, const struct source_env *env, const char *from);

/* The RT project's patch queue spec->rt, as source_check let it pass: the same two
 * questions. It comes unpacked into out/queue, proved, with its order in
 * out/queue/series, and out/source.json tells of it. */
int source_queue_fetch(const struct source_spec *spec, const struct source_env *env,
	int out, struct err *e);
int source_queue_missing(const struct source_spec *spec, const struct source_env *env,
	struct str_vec *missing, struct err *e);
/* Adds the paths of a queue's patches, in its order; dir is that out/queue. */
int source_queue_list(const char *dir, struct str_vec *patches, struct err *e);

/* What identifies a local tree (KERNEL_SOURCE=/path): commit or content digest, as text
 * for a key; "" for all others. The caller frees. */
int source_identity(const struct source_spec *spec, char **identity, struct err *e);

#endif
