/* oci_layers.c: layers on top of each other: whiteouts, opaque directories, replacements.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "orchestrator/base/archive.h"
#include "orchestrator/base/fs.h"
#include "sysroot/oci_root.h"

#define WHITEOUT ".wh."
#define OPAQUE	 ".wh..wh..opq"

/* Opens the directory of path inside the root; -1 where there is none. *name is the rest.
 */
static int open_parent(int dirfd, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	_free_ char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");

	*name = slash ? slash + 1 : path;
	return fs_open_in_root(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int remove_all_in(int dir, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (fs_list(dir, ".", &names, e))
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (fs_remove(dir, names.items[i], e))
			return -1;
	return 0;
}

static bool is_whiteout(const char *path)
{
	const char *slash = strrchr(path, '/');

	return str_starts(slash ? slash + 1 : path, WHITEOUT);
}

/* First pass over a layer: takes away from the lower ones what it whites out. What the
 * layer itself brings into an opaque directory comes in the second. */
static int take_away(const char *path, const struct stat *st, void *arg, struct err *e)
{
	int *dirfd = arg;
	const char *name;
	_close_ int parent = -1;

	(void)st;
	if (!is_whiteout(path))
		return 0;
	parent = open_parent(*dirfd, path, &name);
	if (parent < 0)
		return 0;
	if (str_eq(name, OPAQUE))
		return remove_all_in(parent, e);
	name += strlen(WHITEOUT);
	if (str_starts(name, WHITEOUT) || *name == '\0')
		return 0; /* a union file system's own notes */
	if (str_eq(name, ".") || str_eq(name, ".."))
		return err_set(e, ERR_INPUT, "a whiteout of \"%s\"", name);
	return fs_remove(parent, name, e);
}

/* Second pass: a directory takes the place of anything else, and the other way round. */
static int put(const char *path, const struct stat *st, void *arg, struct err *e)
{
	int *dirfd = arg;
	const char *name;
	_close_ int parent = -1;
	struct stat there;

	if (is_whiteout(path))
		return 0;
	parent = open_parent(*dirfd, path, &name);
	if (parent < 0 || fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW))
		return 1;
	if (S_ISDIR(there.st_mode) == S_ISDIR(st->st_mode))
		return 1;
	return fs_remove(parent, name, e) ? -1 : 2;
}

static int pass(int fd, const char *name, int dirfd,
	int (*filter)(const char *path, const struct stat *st, void *arg, struct err *e),
	struct err *e)
{
	struct archive_policy policy = {.root = true,
		.overwrite = true,
		.skip_special = true,
		.allow_empty = true,
		.filter = filter,
		.filter_arg = &dirfd};

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "%s", name);
	return archive_unpack(fd, name, dirfd, &policy, e);
}

static int unpack_layer(const struct oci_root *r, size_t i, int dirfd, struct err *e)
{
	const char *hex = r->layers.items[i];
	_free_ char *path =
		xasprintf("%s/%s%s", r->dir, r->flat ? "" : "blobs/sha256/", hex);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char got[SHA256_HEX_LEN + 1];

	if (fd < 0)
		return err_sys(e, "layer %zu: can't open %s", i + 1, path);
	if (digest_fd(fd, path, got, NULL, e))
		return -1;
	if (!str_eq(got, hex))
		return err_set(e, ERR_VERIFY,
			"%s: the layer is damaged (its sha256 is %s)", path, got);
	if (i > 0 && pass(fd, path, dirfd, take_away, e))
		return -1;
	return pass(fd, path, dirfd, put, e);
}

int oci_root_unpack(const struct oci_root *r, int dirfd, struct err *e)
{
	for (size_t i = 0; i < r->layers.len; i++)
		if (unpack_layer(r, i, dirfd, e))
			return -1;
	return 0;
}
