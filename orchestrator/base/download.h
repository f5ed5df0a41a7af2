/* download.h: fetching by HTTP(S) and file URLs; the only door to libcurl. */
#ifndef KILN_DOWNLOAD_H
#define KILN_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* One file to bring in. It appears under its final name only when it is complete and
 * proved: size and sha256 where given. Until then a .part file holds what came, and a
 * later call resumes it. A final name that is there already is used again where sha256
 * says that it is the file, and else replaced. */
struct download {
	const char *const *urls; /* tried in order, ended by NULL */
	int dirfd;		 /* where it goes */
	const char *name;	 /* under which name */
	const char *sha256;	 /* expected, or NULL */
	uint64_t size;		 /* expected, or 0: unknown */
	uint64_t max_size;	 /* 0: the default limit */
	const char *what; /* for progress and errors, as people call it; NULL: name */
	char *got_sha256; /* NULL, or 65 bytes that receive the digest */
};

/* Fails with ERR_NETWORK (every URL with its reason), ERR_VERIFY (came, but is not what
 * was asked for) or ERR_IO. A URL is https://, http:// or file:///; $SSL_CERT_FILE names
 * other certificate authorities. */
int download_file(const struct download *d, struct err *e);
/* Up to parallel at once; stops at the first failure. Uses threads: not beside a fork. */
int download_files(
	const struct download *d, size_t count, unsigned parallel, struct err *e);
/* A small file into memory (appended). */
int download_text(const char *url, size_t limit, struct buf *out, struct err *e);
/* The URL without user and password, as it may be printed and kept; the caller frees. */
char *download_url_public(const char *url);

/* How patient it is; for tests and for slow lines. NULL brings the defaults back. */
struct download_timing {
	unsigned connect_ms; /* until a connection stands */
	unsigned
		stall_seconds; /* less than stall_bytes a second for so long is a stall */
	unsigned stall_bytes;
	unsigned backoff_ms; /* before the second try; doubled before each further one */
	unsigned longest_wait_ms; /* a longer Retry-After is a refusal */
};
void download_set_timing(const struct download_timing *timing);

#endif
