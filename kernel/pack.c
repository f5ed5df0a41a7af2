#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/kbuild.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"
#include "orchestrator/base/stream.h"
#include "orchestrator/base/tar.h"

#define INDEX "depmod.tmp" /* depmod's files, until kernel.tar holds them */

struct pack {
	int compiled; /* directory fds */
	int out, index;
	int64_t date;
	char *release;
};

static void pack_free(struct pack *p)
{
	mem_close_ptr(&p->compiled);
	mem_close_ptr(&p->index);
	mem_free_ptr(&p->release);
}
#define _pack_ __attribute__((cleanup(pack_free)))

/* A tar under its final name once it is complete. members writes what it holds. */
static int write_tar(struct pack *p, const char *name,
	int (*members)(struct pack *p, struct tar *t, struct err *e), struct err *e)
{
	_free_ char *tmp = xasprintf("%s.tmp", name);
	_close_ int fd =
		openat(p->out, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct tar *t;

	if (fd < 0)
		return err_sys(e, "making %s", name);
	t = tar_open(sink_fd(fd, name, NULL), p->date);
	if (members(p, t, e)) {
		tar_abort(t);
		return err_wrap(e, "writing %s", name);
	}
	if (tar_close(t, e))
		return err_wrap(e, "writing %s", name);
	if (fsync(fd) || renameat(p->out, tmp, p->out, name))
		return err_sys(e, "writing %s", name);
	return 0;
}

static int add_dirs(struct tar *t, const char *const *dirs, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++)
		if (tar_add_dir(t, dirs[i], e))
			return -1;
	return 0;
}

/* Whether the name is in the release's directory but not what ships: kbuild's links to
 * where the tree was, and whatever depmod has a newer one of. */
static bool is_dropped(struct pack *p, const char *name)
{
	return str_eq(name, "build") || str_eq(name, "source") ||
	       fs_exists(p->index, name);
}

static int add_entry(
	struct pack *p, struct tar *t, const char *dir, const char *name, struct err *e)
{
	_free_ char *path = xasprintf("modules/%s/%s", dir, name);
	_free_ char *member = xasprintf("./%s/%s", dir, name);
	_free_ char *below = xasprintf("%s/", member);
	_free_ char *headers = xasprintf("/usr/src/linux-headers-%s", p->release);
	struct stat st;

	if (str_eq(name, "build"))
		return tar_add_symlink(t, member, headers, e);
	if (fs_exists(p->index, name))
		return tar_add_file(t, member, p->index, name, e);
	if (fstatat(p->compiled, path, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return tar_add_file(t, member, p->compiled, path, e);
	if (tar_add_dir(t, member, e))
		return -1;
	return tar_add_tree(t, below, p->compiled, path, NULL, NULL, e);
}

/* The release's directory: what modules_install left, depmod's files, and the link to the
 * headers that kernel-dev.tar unpacks to. */
static int add_release(struct pack *p, struct tar *t, struct err *e)
{
	_free_ char *dir = xasprintf("lib/modules/%s", p->release);
	_free_ char *path = fs_join("modules", dir);
	_str_vec_ struct str_vec found = {0}, names = {0};

	if (fs_list(p->compiled, path, &found, e))
		return -1;
	STR_VEC_FOREACH (name, &found)
		if (!is_dropped(p, name))
			str_vec_add(&names, name);
	if (fs_list(p->index, ".", &names, e))
		return -1;
	str_vec_add(&names, "build");
	str_vec_sort(&names);
	STR_VEC_FOREACH (name, &names)
		if (add_entry(p, t, dir, name, e))
			return -1;
	return 0;
}

static int add_kernel(struct pack *p, struct tar *t, struct err *e)
{
	_free_ char *release = xasprintf("./lib/modules/%s", p->release);
	const char *const top[] = {"."};
	const char *const boot[] = {"./boot"};
	const char *const dirs[] = {"./lib", "./lib/modules", release};

	if (add_dirs(t, top, 1, e))
		return -1;
	if (fs_exists(p->compiled, "boot") &&
		(add_dirs(t, boot, 1, e) ||
			tar_add_tree(t, "./boot/", p->compiled, "boot", NULL, NULL, e)))
		return -1;
	return add_dirs(t, dirs, ARRAY_LEN(dirs), e) || add_release(p, t, e) ? -1 : 0;
}

static int add_headers(struct pack *p, struct tar *t, struct err *e)
{
	return tar_add_tree(t, "", p->compiled, "headers", NULL, NULL, e);
}

static int add_devkit(struct pack *p, struct tar *t, struct err *e)
{
	_free_ char *dir = xasprintf("usr/src/linux-headers-%s", p->release);
	_free_ char *below = xasprintf("%s/", dir);
	const char *const dirs[] = {"usr/src", dir};

	if (add_dirs(t, dirs, ARRAY_LEN(dirs), e))
		return -1;
	return tar_add_tree(t, below, p->compiled, "devkit", NULL, NULL, e);
}

static int open_pack(struct pack *p, const char *compiled, struct err *e)
{
	_buf_ struct buf text = {0};

	p->compiled = fs_open_dir(AT_FDCWD, compiled, e);
	if (p->compiled < 0 || fs_read(p->compiled, "release", 256, &text, e))
		return -1;
	p->release = xstrdup(str_trim(text.data ? text.data : ""));
	if (fs_mkdirs(p->out, INDEX, 0755, e))
		return -1;
	p->index = fs_open_dir(p->out, INDEX, e);
	return p->index < 0 ? -1 : 0;
}

int kernel_pack(const char *compiled, int64_t date, int out, struct err *e)
{
	_pack_ struct pack p = {.compiled = -1, .index = -1, .out = out, .date = date};
	_free_ char *modules = fs_join(compiled, "modules");

	if (open_pack(&p, compiled, e) || kernel_depmod(modules, p.release, p.index, e) ||
		write_tar(&p, "kernel.tar", add_kernel, e) ||
		write_tar(&p, "kernel-headers.tar", add_headers, e) ||
		write_tar(&p, "kernel-dev.tar", add_devkit, e))
		return -1;
	return fs_remove(out, INDEX, e);
}
