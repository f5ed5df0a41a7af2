/* download.h: fetching by HTTP(S) and file URLs; the only door to libcurl. */
#ifndef KILN_DOWNLOAD_H
#define KILN_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* One file to bring in. It appears under its final name only when it is complete and
 * proved: size and sha256 where given. Until then a .part file holds what came, and a
 * later call resumes it. */
struct download {
	const char *const *urls; /* tried in order, ended by NULL */
	int dirfd;		 /* where it goes */
	const char *name;	 /* under which name */
	const char *sha256;	 /* expected, or NULL */
	uint64_t size;		 /* expected, or 0: unknown */
	uint64_t max_size;	 /* 0: the default limit */
	const char *what;	 /* for progress, as people call it */
};

/* Fails with ERR_NETWORK (every URL with its reason), ERR_VERIFY (came, but is not what
 * was asked for) or ERR_IO. */
int download_file(const struct download *d, struct err *e);
/* Up to parallel at once; stops at the first failure. */
int download_files(
	const struct download *d, size_t count, unsigned parallel, struct err *e);
/* A small file into memory. */
int download_text(const char *url, size_t limit, struct buf *out, struct err *e);

#endif
