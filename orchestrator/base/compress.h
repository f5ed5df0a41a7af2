/* compress.h: gzip, zstd and xz as sinks and as sources; the only door to those
 * libraries. */
#ifndef KILN_COMPRESS_H
#define KILN_COMPRESS_H

#include "orchestrator/base/stream.h"

enum compression { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD, COMPRESS_XZ };

/* A sink that compresses into next (owned). threads 0: as many as there are processors.
 * The bytes written do not depend on threads. level 0: the default of that format.
 * What is compressed already is stored by gzip and zstd as it is. */
struct sink *compress_sink(
	struct sink *next, enum compression how, int level, int threads);
/* "gzip", "zstd", "none", "xz"; -1 with ERR_USAGE on another name. */
int compress_by_name(const char *name, enum compression *how, struct err *e);
const char *compress_name(enum compression how);

/* Pushes the expanded content of fd, from where it stands to its end, into out, which
 * stays the caller's. The format is told by the first bytes; what is none of gzip, zstd
 * and xz passes as it is. name is for errors; *found (may be NULL) receives the format.
 * ERR_INPUT when the data is damaged, cut short, has trailing garbage, or expands to more
 * than max bytes (0: no limit). */
int compress_expand(int fd, const char *name, struct sink *out, uint64_t max,
	enum compression *found, struct err *e);

#endif
