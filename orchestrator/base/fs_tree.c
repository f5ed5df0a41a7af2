/* Walking and copying trees. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

struct walk {
	fs_visit_fn *visit;
	void *arg;
	struct buf rel; /* path below the top of the entry at hand */
};

static int walk_dir(struct walk *w, int dirfd, const char *name, struct err *e);

static int walk_entry(struct walk *w, int fd, const char *name, struct err *e)
{
	size_t len = w->rel.len;
	struct fs_entry entry = {.parent_fd = fd, .name = name};
	struct stat st;
	int ret;

	buf_addf(&w->rel, "%s%s", len ? "/" : "", name);
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "can't look at %s", buf_str(&w->rel));
	entry.rel = buf_str(&w->rel);
	entry.st = &st;
	ret = w->visit(&entry, w->arg, e);
	if (ret == 0 && S_ISDIR(st.st_mode))
		ret = walk_dir(w, fd, name, e);
	w->rel.len = len;
	w->rel.data[len] = '\0';
	return ret < 0 ? -1 : 0;
}

static int walk_dir(struct walk *w, int dirfd, const char *name, struct err *e)
{
	_close_ int fd = openat(dirfd, name,
		O_RDONLY | O_DIRECTORY | O_CLOEXEC | (w->rel.len ? O_NOFOLLOW : 0));
	_str_vec_ struct str_vec names = {0};

	if (fd < 0)
		return err_sys(e, "can't open the directory %s",
			w->rel.len ? w->rel.data : name);
	if (fs_list(fd, ".", &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (walk_entry(w, fd, names.items[i], e) < 0)
			return -1;
	return 0;
}

int fs_walk(int dirfd, const char *path, fs_visit_fn *visit, void *arg, struct err *e)
{
	struct walk w = {.visit = visit, .arg = arg};
	int ret = walk_dir(&w, dirfd, path, e);

	buf_free(&w.rel);
	return ret;
}

/* Copies all bytes between two fds, in the kernel where it can. */
static int copy_bytes(int in, int out)
{
	_free_ char *chunk = NULL;
	ssize_t got;

	while ((got = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
		;
	if (got == 0)
		return 0;
	if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
		return -1;
	chunk = xmalloc(1 << 18);
	while ((got = read(in, chunk, 1 << 18)) != 0) {
		struct err ignored = {0};

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || fs_write_all(out, chunk, (size_t)got, &ignored) < 0)
			return -1;
	}
	return 0;
}

int fs_copy_file(int from_dir, const char *from, int to_dir, const char *to, mode_t mode,
	struct err *e)
{
	/* O_NONBLOCK: a FIFO planted here must not hang the open. */
	_close_ int in = openat(from_dir, from,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	_close_ int out = -1;
	struct stat st;

	if (in < 0 && errno == ELOOP)
		return err_set(
			e, ERR_INPUT, "%s is a link where a file is expected", from);
	if (in < 0)
		return err_sys(e, "can't open %s", from);
	if (fstat(in, &st) < 0)
		return err_sys(e, "can't look at %s", from);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, "%s is not a regular file", from);
	out = openat(
		to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (out < 0)
		return err_sys(e, "can't create %s", to);
	if (copy_bytes(in, out) < 0 || fchmod(out, mode) < 0 || close(steal_fd(&out)) < 0)
		return err_sys(e, "can't copy %s to %s", from, to);
	return 0;
}

struct copy {
	int to;
	fs_keep_fn *keep;
	void *arg;
};

static int copy_entry(const struct fs_entry *entry, void *arg, struct err *e)
{
	const struct copy *c = arg;
	const struct stat *st = entry->st;
	char target[4096];
	ssize_t len;

	if (c->keep && !c->keep(entry->rel, st, c->arg))
		return 1;
	if (S_ISDIR(st->st_mode)) {
		if (mkdirat(c->to, entry->rel, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "can't make the directory %s", entry->rel);
		return 0;
	}
	if (S_ISLNK(st->st_mode)) {
		len = readlinkat(
			entry->parent_fd, entry->name, target, sizeof(target) - 1);
		if (len < 0)
			return err_sys(e, "can't read the link %s", entry->rel);
		target[len] = '\0';
		if (symlinkat(target, c->to, entry->rel) < 0)
			return err_sys(e, "can't make the link %s", entry->rel);
		return 0;
	}
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_INPUT,
			"%s is neither a file, a directory nor a link", entry->rel);
	if (fs_copy_file(entry->parent_fd, entry->name, c->to, entry->rel,
		    st->st_mode & 0111 ? 0755 : 0644, e) < 0)
		return err_wrap(e, "%s", entry->rel);
	return 0;
}

int fs_copy_tree(int from_dir, const char *from, int to_dir, const char *to,
	fs_keep_fn *keep, void *arg, struct err *e)
{
	struct copy c = {.to = -1, .keep = keep, .arg = arg};
	/* The top too may be a build's: a link there would lead the copy astray. */
	_close_ int source = openat(
		from_dir, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_close_ int top = -1;

	if (source < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(e, ERR_INPUT,
			"%s is a link or file where a directory is expected", from);
	if (source < 0)
		return err_sys(e, "can't open the directory %s", from);
	if (fs_mkdirs(to_dir, to, 0755, e) < 0)
		return -1;
	top = fs_open_dir(to_dir, to, e);
	if (top < 0)
		return -1;
	c.to = top;
	return fs_walk(source, ".", copy_entry, &c, e);
}
