#include "orchestrator/base/mem.h"
#include "toolchains/toolchain.h"

static const struct toolchain gcc = {.name = "gcc", .compiler = "gcc"};
static const struct toolchain clang = {.name = "clang", .compiler = "clang", .llvm = 1};
static const struct toolchain *const toolchains[] = {&gcc, &clang, NULL};

const struct toolchain *const *toolchain_all(void)
{
	return toolchains;
}

const struct toolchain *toolchain_find(const char *name, struct err *e)
{
	_buf_ struct buf known = {0};

	for (const struct toolchain *const *t = toolchains; *t; t++) {
		if (str_eq((*t)->name, name))
			return *t;
		buf_addf(&known, "%s%s", known.len ? ", " : "", (*t)->name);
	}
	err_set(e, ERR_USAGE, "unknown toolchain '%s'; known are %s", name,
		buf_str(&known));
	return NULL;
}

void toolchain_make_args(
	const struct toolchain *tc, const struct arch *arch, struct str_vec *args)
{
	str_vec_addf(args, "ARCH=%s", arch->kernel);
	/* Also with LLVM: kbuild derives clang's --target from ARCH alone, but perf and
	 * older trees read CROSS_COMPILE. */
	str_vec_addf(args, "CROSS_COMPILE=%s-", arch->triple);
	if (tc->llvm)
		str_vec_add(args, "LLVM=1");
}

void toolchain_programs(
	const struct toolchain *tc, const struct arch *arch, struct str_vec *programs)
{
	if (tc->llvm) {
		str_vec_add(programs, "clang");
		str_vec_add(programs, "ld.lld");
		return;
	}
	str_vec_addf(programs, "%s-gcc", arch->triple);
	str_vec_addf(programs, "%s-ld", arch->triple);
}
