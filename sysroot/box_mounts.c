/* box_mounts.c: the file systems of a box, made by its pid 1 in two passes: all mounts
 * are made detached while the host is still in sight, then put in place inside the new
 * root, where no path can lead out any more.
 *
 * Everything here runs between fork and exec: system calls and _exit only. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sysroot/box_priv.h"

enum { MAX_LAYERS = 24, LAYER_TEXT = 256 };

static int open_path(struct box_plan *plan, size_t i, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		box_fail(plan, STEP_OPEN, i);
	return fd;
}

/* snprintf is not made for a forked child. Returns the byte behind the digits. */
static char *put_number(char *to, unsigned n)
{
	char digits[12];
	int len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while (n /= 10);
	while (len)
		*to++ = digits[--len];
	*to = '\0';
	return to;
}

/* Layers are named by fd number, with /proc/self/fd as the working directory: no path is
 * too long or needs escapes, and /proc/mounts inside tells nothing of the host. */
static void set_layer(int fs, const char *key, int fd)
{
	char number[16];

	put_number(number, (unsigned)fd);
	if (fd >= 0)
		fsconfig(fs, FSCONFIG_SET_STRING, key, number, 0);
}

static int overlay(struct box_plan *plan, size_t i)
{
	const struct box_mount *m = &plan->mounts[i];
	int fds[MAX_LAYERS + 2], n = 0;
	char lower[LAYER_TEXT], *end = lower;

	for (; m->lower[n]; n++) {
		if (n == MAX_LAYERS) {
			errno = E2BIG;
			box_fail(plan, STEP_OPEN, i);
		}
		fds[n] = open_path(plan, i, m->lower[n]);
		if (n)
			*end++ = ':';
		end = put_number(end, (unsigned)fds[n]);
	}
	fds[n] = open_path(plan, i, m->upper);
	fds[n + 1] = open_path(plan, i, m->work);
	int fs = fsopen("overlay", FSOPEN_CLOEXEC);

	if (fs < 0 || chdir("/proc/self/fd"))
		box_fail(plan, STEP_OVERLAY, i);
	fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", lower, 0);
	set_layer(fs, "upperdir", fds[n]);
	set_layer(fs, "workdir", fds[n + 1]);
	/* As root too: a layer that root made must mean the same to a user. */
	fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
	/* What is kept is synced when it is committed, not when the box goes away; a
	 * kernel before 5.10 does not know the option, and syncs. */
	fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		box_fail(plan, STEP_OVERLAY, i);
	int made = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)m->attributes);

	if (made < 0)
		box_fail(plan, STEP_OVERLAY, i);
	for (int k = 0; k < n + 2; k++)
		close(fds[k]);
	close(fs);
	return made;
}

static int bind(struct box_plan *plan, size_t i)
{
	const struct box_mount *m = &plan->mounts[i];
	struct mount_attr attr = {.attr_set = m->attributes};
	/* Recursive: a user namespace may not uncover what lies below other mounts. */
	int made = open_tree(
		AT_FDCWD, m->source, AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (made < 0)
		box_fail(plan, STEP_BIND, i);
	if (attr.attr_set && mount_setattr(made, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
				     sizeof(attr)))
		box_fail(plan, STEP_BIND, i);
	return made;
}

static int file_system(struct box_plan *plan, size_t i)
{
	const struct box_mount *m = &plan->mounts[i];
	enum box_step step = strcmp(m->source, "proc") == 0 ? STEP_PROC : STEP_FS;
	int fs = fsopen(m->source, FSOPEN_CLOEXEC);

	if (fs < 0)
		box_fail(plan, step, i);
	for (const char *const *o = m->option; o && o[0]; o += 2)
		if (fsconfig(fs, FSCONFIG_SET_STRING, o[0], o[1], 0))
			box_fail(plan, step, i);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		box_fail(plan, step, i);
	int made = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)m->attributes);

	if (made < 0)
		box_fail(plan, step, i);
	close(fs);
	return made;
}

/* mkdir -p of path, or of what is before its last slash. */
static void make_dirs(struct box_plan *plan, size_t i, const char *path, bool last)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		box_fail(plan, STEP_POINT, i);
	}
	memcpy(part, path, len + 1);
	for (size_t k = 1; k <= len; k++) {
		if (part[k] != '/' && !(part[k] == '\0' && last))
			continue;
		char was = part[k];

		part[k] = '\0';
		if (mkdir(part, 0755) && errno != EEXIST && errno != EROFS)
			box_fail(plan, STEP_POINT, i);
		part[k] = was;
	}
}

static void make_point(struct box_plan *plan, size_t i)
{
	const struct box_mount *m = &plan->mounts[i];

	make_dirs(plan, i, m->at, !m->file);
	if (!m->file)
		return;
	int fd = open(m->at, O_PATH | O_CLOEXEC);

	if (fd < 0)
		fd = open(m->at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		box_fail(plan, STEP_POINT, i);
	close(fd);
}

static void move_in(struct box_plan *plan, size_t i, int from, enum box_step step)
{
	if (move_mount(from, "", AT_FDCWD, plan->mounts[i].at, MOVE_MOUNT_F_EMPTY_PATH))
		box_fail(plan, step, i);
	close(from);
}

static void place(struct box_plan *plan, size_t i)
{
	make_point(plan, i);
	move_in(plan, i, plan->mounts[i].fd, STEP_MOVE);
}

/* A kernel may lack the file or directory; then there is nothing to seal or to mask. */
static void cover(struct box_plan *plan, size_t i, const char *with, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes};

	if (access(plan->mounts[i].at, F_OK))
		return;
	int made = open_tree(
		AT_FDCWD, with, AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (made < 0 || mount_setattr(made, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
				sizeof(attr)))
		box_fail(plan, STEP_SEAL, i);
	move_in(plan, i, made, STEP_SEAL);
}

static void seal(struct box_plan *plan, size_t i)
{
	cover(plan, i, plan->mounts[i].at, MOUNT_ATTR_RDONLY);
}

static void mask(struct box_plan *plan, size_t i)
{
	cover(plan, i, plan->mounts[i].source, MOUNT_ATTR_RDONLY);
}

static void make_link(struct box_plan *plan, size_t i)
{
	if (symlink(plan->mounts[i].source, plan->mounts[i].at))
		box_fail(plan, STEP_POINT, i);
}

static const struct {
	int (*make)(struct box_plan *plan, size_t i);
	void (*place)(struct box_plan *plan, size_t i);
} kinds[] = {
	[MOUNT_OVERLAY] = {overlay, place},
	[MOUNT_BIND] = {bind, place},
	[MOUNT_FS] = {file_system, place},
	[MOUNT_SEAL] = {NULL, seal},
	[MOUNT_MASK] = {NULL, mask},
	[MOUNT_LINK] = {NULL, make_link},
};

/* The old root is mounted over the new one for a moment, then let go: nothing of the host
 * has a name any more. */
static void enter(struct box_plan *plan)
{
	const struct box_mount *root = &plan->mounts[0];

	if (move_mount(
		    root->fd, "", AT_FDCWD, plan->mount_point, MOVE_MOUNT_F_EMPTY_PATH) ||
		chdir(plan->mount_point) || syscall(SYS_pivot_root, ".", ".") ||
		umount2(".", MNT_DETACH) || chdir("/"))
		box_fail(plan, STEP_PIVOT, 0);
	close(root->fd);
}

void box_mounts_make(struct box_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (kinds[plan->mounts[i].kind].make)
			plan->mounts[i].fd = kinds[plan->mounts[i].kind].make(plan, i);
	if (!plan->mount_point)
		return;
	enter(plan);
	for (size_t i = 1; i < plan->count; i++)
		kinds[plan->mounts[i].kind].place(plan, i);
}
