#include <stdlib.h>
#include "orchestrator/git.h"
#include "tests/test.h"

/* The recipe of LinuxKit's Makefile, in a shell with the real git, as the oracle. */
static const char recipe[] =
	"cd %s && shared=$(git ls-tree -r --full-tree HEAD -- %sMakefile %scommon | "
	"git hash-object --stdin) && { echo $shared; "
	"git ls-tree --full-tree HEAD -- %s6.1.x; %s } | git hash-object --stdin";

static const char *make_repo(const char *prefix)
{
	const char *dir = test_tmpdir();

	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s && git init -q && git config user.email a@b && "
			"git config user.name n && mkdir -p ./%scommon/sub "
			"./%s6.1.x/patches "
			"./%s6.1.x-rt && cd ./%s. && echo all: >Makefile && "
			"echo a >common/b && echo c >common/sub/d && "
			"echo e >common/'odd \"name' && echo 'KERNEL_VERSION=6.1.176' "
			">6.1.x/build-args && echo x >6.1.x-rt/config-x86_64 && "
			"git add -A . && git commit -qm one",
			dir, prefix, prefix, prefix, prefix),
		0);
	return dir;
}

static void check_hash(const char *dir, const char *prefix, const char *series,
	const char *more, const char *suffix, bool clean)
{
	_free_ char *path = test_path("%s/%s", dir, prefix);
	_workspace_ struct workspace w = {0};
	_buf_ struct buf want = {0};
	struct git_identity id;
	struct err e = {0};

	ck_assert_int_eq(test_sh(&want, recipe, dir, prefix, prefix, prefix, more), 0);
	str_trim(want.data);
	ck_ok(workspace_read(path, &w, &e), &e);
	ck_ok(git_identify(&w, workspace_find(&w, series), &id, &e), &e);
	ck_assert_int_eq(strncmp(id.hash, want.data, 40), 0);
	ck_assert_str_eq(id.hash + 40, suffix);
	ck_assert_int_eq(*id.revision != '\0', clean);
	git_identity_free(&id);
}

START_TEST(as_linuxkits_makefile)
{
	static const char *const prefixes[] = {"", "kernel/"};

	if (!test_need("git"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		const char *p = prefixes[i], *dir = make_repo(p);
		_free_ char *rt =
			test_path("git ls-tree --full-tree HEAD -- %s6.1.x-rt;", p);

		check_hash(dir, p, "6.1.x", "", "", true);
		check_hash(dir, p, "6.1.x-rt", rt, "", true);
		/* An untracked file is not dirt; an edited one is, staged or not. */
		test_sh(NULL, "cd %s/./%s. && echo u >untracked", dir, p);
		check_hash(dir, p, "6.1.x", "", "", true);
		test_sh(NULL, "cd %s/./%s. && echo y >>6.1.x-rt/config-x86_64", dir, p);
		check_hash(dir, p, "6.1.x", "", "-dirty", false);
		test_sh(NULL, "cd %s && git add -A ./%s.", dir, p);
		check_hash(dir, p, "6.1.x", "", "-dirty", false);
		test_sh(NULL, "cd %s && git commit -qm two", dir);
		check_hash(dir, p, "6.1.x", "", "", true);
	}
}
END_TEST

START_TEST(outside_git_by_contents)
{
	const char *dir = test_tmpdir();
	_workspace_ struct workspace w = {0};
	struct git_identity before, after;
	struct err e = {0};

	test_sh(NULL, "mkdir %s/6.1.x && echo KERNEL_VERSION=6.1.2 >%s/6.1.x/build-args",
		dir, dir);
	ck_ok(workspace_read(dir, &w, &e), &e);
	ck_ok(git_identify(&w, &w.series[0], &before, &e), &e);
	ck_assert_uint_eq(strlen(before.hash), 40);
	ck_assert_str_eq(before.revision, "");
	test_sh(NULL, "echo CONFIG_A=y >%s/6.1.x/config-x86_64", dir);
	ck_ok(git_identify(&w, &w.series[0], &after, &e), &e);
	ck_assert_str_ne(before.hash, after.hash);
	git_identity_free(&before);
	git_identity_free(&after);
}
END_TEST

Suite *suite_git(void);
Suite *suite_git(void)
{
	Suite *s = suite_create("git");

	test_case(s, "hash", 30, as_linuxkits_makefile, outside_git_by_contents);
	return s;
}
