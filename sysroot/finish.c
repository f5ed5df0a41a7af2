/* finish.c: what maintainer scripts would have made of an unpacked root. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "sysroot/provider.h"

static const struct link {
	const char *path, *target;
} usr_links[] = {
	{"bin", "usr/bin"},
	{"sbin", "usr/sbin"},
	{"lib", "usr/lib"},
	{"lib64", "usr/lib64"},
};

/* The first row whose target is there wins. */
static const struct link alternatives[] = {
	{"usr/bin/awk", "gawk"},
	{"usr/bin/awk", "mawk"},
	{"usr/bin/awk", "original-awk"},
	{"usr/bin/nawk", "gawk"},
	{"usr/bin/nawk", "mawk"},
	{"usr/bin/cc", "gcc"},
	{"usr/bin/c++", "g++"},
	{"usr/bin/which", "which.debianutils"},
	{"usr/bin/yacc", "bison.yacc"},
	{"usr/bin/sh", "dash"},
};

static const struct file {
	const char *path, *text;
} files[] = {
	{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
		       "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"},
	{"etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"},
	{"etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
};

static const char *const mount_points[] = {
	"dev", "proc", "sys", "tmp", "root", "run", "etc", "linux"};

int finish_merge_usr(int dirfd, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(usr_links); i++) {
		if (fs_mkdirs(dirfd, usr_links[i].target, 0755, e))
			return -1;
		if (symlinkat(usr_links[i].target, dirfd, usr_links[i].path) &&
			errno != EEXIST)
			return err_sys(e, "can't make the link %s", usr_links[i].path);
	}
	return 0;
}

/* Whether path is there, seen from inside the root. */
static bool there(int dirfd, const char *path)
{
	_close_ int fd = fs_open_in_root(dirfd, path, O_PATH | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0;
}

/* Opens the directory of path inside the root, made where missing; *name is the rest. */
static int open_parent(int dirfd, const char *path, const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	_free_ char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	int fd = fs_open_in_root(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*name = slash ? slash + 1 : path;
	if (fd < 0 && errno == ENOENT) {
		if (fs_mkdirs(dirfd, dir, 0755, e))
			return -1;
		fd = fs_open_in_root(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd < 0 ? err_sys(e, "can't open %s in the sysroot", dir) : fd;
}

static int make_link(int dirfd, const struct link *link, struct err *e)
{
	const char *name;
	_close_ int parent = open_parent(dirfd, link->path, &name, e);

	if (parent < 0)
		return -1;
	if (symlinkat(link->target, parent, name) && errno != EEXIST)
		return err_sys(e, "can't make the link %s in the sysroot", link->path);
	return 0;
}

static int make_alternative(int dirfd, const struct link *link, struct err *e)
{
	const char *slash = strrchr(link->path, '/');
	_free_ char *target =
		xasprintf("%.*s/%s", (int)(slash - link->path), link->path, link->target);

	if (!there(dirfd, target) || there(dirfd, link->path))
		return 0;
	return make_link(dirfd, link, e);
}

static int make_file(int dirfd, const struct file *file, struct err *e)
{
	const char *name;
	_close_ int parent = -1;

	if (there(dirfd, file->path))
		return 0;
	parent = open_parent(dirfd, file->path, &name, e);
	if (parent < 0)
		return -1;
	return fs_publish(parent, name, file->text, strlen(file->text), 0644, e);
}

int finish_root(int dirfd, const struct str_vec *links, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(mount_points); i++)
		if (!there(dirfd, mount_points[i]) &&
			fs_mkdirs(dirfd, mount_points[i], 0755, e))
			return -1;
	for (size_t i = 0; i + 1 < links->len; i += 2) {
		struct link link = {links->items[i], links->items[i + 1]};

		if (make_link(dirfd, &link, e))
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(alternatives); i++)
		if (make_alternative(dirfd, &alternatives[i], e))
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (make_file(dirfd, &files[i], e))
			return -1;
	return 0;
}
