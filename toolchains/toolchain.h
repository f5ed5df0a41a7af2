/* toolchain.h: compilers as kbuild wants to hear of them. */
#ifndef KILN_TOOLCHAIN_H
#define KILN_TOOLCHAIN_H

#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"
#include "toolchains/arch.h"

struct toolchain {
	const char *name;     /* "gcc", "clang" */
	const char *compiler; /* program name; for gcc the triple and "-" go before it */
	int llvm;	      /* LLVM=1: clang, ld.lld and llvm's binutils */
};

/* By name; NULL with ERR_USAGE naming the known ones. */
const struct toolchain *toolchain_find(const char *name, struct err *e);
const struct toolchain *const *toolchain_all(void);
/* Adds make's arguments for building arch with it: ARCH=, CROSS_COMPILE= or LLVM=. */
void toolchain_make_args(
	const struct toolchain *tc, const struct arch *arch, struct str_vec *args);
/* The programs whose versions identify it, by name in the sysroot: compiler, linker. */
void toolchain_programs(
	const struct toolchain *tc, const struct arch *arch, struct str_vec *programs);

#endif
