/* config_box.h: kconfig's own programs, run in the box on a target's patched tree. */
#ifndef KILN_CONFIG_BOX_H
#define KILN_CONFIG_BOX_H

#include "kernel/kbuild.h"

struct config_run {
	const char *text; /* the configuration to start from */
	bool as_default;  /* text replaces the in-tree defconfig, else it is .config */
	const char *const *goals; /* make's, NULL-ended: "defconfig", "oldconfig" */
	bool tty;		  /* menuconfig: on the caller's terminal */
};

/* Runs make with the goals and leaves the configuration in out/name: 1, or 0 when make
 * left the one it was given as it was. No program in the box ever waits for stdin,
 * unless tty. A failing make is ERR_BUILD. */
int config_run(const struct kbuild *k, const struct config_run *run, int out,
	const char *name, struct err *e);

#endif
