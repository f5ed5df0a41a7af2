/* source.h: kernel sources: where they are, how they are proved, how they are unpacked.
 */
#ifndef KILN_SOURCE_H
#define KILN_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

enum source_require { REQUIRE_BOTH, REQUIRE_SUMS, REQUIRE_TARBALL };

/* What is wanted: every field is in the key of the source step. */
struct source_spec {
	const char *version; /* "6.1.176" */
	const char *rt;	     /* "6.1.176-rt64", or NULL */
	const char *pin;     /* sha256 of the .tar.xz, or NULL */
	const char *
		url; /* KERNEL_SOURCE: a URL or a local path; NULL: kernel.org's layout */
	enum source_require require;
	const char *
		keys; /* directory with sums.asc and developers.asc, or a keys.asc file */
};

/* How to get it: in no key. */
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
void source_info_free(struct source_info *info);
/* Reads <dir>/source.json back, as source_fetch and source_unpack write it. */
int source_info_read(const char *dir, struct source_info *info, struct err *e);

/* The newest release of "6.12" in the verified sums (or at the mirror that serves). The
 * caller frees *version. Looks into the cache first when offline. */
int source_latest(const char *series, const struct source_spec *spec,
	const struct source_env *env, char **version, struct err *e);
/* Brings linux.tar.xz (and patches.tar.xz, .sign files) into out, proved, and writes
 * out/source.json. */
int source_fetch(const struct source_spec *spec, const struct source_env *env, int out,
	struct err *e);
/* Unpacks what source_fetch left in dir `from` into out/tree (without the leading
 * linux-<v>/), proves the detached signature on the way, writes out/source.json with
 * date. An RT queue goes to out/queue, in series order as listed in out/queue/series. */
int source_unpack(
	const struct source_spec *spec, const char *from, int out, struct err *e);
/* What identifies a local tree (KERNEL_SOURCE=/path): commit or content digest, as text
 * for a key; "" for all others. The caller frees. */
int source_identity(const struct source_spec *spec, char **identity, struct err *e);

#endif
