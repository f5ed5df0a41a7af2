/* stream.h: sinks: bytes are pushed through a chain (tar, tee, digest, compress, file).
 */
#ifndef KILN_STREAM_H
#define KILN_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "orchestrator/base/err.h"

/* A sink takes bytes in order. close flushes, reports late errors, and frees the sink and
 * what it owns. failed is kept by sink_write and sink_abort: a sink that failed only
 * frees itself at close and aborts what it owns. */
struct sink {
	int (*write)(struct sink *s, const void *data, size_t len, struct err *e);
	int (*close)(struct sink *s, struct err *e);
	bool failed;
};

int sink_write(struct sink *s, const void *data, size_t len, struct err *e);
/* Frees s in any case; -1 with e as the failed write left it, or with a late error. */
int sink_close(struct sink *s, struct err *e);
/* Frees s and what it owns without finishing anything; NULL is fine. */
void sink_abort(struct sink *s);

/* Writes to fd, which stays the caller's; *count (may be NULL) counts the bytes. */
struct sink *sink_fd(int fd, const char *name, uint64_t *count);
/* Digests what passes and hands it to next, which it owns and closes. hex (65 bytes) is
 * filled at close; *count may be NULL. */
struct sink *sink_sha256(struct sink *next, char *hex, uint64_t *count);

#endif
