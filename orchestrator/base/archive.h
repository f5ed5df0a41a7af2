/* archive.h: unpacking archives that may be hostile; the only door to libarchive. */
#ifndef KILN_ARCHIVE_H
#define KILN_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "orchestrator/base/err.h"

/* What an archive may hold; 0 means the default of archive.c. */
struct archive_policy {
	uint64_t max_entries, max_bytes, max_file_bytes;
	unsigned max_ratio;  /* unpacked : packed, for the whole */
	unsigned strip;	     /* leading path components to drop (--strip-components) */
	bool absolute_links; /* symlinks may point to absolute paths (a root directory) */
	bool no_links;	     /* no symlinks or hard links at all */
	bool overwrite;	     /* a later entry may replace an earlier one (packages) */
	bool keep_times;     /* mtimes of the archive, else the time of unpacking */
	/* Decides on each entry before it is written, after the policy: 1 take, 0 skip,
	 * -1 with e set refuses. path is clean and relative. May be NULL. */
	int (*filter)(const char *path, const struct stat *st, void *arg, struct err *e);
	void *filter_arg;
};

/* Reads an archive (tar in any of gzip, xz, zstd, bzip2, none; or a .deb's data member)
 * from fd into the directory dirfd. name is for errors. Refused input is ERR_INPUT with
 * the entry's name; what was written until then stays, for the caller to throw away.
 * Owners are not kept; modes are, without setuid, setgid and sticky. */
int archive_unpack(int fd, const char *name, int dirfd,
	const struct archive_policy *policy, struct err *e);
/* The same for a .deb: its data.tar.* goes to dirfd. */
int archive_unpack_deb(int fd, const char *name, int dirfd,
	const struct archive_policy *policy, struct err *e);

#endif
