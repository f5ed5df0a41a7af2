/* debian_root.c: a root directory is put together from the packages' trees. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "sysroot/debian.h"

struct joining {
	const struct sysroot *sysroot;
	int root;
	bool link; /* files may be the cache's own */
	const struct deb *deb;
	int parent; /* the directory of the last entry in the root, open; or -1 */
	struct buf parent_path;
};

static void joining_free(struct joining *j)
{
	mem_close_ptr(&j->parent);
	buf_free(&j->parent_path);
}
#define _joining_ __attribute__((cleanup(joining_free)))

/* Packages see each other's links: a path is resolved in the root, as a chroot would. */
static int parent_in_root(struct joining *j, const char *rel, struct err *e)
{
	const char *slash = strrchr(rel, '/');
	size_t len = slash ? (size_t)(slash - rel) : 0;

	if (j->parent >= 0 && j->parent_path.len == len &&
		memcmp(buf_str(&j->parent_path), rel, len) == 0)
		return j->parent;
	mem_close_ptr(&j->parent);
	buf_clear(&j->parent_path);
	buf_add(&j->parent_path, rel, len);
	j->parent = fs_open_in_root(j->root, len ? j->parent_path.data : ".",
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return j->parent < 0 ? err_sys(e, "package %s: can't open the directory of %s",
				       j->deb->name, rel)
			     : j->parent;
}

static int put_dir(
	struct joining *j, int parent, const struct fs_entry *entry, struct err *e)
{
	_close_ int there = -1;

	if (mkdirat(parent, entry->name, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "can't make %s in the sysroot", entry->rel);
	there = fs_open_in_root(j->root, entry->rel, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return there >= 0 ? 0
			  : err_set(e, ERR_INPUT,
				    "package %s: the directory %s would replace "
				    "something else",
				    j->deb->name, entry->rel);
}

/* A file that two packages bring is the later one's of the lock. The same package of two
 * architectures ("Multi-Arch: same") brings the same bytes. */
static int make_room(
	struct joining *j, int parent, const struct fs_entry *entry, struct err *e)
{
	if (unlinkat(parent, entry->name, 0) == 0)
		return 0;
	return err_set(e, ERR_INPUT, "package %s: %s would replace a directory",
		j->deb->name, entry->rel);
}

static int put_file(
	struct joining *j, int parent, const struct fs_entry *entry, struct err *e)
{
	if (j->link) {
		if (linkat(entry->parent_fd, entry->name, parent, entry->name, 0) == 0)
			return 0;
		if (errno == EEXIST)
			return make_room(j, parent, entry, e)
				       ? -1
				       : put_file(j, parent, entry, e);
		/* Another file system, or one without hard links: copy from here on. */
		j->link = false;
	}
	if (faccessat(parent, entry->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
		make_room(j, parent, entry, e))
		return -1;
	return fs_copy_file(entry->parent_fd, entry->name, parent, entry->name,
		entry->st->st_mode & 0777, e);
}

static int put_symlink(
	struct joining *j, int parent, const struct fs_entry *entry, struct err *e)
{
	char target[4096], there[4096];
	ssize_t len =
		readlinkat(entry->parent_fd, entry->name, target, sizeof(target) - 1);
	ssize_t other;

	if (len < 0)
		return err_sys(e, "can't read the link %s", entry->rel);
	target[len] = '\0';
	if (symlinkat(target, parent, entry->name) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "can't make the link %s in the sysroot", entry->rel);
	other = readlinkat(parent, entry->name, there, sizeof(there) - 1);
	if (other == len && memcmp(target, there, (size_t)len) == 0)
		return 0;
	if (make_room(j, parent, entry, e))
		return -1;
	return symlinkat(target, parent, entry->name)
		       ? err_sys(e, "can't make the link %s in the sysroot", entry->rel)
		       : 0;
}

static int put(const struct fs_entry *entry, void *arg, struct err *e)
{
	struct joining *j = arg;
	int parent = parent_in_root(j, entry->rel, e);

	if (parent < 0)
		return -1;
	if (S_ISDIR(entry->st->st_mode))
		return put_dir(j, parent, entry, e);
	if (S_ISLNK(entry->st->st_mode))
		return put_symlink(j, parent, entry, e);
	return put_file(j, parent, entry, e);
}

static int join_trees(struct joining *j, int cache, struct err *e)
{
	const struct lock *lock = j->sysroot->data;

	for (size_t i = 0; i < lock->len; i++) {
		_free_ char *tree = NULL;

		if (!lock->debs[i].used)
			continue;
		j->deb = &lock->debs[i];
		tree = tree_name(j->sysroot, j->deb);
		if (fs_walk(cache, tree, put, j, e))
			return -1;
		/* The next package may have made the same path another thing. */
		mem_close_ptr(&j->parent);
	}
	return 0;
}

int debian_make(
	const struct sysroot *s, const struct sysroot_env *env, int dirfd, struct err *e)
{
	_joining_ struct joining j = {
		.sysroot = s, .root = dirfd, .link = env->link, .parent = -1};
	_close_ int cache = fs_open_dir(AT_FDCWD, env->cache, e);
	_str_vec_ struct str_vec links = {0};

	if (cache < 0)
		return -1;
	conf_words(&s->conf, "", "link", &links);
	if (finish_merge_usr(dirfd, e) || join_trees(&j, cache, e))
		return -1;
	return finish_root(dirfd, &links, e);
}
