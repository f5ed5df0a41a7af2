#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "kernel/layer.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

struct take {
	const char *const *lower;
	int out; /* the layer's top */
};

/* Written by the overlay as trusted.* for root and user.* in a user namespace. */
static bool is_opaque(int fd)
{
	static const char *const names[] = {
		"trusted.overlay.opaque", "user.overlay.opaque"};
	char value;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (fgetxattr(fd, names[i], &value, 1) == 1 && value == 'y')
			return true;
	return false;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static int whiteout(int out, const char *path, struct err *e)
{
	if (mknodat(out, path, S_IFCHR | 0644, makedev(0, 0)) && errno != EEXIST)
		return err_sys(e, "marking %s as deleted", path);
	return 0;
}

/* What the lower directories show at rel, by name; a name may come twice. */
static int lower_names(
	const struct take *t, const char *rel, struct str_vec *names, struct err *e)
{
	for (const char *const *l = t->lower; *l; l++) {
		_free_ char *dir = fs_join(*l, rel);
		struct stat st;

		if (lstat(dir, &st) == 0) {
			if (!S_ISDIR(st.st_mode))
				return 0;
			if (fs_list(AT_FDCWD, dir, names, e))
				return -1;
		}
	}
	return 0;
}

static int hide_lower(
	const struct take *t, const struct fs_entry *entry, int dir, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (lower_names(t, entry->rel, &names, e))
		return -1;
	STR_VEC_FOREACH (name, &names) {
		_free_ char *path = fs_join(entry->rel, name);

		if (!fs_exists(dir, name) && whiteout(t->out, path, e))
			return -1;
	}
	return 0;
}

static int take_dir(const struct take *t, const struct fs_entry *entry, struct err *e)
{
	_close_ int dir = openat(entry->parent_fd, entry->name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return err_sys(e, "%s", entry->rel);
	if (mkdirat(t->out, entry->rel, 0755))
		return err_sys(e, "%s", entry->rel);
	return is_opaque(dir) ? hide_lower(t, entry, dir, e) : 0;
}

static int take_link(const struct take *t, const struct fs_entry *entry, struct err *e)
{
	char target[4096];
	ssize_t n = readlinkat(entry->parent_fd, entry->name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(e, "%s", entry->rel);
	target[n] = 0;
	if (symlinkat(target, t->out, entry->rel))
		return err_sys(e, "%s", entry->rel);
	return 0;
}

static int take_entry(const struct fs_entry *entry, void *arg, struct err *e)
{
	const struct take *t = arg;
	mode_t mode = entry->st->st_mode;

	if (S_ISDIR(mode))
		return take_dir(t, entry, e);
	if (S_ISREG(mode))
		return fs_copy_file(entry->parent_fd, entry->name, t->out, entry->rel,
			mode & 0111 ? 0755 : 0644, e);
	if (S_ISLNK(mode))
		return take_link(t, entry, e);
	if (is_whiteout(entry->st))
		return whiteout(t->out, entry->rel, e);
	return err_set(
		e, ERR_INPUT, "%s: neither file, directory nor symlink", entry->rel);
}

int layer_take(const char *upper, const char *const *lower, int out, const char *name,
	struct err *e)
{
	_close_ int dir = -1;
	struct take t = {.lower = lower};

	if (mkdirat(out, name, 0755))
		return err_sys(e, "making the layer %s", name);
	dir = t.out = fs_open_dir(out, name, e);
	if (dir < 0)
		return -1;
	if (!fs_exists(AT_FDCWD, upper))
		return 0;
	return fs_walk(AT_FDCWD, upper, take_entry, &t, e);
}
