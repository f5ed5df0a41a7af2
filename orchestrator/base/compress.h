/* compress.h: gzip, zstd and xz as sinks and as sources; the only door to those
 * libraries. */
#ifndef KILN_COMPRESS_H
#define KILN_COMPRESS_H

#include "orchestrator/base/stream.h"

enum compression { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD, COMPRESS_XZ };

/* A sink that compresses into next (owned). threads 0: as many as there are processors.
 * The bytes written do not depend on threads. level 0: the default of that format. */
struct sink *compress_sink(
	struct sink *next, enum compression how, int level, int threads);
/* "gzip", "zstd", "none", "xz"; -1 with ERR_USAGE on another name. */
int compress_by_name(const char *name, enum compression *how, struct err *e);
const char *compress_name(enum compression how);

#endif
