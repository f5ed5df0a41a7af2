/* command.h: the table of commands, and what every command gets. */
#ifndef KILN_COMMAND_H
#define KILN_COMMAND_H

#include "orchestrator/base/err.h"
#include "orchestrator/options.h"

struct command {
	const char *name;
	const char *usage; /* arguments, as in the help: "[TARGET...]" */
	const char *help;  /* one line */
	/* argv[0] is the command's name; global options are gone already. Returns 0 or -1
	 * with e; *status (0 before) is the exit status of a command that judged. */
	int (*run)(const struct options *global, int argc, char **argv, int *status,
		struct err *e);
};

extern const struct command commands[]; /* ended by .name == NULL */

#endif
