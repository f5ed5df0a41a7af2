#include <fcntl.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/data.h"
#include "orchestrator/sysroot_dirs.h"

void sysroot_dirs(const char *workspace, struct str_vec *dirs)
{
	_free_ char *local = fs_join(workspace, "sysroot");
	struct err ignored = {0};
	_free_ char *own = data_path("sysroot", &ignored);

	if (fs_is_dir(AT_FDCWD, local))
		str_vec_add(dirs, local);
	if (own)
		str_vec_add(dirs, own);
}
