/* archive_entry.h: between archive.c and its helpers: one entry, checked, then written.
 */
#ifndef KILN_ARCHIVE_ENTRY_H
#define KILN_ARCHIVE_ENTRY_H

#include "orchestrator/base/archive.h"
#include "orchestrator/base/str.h"

/* A clean entry: path is relative, without "." or "..", and not empty. */
struct archive_item {
	const char *path;
	const char *link; /* of a symlink: its target as it is; of a hard link: a clean
			     path */
	const struct stat *st;
};

/* archive_policy.c: what may be written at all. */

/* Cleans raw into out, strip components dropped. 0: out holds the path; 1: nothing of it
 * is left (the top itself, or stripped away); -1: refused. */
int archive_path_clean(
	const char *raw, unsigned strip, bool dir, struct buf *out, struct err *e);
/* Whether a symlink at path may point to target. */
int archive_symlink_check(const char *path, const char *target, bool root, struct err *e);

/* archive_write.c: writes below one directory, following no link that leads outside. */
struct archive_writer; /* opaque; archive_writer_free */
struct archive_writer *archive_writer_new(int dirfd, const struct archive_policy *policy);
void archive_writer_free(struct archive_writer *w);
/* Makes a regular file; the caller writes to the fd and hands it to _finish. -1 on error.
 */
int archive_write_file(
	struct archive_writer *w, const struct archive_item *item, struct err *e);
int archive_write_file_finish(
	struct archive_writer *w, int fd, const struct archive_item *item, struct err *e);
int archive_write_dir(
	struct archive_writer *w, const struct archive_item *item, struct err *e);
int archive_write_symlink(
	struct archive_writer *w, const struct archive_item *item, struct err *e);
int archive_write_hardlink(
	struct archive_writer *w, const struct archive_item *item, struct err *e);
/* A filter may have changed the tree: forget what is remembered of it. */
void archive_writer_forget(struct archive_writer *w);
/* Sets what must wait until all is written (mtimes of directories). */
int archive_writer_end(struct archive_writer *w, struct err *e);

#endif
