/* fs.h: files and trees, openat style; whatever is published appears whole, by rename. */
#ifndef KILN_FS_H
#define KILN_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* Everywhere: dirfd may be AT_FDCWD; path is relative to it or absolute. */

/* Reads a whole file into b (appended); more than limit bytes is an error. */
int fs_read(int dirfd, const char *path, size_t limit, struct buf *b, struct err *e);
/* Reads a whole open fd likewise; name is for the error. */
int fs_read_fd(int fd, const char *name, size_t limit, struct buf *b, struct err *e);
/* Writes data under a temporary name beside path, syncs, renames. */
int fs_publish(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
	struct err *e);
int fs_write_all(int fd, const void *data, size_t len, struct err *e);
bool fs_exists(int dirfd, const char *path); /* without following a final link */
bool fs_is_dir(int dirfd, const char *path); /* follows links */

/* mkdir -p. An existing directory is fine. */
int fs_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e);
/* rm -rf without following links; nothing there is fine. Makes directories writable
 * where it must; a directory with mode 000 is no obstacle. */
int fs_remove(int dirfd, const char *path, struct err *e);
/* Opens a directory O_PATH-free, O_CLOEXEC. Returns the fd or -1. */
int fs_open_dir(int dirfd, const char *path, struct err *e);
/* Names in a directory, sorted by bytes, without "." and "..". */
int fs_list(int dirfd, const char *path, struct str_vec *names, struct err *e);

/* fsync of every regular file and directory below, then of the directory itself. */
int fs_sync_tree(int dirfd, const char *path, struct err *e);
/* Renames a finished directory or file into place and syncs the parent directories.
 * 1 if the target was there already (the source is left), 0 if renamed, -1 on error. */
int fs_commit(int dirfd, const char *from, const char *to, struct err *e);

/* Copies one regular file, following no link at the last component (ELOOP becomes an
 * ERR_INPUT sentence); uses copy_file_range. Mode is given by the caller. */
int fs_copy_file(int from_dir, const char *from, int to_dir, const char *to, mode_t mode,
	struct err *e);
/* Copies a tree of directories, regular files and symlinks (as links); anything else
 * (FIFO, device, socket) is ERR_INPUT naming it. Never follows a link, neither `from`
 * itself nor below it, so a build may have written the tree. File modes are reduced to
 * 0755 or 0644, mtimes are not kept. keep (may be NULL) decides by path relative to
 * `from`. */
typedef bool fs_keep_fn(const char *path, const struct stat *st, void *arg);
int fs_copy_tree(int from_dir, const char *from, int to_dir, const char *to,
	fs_keep_fn *keep, void *arg, struct err *e);

/* Visits every entry below path, depth first, names of one directory in byte order, a
 * directory before what it holds; the top itself is not visited. parent_fd and name
 * serve openat; rel is the path below the top. A negative return stops with -1, and a
 * positive one for a directory skips what it holds. Never follows a link. */
struct fs_entry {
	int parent_fd;
	const char *name, *rel;
	const struct stat *st;
};
typedef int fs_visit_fn(const struct fs_entry *entry, void *arg, struct err *e);
int fs_walk(int dirfd, const char *path, fs_visit_fn *visit, void *arg, struct err *e);

/* An flock on path (made where missing, 0600). Returns the fd that holds it. Without
 * wait a held lock is ERR_LOCK. exclusive or shared. */
int fs_lock(int dirfd, const char *path, bool exclusive, bool wait, struct err *e);

/* Opens a path below root_fd with openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS): links
 * are resolved as a chroot would. flags as open(2). Returns the fd or -1, errno kept. */
int fs_open_in_root(int root_fd, const char *path, int flags);

/* "dir/name", one slash between; the caller frees. */
char *fs_join(const char *dir, const char *name);

#endif
