/* main.c: finds the command, and is the only place that prints an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "orchestrator/base/str.h"
#include "orchestrator/command.h"
#include "orchestrator/version.h"

static void print_help(FILE *to)
{
	fputs("kiln builds Linux kernels into OCI images, without Docker, daemon or "
	      "root.\n\n"
	      "usage: kiln [OPTION...] COMMAND [ARGUMENT...]\n\n",
		to);
	for (const struct command *c = commands; c->name; c++)
		fprintf(to, "  kiln %s %s\n      %s\n", c->name, c->usage, c->help);
	fputs("\noptions of every command:\n"
	      "  -C WORKSPACE     a directory of series (default: ., then "
	      "kernel/series)\n"
	      "  --store DIR      where results are kept (default: $KILN_STORE, then\n"
	      "                   $XDG_CACHE_HOME/kiln)\n"
	      "  --mirror URL     where sources come from; may be given several times, "
	      "in\n"
	      "                   order: https://, http://, file://, apt: "
	      "($KILN_MIRROR)\n"
	      "  --package-mirror URL\n"
	      "                   where a sysroot's packages come from "
	      "($KILN_PACKAGE_MIRROR;\n"
	      "                   default: the mirrors of the host's apt)\n"
	      "  --offline        use no network at all\n"
	      "  --progress HOW   auto, tty, plain or json\n"
	      "  -q, -v           say less, say more\n",
		to);
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (str_eq(c->name, name))
			return c;
	return NULL;
}

static int run(int argc, char **argv, int *status, struct err *e)
{
	struct options global = {0};
	const struct command *command;
	const char *base = strrchr(argv[0], '/');
	int ret;

	/* Called by the name of a command of other tools (depmod), kiln is that tool. */
	command = find_command(base ? base + 1 : argv[0]);
	if (command)
		return command->run(&global, argc, argv, status, e);
	if (argc > 1) {
		command = find_command(argv[1]);
		/* A drop-in's options are its own: -C means another thing to depmod. */
		if (command && str_eq(command->name, "depmod"))
			return command->run(&global, argc - 1, argv + 1, status, e);
	}
	argc = options_parse(&global, argc, argv, e);
	if (argc < 0) {
		ret = -1;
	} else if (argc < 2 || str_eq(argv[1], "help") || str_eq(argv[1], "--help") ||
		   str_eq(argv[1], "-h")) {
		print_help(argc < 2 ? stderr : stdout);
		*status = argc < 2 ? ERR_USAGE : 0;
		ret = 0;
	} else if (str_eq(argv[1], "--version") || str_eq(argv[1], "version")) {
		printf("kiln %s\n", kiln_version);
		ret = 0;
	} else if (!(command = find_command(argv[1]))) {
		ret = err_set(
			e, ERR_USAGE, "unknown command '%s': see 'kiln help'", argv[1]);
	} else {
		ret = command->run(&global, argc - 1, argv + 1, status, e);
	}
	options_free(&global);
	return ret;
}

int main(int argc, char **argv)
{
	struct err e = {0};
	int status = 0;

	if (run(argc, argv, &status, &e) < 0) {
		fflush(stdout);
		fprintf(stderr, "kiln: %s\n", e.msg);
		return e.code ? e.code : ERR_INTERNAL;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("kiln: can't write the output");
		return ERR_IO;
	}
	return status;
}
