#include <fcntl.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/sysroot_dirs.h"
#include "orchestrator/version.h"

static void add_dir(struct str_vec *dirs, const char *base, const char *below)
{
	_free_ char *path = fs_join(base, below);

	if (fs_is_dir(AT_FDCWD, path) && !str_vec_has(dirs, path))
		str_vec_add(dirs, path);
}

void sysroot_dirs(const struct options *global, struct str_vec *dirs)
{
	char exe[4096];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	add_dir(dirs, global->workspace ? global->workspace : ".", "sysroot");
	if (len > 0) {
		exe[len] = '\0';
		slash = strrchr(exe, '/');
		*slash = '\0';
		/* build/kiln of a source tree, or bin/kiln of an installation. */
		add_dir(dirs, exe, "../sysroot");
		add_dir(dirs, exe, "../share/kiln/sysroot");
	}
	add_dir(dirs, kiln_datadir, "sysroot");
}
