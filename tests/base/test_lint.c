/* The lint itself: each rule goes red on a tree that breaks it, and only then. */
#include <stdlib.h>
#include "tests/test.h"

static const struct {
	const char *path, *line, *rule; /* rule NULL: nothing is found */
} rows[] = {
	{"kernel/fine.c", "#include \"oci/image.h\"", NULL},
	{"orchestrator/base/a.c", "#include \"oci/image.h\"",
		"orchestrator/base may not include this (floors)"},
	{"toolchains/a.c", "#include \"sysroot/box.h\"",
		"toolchains may not include this (floors)"},
	{"sysroot/a.c", "#include \"oci/image.h\"",
		"sysroot may not include this (floors)"},
	{"oci/a.c", "#include \"kernel/kbuild.h\"", "oci may not include this (floors)"},
	{"kernel/a.h", "#include \"orchestrator/plan.h\"",
		"kernel may not include this (floors)"},
	{"orchestrator/a.c", "#include \"tests/test.h\"",
		"orchestrator may not include this (floors)"},
	{"kernel/a.c", "#include <curl/curl.h>", "may include libcurl (doors)"},
	{"kernel/a.c", "#include <archive.h>", "may include libarchive (doors)"},
	{"oci/a.c", "#include <openssl/evp.h>", "may include OpenSSL (doors)"},
	{"oci/a.c", "#include <zstd.h>", "may include compression libraries (doors)"},
	{"oci/a.c", "#include <jansson.h>", "may include jansson (doors)"},
	{"kernel/a.c", "#include <libkmod.h>", "may include libkmod (doors)"},
	{"kernel/a.c", "#include <gelf.h>", "may include libelf (doors)"},
	{"orchestrator/a.c", "#include <git2.h>", "may include libgit2 (doors)"},
	{"sysroot/a.c", "#include <solv/pool.h>", "may include libsolv (doors)"},
	{"oci/a.c", "	sys" "tem(\"ls\");", "this call is ruled out"},
	{"oci/a.c", "	f = po" "pen(\"ls\", \"r\");", "this call is ruled out"},
	{"tests/a.c", "	sprin" "tf(b, \"x\");", "this call is ruled out"},
	{"oci/a.c", "	str" "cpy(b, \"x\");", "this call is ruled out"},
	{"oci/a.c", "	snprintf(b, n, \"x\");", NULL},
	{"oci/a.c",
		"/* TO"
		"DO: later */",
		"unfinished"},
};

static int lint(const char *dir, struct buf *out)
{
	return test_sh(out, "LINT_ROOT=%s sh %s/tests/lint.sh", dir, test_source_dir());
}

START_TEST(each_rule)
{
	const char *dir = test_tmpdir();
	_free_ char *path = test_path("%s/%s", dir, rows[_i].path);
	_free_ char *text = test_path("%s\n", rows[_i].line);
	_buf_ struct buf out = {0};

	test_sh(NULL, "mkdir -p $(dirname %s)", path);
	test_write(path, text);
	if (!rows[_i].rule) {
		ck_assert_msg(lint(dir, &out) == 0, "%s", out.data);
		return;
	}
	ck_assert_int_eq(lint(dir, &out), 1);
	ck_assert_msg(strstr(out.data, rows[_i].rule) != NULL, "%s", out.data);
	ck_assert_msg(str_starts(out.data, rows[_i].path), "%s", out.data);
}
END_TEST

START_TEST(lengths)
{
	const char *dir = test_tmpdir();
	_buf_ struct buf out = {0};

	test_sh(NULL, "mkdir %s/oci && cd %s/oci && yes '/**/' | head -501 >file.c", dir,
		dir);
	test_sh(NULL,
		"cd %s/oci && { echo 'int f(void)'; echo '{'; yes '	x();' | head "
		"-61; "
		"echo '}'; } >function.c",
		dir);
	test_sh(NULL, "cd %s/oci && printf '/*%%090d*/\\n' 0 >line.c", dir);
	ck_assert_int_eq(lint(dir, &out), 1);
	ck_assert_ptr_nonnull(
		strstr(out.data, "oci/file.c:1: longer than 500 lines (501)"));
	ck_assert_ptr_nonnull(
		strstr(out.data, "oci/function.c:2: a function longer than 60 lines"));
	ck_assert_ptr_nonnull(
		strstr(out.data, "oci/line.c:1: a line longer than 90 columns"));
}
END_TEST

Suite *suite_lint(void);
Suite *suite_lint(void)
{
	Suite *s = suite_create("lint");
	TCase *t = tcase_create("rules");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, each_rule, 0, ARRAY_LEN(rows));
	suite_add_tcase(s, t);
	test_case(s, "lengths", 60, lengths);
	return s;
}
