#include <stddef.h>
#include "orchestrator/command.h"

/* One row per command; each lives in orchestrator/cmd_<name>.c. */
#define COMMAND(verb)                                                                    \
	int cmd_##verb(const struct options *global, int argc, char **argv, int *status, \
		struct err *e)

const struct command commands[] = {
	{.name = NULL},
};
