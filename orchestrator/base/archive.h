/* archive.h: unpacking archives that may be hostile; the only door to libarchive. */
#ifndef KILN_ARCHIVE_H
#define KILN_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* What an archive may hold; 0 means the default of archive.c. */
struct archive_policy {
	uint64_t max_entries, max_bytes, max_file_bytes;
	unsigned max_ratio; /* unpacked : packed, for the whole */
	unsigned strip;	    /* leading path components to drop (--strip-components) */
	/* The target is a root directory: symlinks may point anywhere (a chroot contains
	 * them), and entries may pass through them, resolved inside the target. */
	bool root;
	bool no_links;	   /* no symlinks or hard links at all */
	bool overwrite;	   /* a later entry may replace an earlier one (packages) */
	bool keep_times;   /* mtimes of the archive, else the time of unpacking */
	bool skip_special; /* devices, FIFOs and sockets are left out, not refused */
	bool allow_empty;  /* an archive without entries is fine */
	/* Decides on each entry before it is written, after the policy: 1 take, 0 skip, 2
	 * take, and it has removed something of the tree itself; -1 with e set refuses. A
	 * filter that returns 0 may have removed something too. path is clean and
	 * relative. May be NULL. */
	int (*filter)(const char *path, const struct stat *st, void *arg, struct err *e);
	void *filter_arg;
};

/* Reads a tar archive (gzip, xz, zstd, bzip2 or not compressed, one layer of it) from fd
 * to its very end into the directory dirfd. name is for errors. Refused input is
 * ERR_INPUT with the entry's name; what was written until then stays, for the caller to
 * throw away.
 *
 * Owners, xattrs and ACLs are not kept. Modes are, without setuid, setgid, sticky and
 * write permission for others, whatever the umask is; the owner can always read and
 * enter. Safe in threads: several archives may go to one directory at a time. */
int archive_unpack(int fd, const char *name, int dirfd,
	const struct archive_policy *policy, struct err *e);
/* The same for a .deb: its data.tar.* goes to dirfd. */
int archive_unpack_deb(int fd, const char *name, int dirfd,
	const struct archive_policy *policy, struct err *e);
/* Looks for members (clean relative paths, NULL-ended) in a tar archive, compressed as
 * above. Returns the position, counted from 1, of the one that comes last, whose bytes
 * then are out's; 0 if none is there. One that is no regular file or has more than limit
 * bytes is ERR_INPUT. Nothing is written. */
int archive_find(int fd, const char *name, const char *const *members, size_t limit,
	struct buf *out, struct err *e);
/* Unpacks a compressed file that is no archive (one layer of it, as above, or none) into
 * out (appended); more than limit bytes is ERR_INPUT. */
int archive_expand(
	int fd, const char *name, size_t limit, struct buf *out, struct err *e);

#endif
