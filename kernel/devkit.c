#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>
#include "kernel/devkit.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

/* Taken whole, whatever they hold. */
static const char *const whole[] = {"include/", "scripts/"};
static const char *const top[] = {".config", "Module.symvers"};
/* Regular files anywhere else. */
static const char *const names[] = {
	"Makefile*",
	"Kconfig*",
	"Kbuild*",
	"*.lds",
	"*.pl",
	"*.sh",
	"objtool",
	"fixdep",
	"randomize_layout_seed.h",
};

/* arch/<anything>/include and all below it, at any depth. */
static bool in_arch_include(const char *path)
{
	const char *p;

	if (!str_starts(path, "arch/"))
		return false;
	p = strchr(path + strlen("arch/"), '/');
	for (; p; p = strchr(p + 1, '/'))
		if (str_starts(p, "/include") &&
			(p[strlen("/include")] == '/' || !p[strlen("/include")]))
			return true;
	return false;
}

static bool in_whole(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		if (str_starts(path, whole[i]))
			return true;
	return in_arch_include(path);
}

static bool in_list(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fnmatch(list[i], name, 0) == 0)
			return true;
	return false;
}

bool devkit_has(const char *path, mode_t mode)
{
	const char *slash = strrchr(path, '/');

	if (in_whole(path))
		return true;
	if (!S_ISREG(mode))
		return false;
	return in_list(path, top, ARRAY_LEN(top)) ||
	       in_list(slash ? slash + 1 : path, names, ARRAY_LEN(names));
}

static int make_parent(int to, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	_free_ char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : NULL;

	return dir ? fs_mkdirs(to, dir, 0755, e) : 0;
}

static int copy_link(const struct fs_entry *entry, int to, struct err *e)
{
	char target[4096];
	ssize_t n = readlinkat(entry->parent_fd, entry->name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(e, "%s", entry->rel);
	target[n] = 0;
	if (symlinkat(target, to, entry->rel))
		return err_sys(e, "%s", entry->rel);
	return 0;
}

static int copy_entry(const struct fs_entry *entry, void *arg, struct err *e)
{
	int to = *(int *)arg;
	mode_t mode = entry->st->st_mode;

	if (!devkit_has(entry->rel, mode))
		return 0;
	if (S_ISDIR(mode))
		return fs_mkdirs(to, entry->rel, 0755, e);
	if (make_parent(to, entry->rel, e))
		return -1;
	if (S_ISREG(mode))
		return fs_copy_file(entry->parent_fd, entry->name, to, entry->rel,
			mode & 0111 ? 0755 : 0644, e);
	if (S_ISLNK(mode))
		return copy_link(entry, to, e);
	return err_set(e, ERR_INPUT,
		"%s: neither file, directory nor symlink; the devkit can't hold it",
		entry->rel);
}

int devkit_copy(const char *from, int to_dir, struct err *e)
{
	return fs_walk(AT_FDCWD, from, copy_entry, &to_dir, e);
}
