#include <stddef.h>
#include "orchestrator/command.h"

/* One row per command; each lives in orchestrator/cmd_<name>.c. */
#define COMMAND(verb)                                                                    \
	int cmd_##verb(const struct options *global, int argc, char **argv, int *status, \
		struct err *e)

COMMAND(config);
COMMAND(depmod);
COMMAND(image);
COMMAND(sysroot);

const struct command commands[] = {
	{"config", "diff A B | split [-d DIR] FILE...",
		"kernel configurations: compared, and split into what they share",
		cmd_config},
	{"depmod", "[-aA] [OPTION...] [RELEASE] [MODULE...]",
		"the indexes of a module directory, as kmod's depmod makes them",
		cmd_depmod},
	{"image", "ls|inspect|verify|export|rm|gc [-o LAYOUT] ...",
		"list, prove and export the images of a layout, and remove them",
		cmd_image},
	{"sysroot", "lock|fetch|make NAME [DIR]",
		"root directories with compilers: lock today's packages, fetch, make",
		cmd_sysroot},
	{.name = NULL},
};
