/* arch.h: the one table of architectures. */
#ifndef KILN_ARCH_H
#define KILN_ARCH_H

#include "orchestrator/base/err.h"

struct arch {
	const char *name;      /* as uname -m: "x86_64" */
	const char *alias;     /* OCI's and Debian's: "amd64" */
	const char *kernel;    /* make's ARCH: "x86" */
	const char *srcarch;   /* directory below arch/ */
	const char *triple;    /* GNU triple of cross tools: "x86_64-linux-gnu" */
	const char *debian;    /* "amd64" */
	const char *goarch;    /* "amd64" */
	const char *variant;   /* OCI platform variant, or "" */
	const char *defconfig; /* path of the in-tree default config that is replaced */
	const char *defconfig_target; /* make target that reads it */
	const char *images[3]; /* paths of the boot image, the first that exists is it */
	int elf_machine;       /* EM_* */
	int dtbs;	       /* whether dtbs_install belongs to the product */
	int intel_ucode;       /* whether Intel's processor microcode does */
	const char *qemu;      /* qemu-system-* program, for tests and hints */
	const char *qemu_machine; /* -M */
	const char *qemu_cpu;	  /* -cpu */
	const char *console;	  /* serial console device */
};

/* By name or alias; NULL with ERR_USAGE naming the known ones. */
const struct arch *arch_find(const char *name, struct err *e);
const struct arch *arch_host(void);
/* All, ended by NULL. */
const struct arch *const *arch_all(void);

#endif
