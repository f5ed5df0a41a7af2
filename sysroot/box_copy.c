/* box_copy.c: an overlay without overlayfs: its layers are copied into one directory, and
 * what a box changed there is found afterwards and left as the layer that overlayfs would
 * have written. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "sysroot/box_priv.h"

/* One overlay that is copied. */
struct merge {
	const char *const *lower; /* topmost first */
	const char *at;		  /* for errors */
	int merged, upper;	  /* directories, the caller's */
	struct timespec finished; /* when the copy was complete */
};

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* An opaque directory hides what layers below have at its place. */
static bool is_opaque(const char *path)
{
	static const char *const names[] = {
		"user.overlay.opaque", "trusted.overlay.opaque"};
	char value;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (lgetxattr(path, names[i], &value, 1) == 1 && value == 'y')
			return true;
	return false;
}

static int copy_link(int from, const char *name, int to, const char *rel, struct err *e)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(from, name, target, sizeof(target) - 1);

	if (len < 0)
		return err_sys(e, "%s", rel);
	target[len] = '\0';
	return symlinkat(target, to, rel) ? err_sys(e, "%s", rel) : 0;
}

static int copy_file(const struct fs_entry *entry, int to, struct err *e)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, entry->st->st_mtim};
	mode_t mode = entry->st->st_mode & 0777;

	if (fs_copy_file(entry->parent_fd, entry->name, to, entry->rel, mode, e))
		return -1;
	/* make decides by these. */
	if (utimensat(to, entry->rel, times, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "%s", entry->rel);
	return 0;
}

static int copy_dir(
	const struct fs_entry *entry, int to, const char *layer, struct err *e)
{
	_free_ char *path = fs_join(layer, entry->rel);
	struct stat there;

	if (fstatat(to, entry->rel, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
		(!S_ISDIR(there.st_mode) || is_opaque(path)) &&
		fs_remove(to, entry->rel, e))
		return -1;
	if (mkdirat(to, entry->rel, 0755) && errno != EEXIST)
		return err_sys(e, "%s", entry->rel);
	return 0;
}

struct layer_arg {
	const struct merge *m;
	const char *layer;
};

static int merge_entry(const struct fs_entry *entry, void *arg, struct err *e)
{
	const struct layer_arg *a = arg;
	int to = a->m->merged;

	if (S_ISDIR(entry->st->st_mode))
		return copy_dir(entry, to, a->layer, e);
	if (fs_remove(to, entry->rel, e))
		return -1;
	if (is_whiteout(entry->st))
		return 0;
	if (S_ISREG(entry->st->st_mode))
		return copy_file(entry, to, e);
	if (S_ISLNK(entry->st->st_mode))
		return copy_link(entry->parent_fd, entry->name, to, entry->rel, e);
	return err_set(e, ERR_INPUT, "%s/%s is neither file, directory nor link",
		a->layer, entry->rel);
}

static int merge_layers(const struct merge *m, struct err *e)
{
	size_t count = 0;

	while (m->lower[count])
		count++;
	while (count--) {
		struct layer_arg arg = {m, m->lower[count]};

		if (fs_walk(AT_FDCWD, arg.layer, merge_entry, &arg, e))
			return -1;
	}
	return 0;
}

/* The copy appears whole, and stays for the next box over the same scratch. */
static int copy_overlay(
	const char *const *lower, const char *at, const char *scratch, struct err *e)
{
	struct merge m = {.lower = lower, .at = at, .merged = -1, .upper = -1};
	_free_ char *merged = fs_join(scratch, "merged");
	_free_ char *part = fs_join(scratch, "merged.part");
	_free_ char *mark = fs_join(scratch, "merged.mark");

	if (fs_is_dir(AT_FDCWD, merged))
		return 0;
	if (fs_remove(AT_FDCWD, part, e) || fs_mkdirs(AT_FDCWD, part, 0755, e))
		return -1;
	_close_ int fd = m.merged = fs_open_dir(AT_FDCWD, part, e);
	if (fd < 0 || merge_layers(&m, e))
		return err_wrap(e, "copying the layers of %s", at);
	/* Its ctime is the moment after which a file of the copy may have changed. */
	if (fs_publish(AT_FDCWD, mark, "", 0, 0644, e))
		return -1;
	return rename(part, merged) ? err_sys(e, "%s", merged) : 0;
}

/* What the lower layers together show at rel: 1 and st, or 0 for nothing. */
static int layer_lookup(const char *layer, const char *rel, struct stat *st, bool *last)
{
	_free_ char *path = fs_join(layer, rel);
	char *end = path + strlen(layer) + 1;

	do {
		end = strchr(end, '/');
		if (end)
			*end = '\0';
		if (lstat(path, st))
			return 0;
		*last = !S_ISDIR(st->st_mode) || is_opaque(path);
		if (is_whiteout(st) || (end && !S_ISDIR(st->st_mode)))
			return 0;
		if (end)
			*end++ = '/';
	} while (end);
	return 1;
}

static const char *lower_lookup(const struct merge *m, const char *rel, struct stat *st)
{
	for (const char *const *layer = m->lower; *layer; layer++) {
		bool last = false;

		if (layer_lookup(*layer, rel, st, &last))
			return *layer;
		if (last)
			break;
	}
	return NULL;
}

static bool same_bytes(int a, int b)
{
	char x[16384], y[16384];

	for (;;) {
		ssize_t n = read(a, x, sizeof(x)), have = 0, more;

		if (n < 0)
			return false;
		for (; have < n; have += more)
			if ((more = read(b, y + have, (size_t)(n - have))) <= 0)
				return false;
		if (memcmp(x, y, (size_t)n) != 0)
			return false;
		if (n == 0)
			return read(b, y, 1) == 0;
	}
}

static bool same_file(const struct fs_entry *entry, const char *layer)
{
	_free_ char *path = fs_join(layer, entry->rel);
	_close_ int was = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_close_ int is =
		openat(entry->parent_fd, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return was >= 0 && is >= 0 && same_bytes(was, is);
}

static bool same_link(const struct fs_entry *entry, const char *layer)
{
	_free_ char *path = fs_join(layer, entry->rel);
	char was[PATH_MAX], is[PATH_MAX];
	ssize_t a = readlink(path, was, sizeof(was));
	ssize_t b = readlinkat(entry->parent_fd, entry->name, is, sizeof(is));

	return a >= 0 && a == b && memcmp(was, is, (size_t)a) == 0;
}

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec > b->tv_sec;
	return a->tv_nsec >= b->tv_nsec;
}

static bool is_unchanged(const struct merge *m, const struct fs_entry *entry)
{
	const struct stat *st = entry->st;
	struct stat was;
	const char *layer = lower_lookup(m, entry->rel, &was);

	if (!layer || (was.st_mode & S_IFMT) != (st->st_mode & S_IFMT))
		return false;
	if (S_ISDIR(st->st_mode))
		return true;
	if (S_ISLNK(st->st_mode))
		return same_link(entry, layer);
	if (!is_newer(&st->st_ctim, &m->finished))
		return true;
	return ((was.st_mode ^ st->st_mode) & 0777) == 0 && was.st_size == st->st_size &&
	       same_file(entry, layer);
}

static int make_parent(const struct merge *m, const char *rel, struct err *e)
{
	_free_ char *dir = xstrdup(rel);
	char *slash = strrchr(dir, '/');

	if (!slash)
		return 0;
	*slash = '\0';
	return fs_mkdirs(m->upper, dir, 0755, e);
}

/* Changed files are linked, not copied: the layer lies beside the copy. */
static int keep_change(const struct fs_entry *entry, void *arg, struct err *e)
{
	const struct merge *m = arg;

	if (is_unchanged(m, entry))
		return 0;
	if (S_ISDIR(entry->st->st_mode))
		return fs_mkdirs(m->upper, entry->rel, 0755, e);
	if (make_parent(m, entry->rel, e))
		return -1;
	if (linkat(entry->parent_fd, entry->name, m->upper, entry->rel, 0))
		return err_sys(e, "%s", entry->rel);
	return 0;
}

static int keep_deletion(const struct fs_entry *entry, void *arg, struct err *e)
{
	const struct merge *m = arg;
	struct stat st;

	if (is_whiteout(entry->st))
		return 0;
	if (fstatat(m->merged, entry->rel, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	/* A file where a directory was hides all below it without being told. */
	if (errno == ENOTDIR || !lower_lookup(m, entry->rel, &st))
		return S_ISDIR(entry->st->st_mode);
	if (make_parent(m, entry->rel, e))
		return -1;
	if (mknodat(m->upper, entry->rel, S_IFCHR, makedev(0, 0)) && errno != EEXIST)
		return err_sys(e, "marking %s as deleted", entry->rel);
	return S_ISDIR(entry->st->st_mode);
}

static int find_changes(const struct merge *m, struct err *e)
{
	if (fs_walk(m->merged, ".", keep_change, (void *)m, e))
		return -1;
	for (const char *const *layer = m->lower; *layer; layer++)
		if (fs_walk(AT_FDCWD, *layer, keep_deletion, (void *)m, e))
			return -1;
	return 0;
}

static int diff_overlay(
	const char *const *lower, const char *at, const char *scratch, struct err *e)
{
	struct merge m = {.lower = lower, .at = at, .merged = -1, .upper = -1};
	_free_ char *merged = fs_join(scratch, "merged"),
		    *upper = fs_join(scratch, "upper");
	_free_ char *mark = fs_join(scratch, "merged.mark");
	struct stat st;

	if (stat(mark, &st))
		return err_sys(e, "%s", mark);
	m.finished = st.st_ctim;
	if (fs_remove(AT_FDCWD, upper, e) || fs_mkdirs(AT_FDCWD, upper, 0755, e))
		return -1;
	_close_ int from = m.merged = fs_open_dir(AT_FDCWD, merged, e);
	if (from < 0)
		return -1;
	_close_ int to = m.upper = fs_open_dir(AT_FDCWD, upper, e);
	if (to < 0 || find_changes(&m, e))
		return err_wrap(e, "finding what changed in %s", at);
	return 0;
}

typedef int overlay_fn(
	const char *const *lower, const char *at, const char *scratch, struct err *e);

static int for_each(const struct box *b, overlay_fn *fn, struct err *e)
{
	const char *const root[] = {b->root, NULL};

	if (fs_mkdirs(AT_FDCWD, b->scratch, 0755, e))
		return -1;
	_free_ char *real = realpath(b->root, NULL);

	if (!str_eq(real, "/") && fn(root, "/", b->scratch, e))
		return -1;
	for (const struct box_overlay *o = b->overlays; o && o->at; o++)
		if (fs_mkdirs(AT_FDCWD, o->scratch, 0755, e) ||
			fn(o->lower, o->at, o->scratch, e))
			return -1;
	return 0;
}

int box_copy_before(const struct box *b, struct err *e)
{
	return for_each(b, copy_overlay, e);
}

int box_copy_after(const struct box *b, struct err *e)
{
	return for_each(b, diff_overlay, e);
}
