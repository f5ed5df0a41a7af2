/* kiln list: what a workspace holds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/command.h"
#include "orchestrator/session.h"

int cmd_list(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	const struct option_row rows[] = {{0}};
	_workspace_ struct workspace w = {0};
	_free_ char *path = NULL;

	(void)status;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	if (argc > 1)
		return err_set(
			e, ERR_USAGE, "kiln list takes no target, but got '%s'", argv[1]);
	path = session_workspace(global, e);
	if (!path || workspace_read(path, &w, e) < 0)
		return -1;
	for (size_t i = 0; i < w.count; i++) {
		const struct series *s = &w.series[i];

		printf("%-16s %-12s", s->name, s->args.value[ARG_KERNEL_VERSION].text);
		for (const struct arch *const *a = arch_all(); *a; a++)
			if (fs_exists(AT_FDCWD, series_config(&w, s, *a)))
				printf(" %s", (*a)->name);
		printf("%s\n", s->deprecated ? " (deprecated)" : "");
	}
	return 0;
}
