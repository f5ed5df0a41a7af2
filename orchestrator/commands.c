#include <stddef.h>
#include "orchestrator/command.h"

/* One row per command; each lives in orchestrator/cmd_<name>.c. */
const struct command commands[] = {
	{"build", "[TARGET...]",
		"build kernels into an OCI layout: 6.12.x, 6.1.x-rt, 6.12.59; none: "
		"every "
		"series",
		cmd_build},
	{"list", "", "series, versions and architectures of the workspace", cmd_list},
	{"plan", "[TARGET...]", "what would run, and what is there already", cmd_plan},
	{"why", "[TARGET...]", "what changed since the last build", cmd_why},
	{"fetch", "[TARGET...]", "bring every input in, for 'kiln build --offline'",
		cmd_fetch},
	{"tag", "[TARGET...]", "image name and hash tag", cmd_tag},
	{"log", "TARGET [STAGE]", "the log of the last run", cmd_log},
	{"config", "check|diff|split|refresh|menu ...",
		"kernel configurations: checked, compared, split, renewed, edited",
		cmd_config},
	{"image", "ls|inspect|verify|export|rm|gc [-o LAYOUT] ...",
		"list, prove and export the images of a layout, and remove them",
		cmd_image},
	{"sysroot", "lock|fetch|make|shell NAME [DIR|-- COMMAND...]",
		"root directories with compilers: lock today's packages, fetch, make, "
		"look",
		cmd_sysroot},
	{"depmod", "[-aA] [OPTION...] [RELEASE] [MODULE...]",
		"the indexes of a module directory, as kmod's depmod makes them",
		cmd_depmod},
	{"gc", "", "remove what no target's last build needs", cmd_gc},
	{.name = NULL},
};
