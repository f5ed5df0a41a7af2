#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/devkit.h"
#include "orchestrator/base/fs.h"
#include "tests/kernel/kernel_test.h"
#include "tests/test.h"

/* Every case of the recipe: taken whole, taken by name, and what only looks alike. */
static const char *const files[] = {
	".config",
	"Module.symvers",
	"Makefile",
	"Kconfig",
	"Kbuild",
	"vmlinux",
	"sub/.config",
	"sub/Module.symvers",
	"sub/Makefile.inc",
	"sub/Kconfig.debug",
	"sub/Kbuild.x",
	"sub/notMakefile",
	"sub/a.sh",
	"sub/a.pl",
	"sub/a.lds",
	"sub/a.c",
	"sub/a.sh.x",
	"sub/objtool",
	"sub/fixdep",
	"sub/objtool.c",
	"sub/randomize_layout_seed.h",
	"sub/include/x.h",
	"include/linux/a.h",
	"include/generated/.cmd",
	"include/deep/er/b",
	"scripts/mod/modpost",
	"scripts/mod/modpost.o",
	"scripts/.hidden",
	"arch/x86/include/asm/a.h",
	"arch/x86/include/generated/uapi/b.h",
	"arch/x86/um/include/c.h",
	"arch/arm64/kvm/hyp/include/nvhe/d.h",
	"arch/include/e.h",
	"arch/x86/included/f.h",
	"arch/x86/kernel/vmlinux.lds",
	"arch/x86/kernel/head.o",
	"arch/x86/Makefile",
	"tools/objtool/objtool",
	"tools/objtool/arch.o",
	"tools/include/g.h",
	"tools/arch/x86/include/h.h",
	"lib/kunit/Makefile",
	"include2/i.h",
	"scripts2/j.c",
};
/* link, target */
static const char *const links[][2] = {
	{"scripts/dtc/include-prefixes/x86", "../../../arch/x86"},
	{"include/link.h", "linux/a.h"},
	{"include/dangling", "/nowhere"},
	{"sub/Makefile.link", "Makefile.inc"},
	{"arch/arm64/link.lds", "x"},
};
static const char *const empty_dirs[] = {
	"include/empty", "scripts/empty/deep", "sub/empty", "arch/x86/include/empty"};

static void make_parent(const char *path)
{
	_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, dir, 0755, &e), &e);
}

static const char *make_tree(void)
{
	const char *tree = kept_path("%s/devkit/tree", test_tmpdir());
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *path = kept_path("%s/%s", tree, files[i]);

		make_parent(path);
		test_write(path, files[i]);
	}
	ck_assert_int_eq(chmod(kept_path("%s/scripts/mod/modpost", tree), 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		const char *path = kept_path("%s/%s", tree, links[i][0]);

		make_parent(path);
		ck_assert_int_eq(symlink(links[i][1], path), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(empty_dirs); i++)
		ck_ok(fs_mkdirs(AT_FDCWD, kept_path("%s/%s", tree, empty_dirs[i]), 0755,
			      &e),
			&e);
	return tree;
}

/* What a shell makes of the rule: find prunes the whole directories, but prints them, so
 * that tar takes them with all they hold. */
#define RECIPE                                                                           \
	"set -e; mkdir -p %s; cd %s; cp .config Module.symvers %s;"                      \
	"find . -path './include/*' -prune -o -path './arch/*/include' -prune -o "       \
	"-path './scripts/*' -prune -o -type f \\( -name 'Makefile*' -o -name "          \
	"'Kconfig*' "                                                                    \
	"-o -name 'Kbuild*' -o -name '*.lds' -o -name '*.pl' -o -name '*.sh' -o "        \
	"-name objtool -o -name fixdep -o -name randomize_layout_seed.h \\) |"           \
	"tar cf - -T - | (cd %s; tar xf -)"

START_TEST(holds_what_the_recipe_holds)
{
	const char *tree = make_tree();
	const char *want = kept_path("%s/devkit/want", test_tmpdir());
	const char *got = kept_path("%s/devkit/got", test_tmpdir());
	_buf_ struct buf diff = {0};
	_close_ int to = -1;
	struct err e = {0};

	ck_assert_int_eq(test_sh(NULL, RECIPE, want, tree, want, want), 0);
	ck_ok(fs_mkdirs(AT_FDCWD, got, 0755, &e), &e);
	to = fs_open_dir(AT_FDCWD, got, &e);
	ck_ok(to, &e);
	ck_ok(devkit_copy(tree, to, &e), &e);
	ck_assert_int_eq(test_sh(NULL, "test $(find %s | wc -l) -gt 60", want), 0);
	ck_assert_msg(
		test_sh(&diff,
			"l() { (cd $1 && find . -printf '%%y %%p %%l %%m\\n' | "
			"sed '/^l/!s/ [0-7]*$//; s/777$//' | LC_ALL=C sort) >$1.list; };"
			"l %s; l %s; diff %s.list %s.list && "
			"diff -r --no-dereference %s %s",
			want, got, want, got, want, got) == 0,
		"%s", buf_str(&diff));
	ck_assert_int_eq(access(kept_path("%s/scripts/mod/modpost", got), X_OK), 0);
}
END_TEST

START_TEST(refuses_what_no_archive_holds)
{
	const char *tree = kept_path("%s/devkit-fifo", test_tmpdir());
	_close_ int to = -1;
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, kept_path("%s/tree/scripts", tree), 0755, &e), &e);
	ck_ok(fs_mkdirs(AT_FDCWD, kept_path("%s/to", tree), 0755, &e), &e);
	ck_assert_int_eq(mkfifo(kept_path("%s/tree/scripts/f", tree), 0600), 0);
	to = fs_open_dir(AT_FDCWD, kept_path("%s/to", tree), &e);
	ck_ok(to, &e);
	ck_fails(devkit_copy(kept_path("%s/tree", tree), to, &e), &e, ERR_INPUT,
		"scripts/f: neither file, directory nor symlink; the devkit can't hold "
		"it");
}
END_TEST

Suite *suite_devkit(void);
Suite *suite_devkit(void)
{
	Suite *s = suite_create("devkit");

	test_case(s, "devkit", 30, holds_what_the_recipe_holds,
		refuses_what_no_archive_holds);
	return s;
}
