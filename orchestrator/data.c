#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/data.h"
#include "orchestrator/version.h"

char *data_path(const char *name, struct err *e)
{
	const char *given = getenv("KILN_DATA");
	char exe[4096] = "";
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	_str_vec_ struct str_vec places = {0};

	if (!str_is_empty(given))
		str_vec_add(&places, given);
	/* <source>/build/kiln, <prefix>/bin/kiln */
	for (int up = 0; len > 0 && up < 2; up++) {
		char *slash = strrchr(exe, '/');

		if (slash)
			*slash = '\0';
	}
	if (len > 0) {
		str_vec_add(&places, exe);
		str_vec_addf(&places, "%s/share/kiln", exe);
	}
	str_vec_add(&places, kiln_datadir);
	for (size_t i = 0; i < places.len; i++) {
		_free_ char *path = fs_join(places.items[i], name);

		if (fs_exists(AT_FDCWD, path))
			return steal(path);
	}
	err_set(e, ERR_USAGE,
		"kiln's own '%s' is not found: set KILN_DATA to its directory", name);
	return NULL;
}
