/* archive_write.c: an archive's entries become files, contained by the target directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "orchestrator/base/archive_entry.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

/* Replacing races with other threads that unpack into the same directory. */
#define REPLACE_TRIES 100

struct dir_time {
	char *path;
	struct timespec mtime;
};

struct archive_writer {
	const struct archive_policy *policy;
	int dirfd;
	int parent; /* the directory of the last entry, open; or -1 */
	struct buf parent_path;
	struct dir_time *times; /* of directories, in the archive's order */
	size_t times_len, times_cap;
};

struct archive_writer *archive_writer_new(int dirfd, const struct archive_policy *policy)
{
	struct archive_writer *w = xcalloc(1, sizeof(*w));

	w->policy = policy;
	w->dirfd = dirfd;
	w->parent = -1;
	return w;
}

void archive_writer_forget(struct archive_writer *w)
{
	mem_close_ptr(&w->parent);
}

void archive_writer_free(struct archive_writer *w)
{
	if (!w)
		return;
	archive_writer_forget(w);
	buf_free(&w->parent_path);
	for (size_t i = 0; i < w->times_len; i++)
		free(w->times[i].path);
	free(w->times);
	free(w);
}

/* Opens below the target. In a root directory links resolve as in a chroot; elsewhere a
 * path through any link is refused (ELOOP). */
static int open_below(const struct archive_writer *w, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS |
			   (w->policy->root ? RESOLVE_IN_ROOT
					    : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS),
	};
	long fd;

	do
		fd = syscall(SYS_openat2, w->dirfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

static int refuse_path(int saved_errno, struct err *e)
{
	if (saved_errno == ELOOP)
		return err_set(e, ERR_INPUT, "its path goes through a symlink");
	if (saved_errno == ENOTDIR)
		return err_set(e, ERR_INPUT,
			"its path goes through something that is no directory");
	if (saved_errno == EXDEV)
		return err_set(e, ERR_INPUT, "its path leads outside");
	errno = saved_errno;
	return err_sys(e, "can't open its directory");
}

/* Opens a directory, making what is missing of it. */
static int open_dirs(const struct archive_writer *w, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	_close_ int up = -1;
	int fd = open_below(w, path, O_RDONLY | O_DIRECTORY);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return refuse_path(errno, e);
	if (slash) {
		_free_ char *above = xstrndup(path, (size_t)(slash - path));

		up = open_dirs(w, above, e);
	} else {
		up = open_below(w, ".", O_RDONLY | O_DIRECTORY);
	}
	if (up < 0)
		return -1;
	if (mkdirat(up, slash ? slash + 1 : path, 0755) && errno != EEXIST)
		return err_sys(e, "can't make directory %s", path);
	fd = open_below(w, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0 && errno == ENOENT)
		return err_set(
			e, ERR_INPUT, "its path goes through a symlink to nothing");
	return fd < 0 ? refuse_path(errno, e) : fd;
}

/* The open directory in which path stands; *name is its last part. */
static int parent_of(
	struct archive_writer *w, const char *path, const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	*name = slash ? slash + 1 : path;
	if (w->parent >= 0 && w->parent_path.len == len &&
		memcmp(buf_str(&w->parent_path), path, len) == 0)
		return w->parent;
	archive_writer_forget(w);
	buf_clear(&w->parent_path);
	buf_add(&w->parent_path, path, len);
	w->parent = open_dirs(w, len ? w->parent_path.data : ".", e);
	return w->parent;
}

/* Something stands where an entry shall go. 0: it is gone, try again. */
static int make_room(
	const struct archive_writer *w, int parent, const char *name, struct err *e)
{
	struct stat st;

	if (!w->policy->overwrite)
		return err_set(e, ERR_INPUT, "it is there twice");
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_sys(e, "can't look at it");
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_INPUT, "it would replace a directory");
	if (unlinkat(parent, name, 0) && errno != ENOENT)
		return err_sys(e, "can't replace it");
	return 0;
}

/* In a root directory the same link twice is no conflict: several packages bring "bin".
 */
static bool same_link(
	const struct archive_writer *w, int parent, const char *name, const char *target)
{
	_free_ char *there = xmalloc(PATH_MAX);
	ssize_t len = w->policy->root ? readlinkat(parent, name, there, PATH_MAX) : -1;

	return len >= 0 && (size_t)len == strlen(target) &&
	       memcmp(there, target, (size_t)len) == 0;
}

/* Without write permission for others, and never out of the owner's reach. */
static mode_t kept_mode(const struct stat *st)
{
	return (st->st_mode & 0755) | (S_ISDIR(st->st_mode) ? 0700 : 0600);
}

int archive_write_file(
	struct archive_writer *w, const struct archive_item *item, struct err *e)
{
	const char *name;
	int parent = parent_of(w, item->path, &name, e);

	if (parent < 0)
		return -1;
	for (int i = 0; i < REPLACE_TRIES; i++) {
		int fd = openat(parent, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return err_sys(e, "can't make it");
		if (make_room(w, parent, name, e))
			return -1;
	}
	return err_set(e, ERR_INTERNAL, "something else keeps making the same file");
}

int archive_write_file_finish(
	struct archive_writer *w, int fd, const struct archive_item *item, struct err *e)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, item->st->st_mtim};

	if (fchmod(fd, kept_mode(item->st)))
		return err_sys(e, "can't set its mode");
	if (w->policy->keep_times && futimens(fd, times))
		return err_sys(e, "can't set its time");
	return 0;
}

static void remember_time(struct archive_writer *w, const struct archive_item *item)
{
	if (!w->policy->keep_times)
		return;
	if (w->times_len == w->times_cap) {
		w->times_cap = w->times_cap ? 2 * w->times_cap : 256;
		w->times = xrealloc(w->times, w->times_cap * sizeof(*w->times));
	}
	w->times[w->times_len++] =
		(struct dir_time){xstrdup(item->path), item->st->st_mtim};
}

int archive_write_dir(
	struct archive_writer *w, const struct archive_item *item, struct err *e)
{
	const char *name;
	int parent = parent_of(w, item->path, &name, e);
	struct stat st;

	if (parent < 0)
		return -1;
	remember_time(w, item);
	if (mkdirat(parent, name, 0700) == 0) {
		if (fchmodat(parent, name, kept_mode(item->st), 0))
			return err_sys(e, "can't set its mode");
		return 0;
	}
	if (errno != EEXIST || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "can't make it");
	if (S_ISDIR(st.st_mode)) {
		/* Never 0700 for good: a file made it first, as a missing parent. */
		if (fchmodat(parent, name, kept_mode(item->st), 0))
			return err_sys(e, "can't set its mode");
		return 0;
	}
	if (S_ISLNK(st.st_mode) && w->policy->root) {
		/* lib -> usr/lib of a root directory stays when a package brings "lib/".
		 */
		_close_ int fd = open_below(w, item->path, O_RDONLY | O_DIRECTORY);

		if (fd >= 0)
			return 0;
	}
	return err_set(e, ERR_INPUT, "the directory would replace something else");
}

int archive_write_symlink(
	struct archive_writer *w, const struct archive_item *item, struct err *e)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, item->st->st_mtim};
	const char *name;
	int parent = parent_of(w, item->path, &name, e);

	if (parent < 0)
		return -1;
	for (int i = 0; i < REPLACE_TRIES; i++) {
		if (symlinkat(item->link, parent, name) == 0) {
			if (w->policy->keep_times &&
				utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW))
				return err_sys(e, "can't set its time");
			return 0;
		}
		if (errno != EEXIST)
			return err_sys(e, "can't make the symlink");
		if (same_link(w, parent, name, item->link))
			return 0;
		if (make_room(w, parent, name, e))
			return -1;
	}
	return err_set(e, ERR_INTERNAL, "something else keeps making the same symlink");
}

/* Opens the directory of a hard link's target, which must be a regular file inside. */
static int link_source(const struct archive_writer *w, const char *target,
	const char **name, struct err *e)
{
	const char *slash = strrchr(target, '/');
	_free_ char *above =
		slash ? xstrndup(target, (size_t)(slash - target)) : xstrdup(".");
	int fd = open_below(w, above, O_RDONLY | O_DIRECTORY);
	struct stat st;

	*name = slash ? slash + 1 : target;
	if (fd < 0 || fstatat(fd, *name, &st, AT_SYMLINK_NOFOLLOW) ||
		!S_ISREG(st.st_mode)) {
		mem_close_ptr(&fd);
		return err_set(e, ERR_INPUT,
			"the hard link's target is no file of this archive");
	}
	return fd;
}

int archive_write_hardlink(
	struct archive_writer *w, const struct archive_item *item, struct err *e)
{
	const char *name, *from_name;
	int parent = parent_of(w, item->path, &name, e);
	_close_ int from = -1;

	if (parent < 0)
		return -1;
	if (str_eq(item->path, item->link))
		return err_set(e, ERR_INPUT, "it is a hard link to itself");
	from = link_source(w, item->link, &from_name, e);
	if (from < 0)
		return -1;
	for (int i = 0; i < REPLACE_TRIES; i++) {
		if (linkat(from, from_name, parent, name, 0) == 0)
			return 0;
		if (errno == ENOENT)
			return err_set(
				e, ERR_INPUT, "the hard link would replace its target");
		if (errno != EEXIST)
			return err_sys(e, "can't make the hard link");
		if (make_room(w, parent, name, e))
			return -1;
	}
	return err_set(e, ERR_INTERNAL, "something else keeps making the same link");
}

int archive_writer_end(struct archive_writer *w, struct err *e)
{
	for (size_t i = w->times_len; i-- > 0;) {
		struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, w->times[i].mtime};
		_close_ int fd = open_below(w, w->times[i].path, O_RDONLY | O_DIRECTORY);

		if (fd >= 0 && futimens(fd, times))
			return err_sys(e, "%s: can't set its time", w->times[i].path);
	}
	return 0;
}
