/* box_probe.h: what the programs that try to get out of a box share. Each is linked
 * statically: it is all that its sysroot holds. Exit 0: contained; 1: it got out, and
 * says how; 2: no such probe. Without an argument the names of the probes are listed.
 *
 * What there is to find outside comes in the environment: HOST_FILE (a secret file's
 * path), HOST_DIR, HOST_PID, HOST_PORT, HOST_ABSTRACT, HOST_SHM. */
#ifndef KILN_TEST_BOX_PROBE_H
#define KILN_TEST_BOX_PROBE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct probe {
	const char *name;
	int (*try)(void);
};
#define PROBE(name)                                                                      \
	{                                                                                \
#name, name                                                              \
	}

static inline int escaped(const char *how)
{
	printf("%s\n", how);
	return 1;
}

/* The attempt must fail. */
static inline int must_fail(long ret, const char *what)
{
	return ret == -1 ? 0 : escaped(what);
}

static inline int probe_main(const struct probe *probes, int argc, char **argv)
{
	for (const struct probe *p = probes; p->name; p++) {
		if (argc == 1)
			printf("%s\n", p->name);
		else if (strcmp(argv[1], p->name) == 0)
			return p->try();
	}
	return argc == 1 ? 0 : 2;
}

#endif
