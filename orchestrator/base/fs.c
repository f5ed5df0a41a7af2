#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

int fs_read_fd(int fd, const char *name, size_t limit, struct buf *b, struct err *e)
{
	size_t start = b->len;

	for (;;) {
		ssize_t got;

		buf_reserve(b, 65536);
		got = read(fd, b->data + b->len, 65536);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, "can't read %s", name);
		b->data[b->len + (size_t)got] = '\0';
		if (got == 0)
			return 0;
		b->len += (size_t)got;
		if (b->len - start > limit)
			return err_set(e, ERR_INPUT, "%s is larger than %s", name,
				str_bytes(limit));
	}
}

int fs_read(int dirfd, const char *path, size_t limit, struct buf *b, struct err *e)
{
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "can't open %s", path);
	return fs_read_fd(fd, path, limit, b, e);
}

int fs_write_all(int fd, const void *data, size_t len, struct err *e)
{
	const char *p = data;

	while (len) {
		ssize_t put = write(fd, p, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(e, "can't write");
		p += put;
		len -= (size_t)put;
	}
	return 0;
}

/* The directory part of path, "." where there is none. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static int sync_parent(int dirfd, const char *path, struct err *e)
{
	_free_ char *parent = parent_of(path);
	_close_ int fd = fs_open_dir(dirfd, parent, e);

	if (fd < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_sys(e, "can't sync %s", parent);
	return 0;
}

int fs_publish(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
	struct err *e)
{
	_free_ char *temp = xasprintf("%s.tmp.%d", path, (int)getpid());
	_close_ int fd = -1;

	unlinkat(dirfd, temp, 0);
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(e, "can't create %s", temp);
	if (fs_write_all(fd, data, len, e) < 0) {
		err_wrap(e, "%s", path);
	} else if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || close(steal_fd(&fd)) < 0) {
		err_sys(e, "can't write %s", path);
	} else if (renameat(dirfd, temp, dirfd, path) < 0) {
		err_sys(e, "can't rename %s to %s", temp, path);
	} else {
		return sync_parent(dirfd, path, e);
	}
	unlinkat(dirfd, temp, 0);
	return -1;
}

bool fs_exists(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool fs_is_dir(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

int fs_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e)
{
	_free_ char *part = xstrdup(path);

	for (char *p = part + 1; *part; p++) {
		bool end = *p == '\0';

		if (!end && *p != '/')
			continue;
		*p = '\0';
		if (mkdirat(dirfd, part, mode) < 0 && errno != EEXIST &&
			!(errno == EROFS && fs_is_dir(dirfd, part)))
			return err_sys(e, "can't make the directory %s", part);
		if (end)
			break;
		*p = '/';
	}
	if (!fs_is_dir(dirfd, path))
		return err_set(e, ERR_IO, "%s is not a directory", path);
	return 0;
}

int fs_open_dir(int dirfd, const char *path, struct err *e)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err_sys(e, "can't open the directory %s", path);
	return fd;
}

/* Names of the directory open at fd (kept open), sorted. */
static int list_fd(int fd, const char *name, struct str_vec *names, struct err *e)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_closedir_ DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;

	if (!dir)
		return err_sys(e, "can't read the directory %s", name);
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			str_vec_add(names, entry->d_name);
	}
	if (errno)
		return err_sys(e, "can't read the directory %s", name);
	str_vec_sort(names);
	return 0;
}

int fs_list(int dirfd, const char *path, struct str_vec *names, struct err *e)
{
	_close_ int fd = fs_open_dir(dirfd, path, e);

	return fd < 0 ? -1 : list_fd(fd, path, names, e);
}

/* Opens a directory to empty it; gives itself the permission where that is missing. */
static int open_to_empty(int dirfd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dirfd, name, flags);

	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, flags);
	return fd;
}

static int empty_dir(int fd, const char *name, struct err *e);

static int remove_entry(int dirfd, const char *name, struct err *e)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR || errno == EPERM || errno == ENOTEMPTY) {
		_close_ int fd = open_to_empty(dirfd, name);

		if (fd < 0)
			return err_sys(e, "can't remove %s", name);
		if (empty_dir(fd, name, e) < 0)
			return -1;
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
	}
	return err_sys(e, "can't remove %s", name);
}

static int empty_dir(int fd, const char *name, struct err *e)
{
	_str_vec_ struct str_vec names = {0};
	struct stat st;

	if (list_fd(fd, name, &names, e) < 0)
		return -1;
	/* Entries of a read-only directory can't be unlinked by a plain user. */
	if (names.len && fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700 &&
		fchmod(fd, 0700) < 0)
		return err_sys(e, "can't make %s writable", name);
	for (size_t i = 0; i < names.len; i++)
		if (remove_entry(fd, names.items[i], e) < 0)
			return err_wrap(e, "%s", name);
	return 0;
}

int fs_remove(int dirfd, const char *path, struct err *e)
{
	return remove_entry(dirfd, path, e);
}

int fs_sync_tree(int dirfd, const char *path, struct err *e)
{
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	/* One syncfs costs less than an fsync for each of 80,000 files, and means the
	 * same. */
	if (fd < 0 || syncfs(fd) < 0)
		return err_sys(e, "can't sync %s", path);
	return 0;
}

int fs_commit(int dirfd, const char *from, const char *to, struct err *e)
{
	if (syscall(SYS_renameat2, dirfd, from, dirfd, to, 1u /* RENAME_NOREPLACE */) <
		0) {
		if (errno == EEXIST || errno == ENOTEMPTY)
			return 1;
		return err_sys(e, "can't rename %s to %s", from, to);
	}
	if (sync_parent(dirfd, to, e) < 0)
		return -1;
	return 0;
}

int fs_lock(int dirfd, const char *path, bool exclusive, bool wait, struct err *e)
{
	int op = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);
	_close_ int fd = openat(dirfd, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(e, "can't open the lock %s", path);
	while (flock(fd, op) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return err_set(e, ERR_LOCK,
				"%s is held by another kiln: wait for it to end", path);
		return err_sys(e, "can't lock %s", path);
	}
	return steal_fd(&fd);
}

int fs_open_in_root(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

char *fs_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);

	return xasprintf("%s%s%s", dir, len && dir[len - 1] == '/' ? "" : "/", name);
}
