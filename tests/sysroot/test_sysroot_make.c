/* Sysroots from a Debian archive of our own: solved, locked, fetched, put together. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/sysroot/mirror_fixture.h"

static char *lock_text(const struct mirror *m)
{
	_free_ char *path = test_path("%s/t.lock", m->conf);

	return test_read(path);
}

START_TEST(a_lock_names_what_each_group_needs)
{
	static const char *const lines[] = {
		"group base\ngroup gcc-x86_64\ngroup gcc-aarch64\ngroup clang\ngroup "
		"perf\n",
		"archive debian tiny 20260711T101637Z\n",
		/* Multi-Arch: same and foreign, :arch, epoch. */
		"\npackage gcc-aarch64 cross 3:4 arm64 ",
		"\npackage gcc-aarch64 libx 2.0 arm64 ",
		"\npackage gcc-aarch64,clang data 1 all ",
		/* The newest version; base serves all groups; a virtual package. */
		"\npackage base libx 2.0 amd64 ",
		"\npackage base mawk 1.3 amd64 ",
		" debian/pool/main/tool_1.0-1_amd64.deb\n",
	};
	_free_ char *text = NULL, *again = NULL;
	struct mirror m;
	struct err e = {0};

	if (!mirror_here())
		return;
	mirror_copy(&m);
	ck_ok(mirror_lock(&m, &e), &e);
	text = lock_text(&m);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		ck_assert_msg(strstr(text, lines[i]), "no %s in %s", lines[i], text);
	ck_assert_msg(!strstr(text, "unwanted") && !strstr(text, "broken"), "%s", text);
	ck_assert_msg(!strstr(text, "file:"), "a mirror in the lock: %s", text);
	ck_ok(mirror_lock(&m, &e), &e);
	again = lock_text(&m);
	ck_assert_str_eq(text, again);
}
END_TEST

START_TEST(a_use_gets_its_groups_only)
{
	static const struct {
		struct sysroot_use use;
		const char *there, *not_there;
	} rows[] = {
		{{NULL, NULL, false, NULL}, "usr/bin/tool", "usr/bin/cross"},
		{{"x86_64", "gcc", false, NULL}, "usr/bin/tool", "usr/bin/extra"},
		{{"aarch64", "gcc", false, NULL}, "usr/lib/aarch64-linux-gnu/libx",
			"usr/bin/extra"},
		{{"aarch64", "clang", false, NULL}, "usr/bin/extra", "usr/bin/cross"},
		{{"x86_64", "gcc", true, NULL}, "usr/lib/x86_64-linux-gnu/libx",
			"usr/bin/extra"},
	};
	struct mirror m;
	struct err e = {0};

	if (!mirror_here())
		return;
	mirror_copy(&m);
	ck_ok(mirror_lock(&m, &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *root = NULL;
		_free_ char *there = NULL, *not_there = NULL;

		ck_ok(mirror_make(&m, &rows[i].use, &root, &e), &e);
		there = test_path("%s/%s", root, rows[i].there);
		not_there = test_path("%s/%s", root, rows[i].not_there);
		ck_assert_msg(fs_exists(AT_FDCWD, there), "%zu: no %s", i, there);
		ck_assert_msg(!fs_exists(AT_FDCWD, not_there), "%zu: %s", i, not_there);
	}
}
END_TEST

static void check_digests(const struct mirror *m)
{
	struct sysroot_use base = {0}, x86 = {"x86_64", "gcc", false, NULL},
			   arm = {"aarch64", "gcc", false, NULL},
			   riscv = {"riscv64", "gcc", false, NULL};
	struct err e = {0};
	struct sysroot *a = sysroot_load(m->dirs, "t", &base, &e);
	struct sysroot *b = sysroot_load(m->dirs, "t", &x86, &e);
	struct sysroot *c = sysroot_load(m->dirs, "t", &arm, &e);

	ck_assert_msg(a && b && c, "%s", e.msg);
	ck_assert_str_eq(sysroot_digest(a), sysroot_digest(b));
	ck_assert_str_ne(sysroot_digest(a), sysroot_digest(c));
	ck_assert_msg(like(sysroot_describe(a),
			      "t: debian tiny of 20260711T101637Z, packages *"),
		"%s", sysroot_describe(a));
	ck_assert_ptr_null(sysroot_root(a));
	sysroot_free(a);
	sysroot_free(b);
	sysroot_free(c);
	ck_assert_ptr_null(sysroot_load(m->dirs, "t", &riscv, &e));
	ck_assert_str_eq(e.msg,
		"sysroot t can't build riscv64 with gcc: it has no group "
		"gcc-riscv64 (it has base, gcc-x86_64, gcc-aarch64, clang, "
		"perf); name another with --sysroot");
	ck_assert_int_eq(e.code, ERR_USAGE);
}

START_TEST(the_same_packages_have_the_same_digest)
{
	struct mirror m;
	struct err e = {0};

	if (!mirror_here())
		return;
	mirror_copy(&m);
	ck_ok(mirror_lock(&m, &e), &e);
	check_digests(&m);
}
END_TEST

START_TEST(a_root_is_finished_and_the_same_with_any_jobs)
{
	static const char *const links[][2] = {{"bin", "usr/bin"}, {"lib", "usr/lib"},
		{"usr/bin/awk", "mawk"}, {"usr/bin/alias", "tool"}};
	char first[65] = "", hex[65];
	struct mirror m;
	struct err e = {0};
	const char *root = NULL;

	if (!mirror_here())
		return;
	mirror_copy(&m);
	ck_ok(mirror_lock(&m, &e), &e);
	for (unsigned jobs = 1; jobs <= 8; jobs++) {
		m.env.jobs = jobs;
		mirror_spoil(&m, "rm -rf $T/cache/trees");
		ck_ok(mirror_make(&m, NULL, &root, &e), &e);
		tree_digest(root, hex);
		if (jobs > 1)
			ck_assert_str_eq(first, hex);
		memcpy(first, hex, sizeof(first));
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		_free_ char *path = test_path("%s/%s", root, links[i][0]);
		char target[64] = "";

		ck_assert_int_gt(readlink(path, target, sizeof(target) - 1), 0);
		ck_assert_str_eq(target, links[i][1]);
	}
	/* Two packages bring usr/bin/shared: the last of the lock wins, always. */
	_free_ char *shared = test_path("%s/usr/bin/shared", root);
	_free_ char *text = test_read(shared);
	_free_ char *passwd = test_path("%s/etc/passwd", root);
	_free_ char *doc = test_path("%s/usr/share/doc", root);
	_free_ char *merged = test_path("%s/usr/lib/old", root);

	ck_assert_str_eq(text, "extra\n");
	ck_assert(fs_exists(AT_FDCWD, passwd));
	ck_assert(fs_exists(AT_FDCWD, merged));
	ck_assert(!fs_exists(AT_FDCWD, doc));
}
END_TEST

/* What a store's roots share must not change what they are. */
START_TEST(linked_and_copied_roots_are_the_same)
{
	char copied[65], linked[65];
	const char *root = NULL;
	_free_ char *file = NULL;
	struct mirror m;
	struct err e = {0};
	struct stat st;

	if (!mirror_here())
		return;
	mirror_copy(&m);
	ck_ok(mirror_lock(&m, &e), &e);
	ck_ok(mirror_make(&m, NULL, &root, &e), &e);
	tree_digest(root, copied);
	file = test_path("%s/usr/bin/tool", root);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_nlink, 1);
	m.env.link = true;
	ck_ok(mirror_make(&m, NULL, &root, &e), &e);
	tree_digest(root, linked);
	ck_assert_str_eq(copied, linked);
	free(file);
	file = test_path("%s/usr/bin/tool", root);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_nlink, 2);
	/* Nothing half-made stays in the cache. */
	mirror_spoil(&m, "! ls $T/cache/trees | grep '[.]'");
}
END_TEST

Suite *suite_sysroot_make(void);
Suite *suite_sysroot_make(void)
{
	Suite *s = suite_create("sysroot_make");
	TCase *tests = tcase_create("from an archive");

	tcase_set_timeout(tests, 60);
	tcase_add_unchecked_fixture(tests, mirror_setup, NULL);
	tcase_add_test(tests, a_lock_names_what_each_group_needs);
	tcase_add_test(tests, a_use_gets_its_groups_only);
	tcase_add_test(tests, the_same_packages_have_the_same_digest);
	tcase_add_test(tests, a_root_is_finished_and_the_same_with_any_jobs);
	tcase_add_test(tests, linked_and_copied_roots_are_the_same);
	suite_add_tcase(s, tests);
	return s;
}
