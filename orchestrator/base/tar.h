/* tar.h: a deterministic tar stream: sorted, owned by root, one mtime. */
#ifndef KILN_TAR_H
#define KILN_TAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/stream.h"

struct tar; /* opaque; tar_close frees it */

/* Members go to out (owned by the tar: tar_close closes it). mtime in seconds, for all.
 * ustar, with a pax header only where a member needs one. */
struct tar *tar_open(struct sink *out, int64_t mtime);
/* Members are written in the order of the calls; modes: 0755 or 0644 by the exec bit. */
int tar_add_dir(struct tar *t, const char *member, struct err *e);
int tar_add_symlink(struct tar *t, const char *member, const char *target, struct err *e);
int tar_add_bytes(struct tar *t, const char *member, mode_t mode, const void *data,
	size_t len, struct err *e);
/* A regular file by path; a file that changes its size while it is read is an error. */
int tar_add_file(
	struct tar *t, const char *member, int dirfd, const char *path, struct err *e);
/* The same with this mode (reduced as above) in place of the file's own. */
int tar_add_file_as(struct tar *t, const char *member, mode_t mode, int dirfd,
	const char *path, struct err *e);
/* A regular file whose bytes the caller pushes into the sink returned; closing that is
 * an error unless exactly size bytes came. Until then t takes no other member. NULL on
 * error. */
struct sink *tar_add_stream(
	struct tar *t, const char *member, mode_t mode, uint64_t size, struct err *e);
/* Everything below path, sorted, as prefix + relative path; hard links become files.
 * keep (may be NULL) as in fs_copy_tree; a refused directory is skipped whole. */
int tar_add_tree(struct tar *t, const char *prefix, int dirfd, const char *path,
	fs_keep_fn *keep, void *arg, struct err *e);
/* Ends the archive (two zero blocks) and closes out. Frees t in any case. */
int tar_close(struct tar *t, struct err *e);
/* Frees without ending: after an error. NULL is fine. */
void tar_abort(struct tar *t);

#endif
