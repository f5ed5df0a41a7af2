/* options.h: the global options, read once from the command line and the environment. */
#ifndef KILN_OPTIONS_H
#define KILN_OPTIONS_H

#include <stdbool.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

enum progress { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_PLAIN, PROGRESS_JSON };

struct options {
	const char *workspace;		/* -C; NULL: ".", then kernel/series */
	char *store;			/* absolute path; owned */
	struct str_vec mirrors;		/* of kernel sources */
	struct str_vec package_mirrors; /* of the packages of sysroots */
	bool offline;
	enum progress progress;
};

/* Takes the global options out of argv wherever they stand before "--"; what is left
 * stays in order. Returns the new argc or -1. */
int options_parse(struct options *o, int argc, char **argv, struct err *e);
/* NULL-ended, or NULL for none: then the host's apt is asked. */
const char *const *options_package_mirrors(const struct options *o);
void options_free(struct options *o);

/* For the commands' own options: one row each. */
struct option_row {
	const char *name; /* "--arch", "-o" */
	const char *arg;  /* "ARCH", or NULL for a flag */
	const char *help;
	void *to; /* const char **, struct str_vec * (with many), or bool * */
	bool many;
};
/* Takes the rows' options ("--name value", "--name=value", "-ovalue") out of argv[1..];
 * operands stay, in order. Returns the new argc or -1 with a sentence. */
int options_rows(const struct option_row *rows, int argc, char **argv, struct err *e);

#endif
