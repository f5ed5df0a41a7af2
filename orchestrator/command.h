/* command.h: the table of commands, and what every command gets. */
#ifndef KILN_COMMAND_H
#define KILN_COMMAND_H

#include "orchestrator/base/err.h"
#include "orchestrator/options.h"

typedef int command_fn(
	const struct options *global, int argc, char **argv, int *status, struct err *e);

struct command {
	const char *name;
	const char *usage; /* arguments, as in the help: "[TARGET...]" */
	const char *help;  /* one line */
	/* argv[0] is the command's name; global options are gone already. Returns 0 or -1
	 * with e; *status (0 before) is the exit status of a command that judged. */
	command_fn *run;
};

command_fn cmd_build, cmd_config, cmd_depmod, cmd_fetch, cmd_gc, cmd_image, cmd_list,
	cmd_log, cmd_plan, cmd_sysroot, cmd_tag, cmd_why;

extern const struct command commands[]; /* ended by .name == NULL */

#endif
