/* hello.h: an out-of-tree module from kernel-dev.tar alone, and a machine with it. */
#ifndef KILN_TEST_HELLO_H
#define KILN_TEST_HELLO_H

#include "toolchains/arch.h"

struct hello {
	const struct arch *arch;
	const char *root;   /* sysroot with the arch's compiler */
	const char *kernel; /* the boot image */
	const char *devkit; /* kernel-dev.tar */
	const char *release;
	const char *dir; /* to work in, below test_tmpdir() */
};
/* Builds tests/data/hello in a box that has nothing of the kernel but the devkit; checks
 * vermagic and symbol versions. Fails the test if anything is wrong. */
void hello_build(const struct hello *h);
/* Boots the kernel in QEMU with an initramfs of the module and a pid 1 that loads it. */
void hello_boot(const struct hello *h);

#endif
