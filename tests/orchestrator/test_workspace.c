#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/workspace.h"
#include "tests/test.h"

/* A workspace in a fresh directory from rows of path and text, ended by NULL. A text that
 * begins with "->" is a link. */
static const char *make_workspace(const char *const *rows)
{
	const char *dir = test_tmpdir();

	for (; *rows; rows += 2) {
		_free_ char *path = test_path("%s/%s", dir, rows[0]);
		_free_ char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));

		ck_assert_int_eq(test_sh(NULL, "mkdir -p %s", parent), 0);
		if (str_starts(rows[1], "->"))
			ck_assert_int_eq(symlink(rows[1] + 2, path), 0);
		else
			test_write(path, rows[1]);
	}
	return dir;
}

static const char *const linuxkit[] = {
	"Makefile",
	"all:\n",
	"common/config-dbg",
	"CONFIG_X=y\n",
	"common/build-args-debug",
	"DEBUG=-dbg\n",
	"6.12.x/build-args",
	"KERNEL_VERSION=6.12.59\nKERNEL_SERIES=6.12.x\n"
	"BUILD_IMAGE=linuxkit/alpine:0123456789\n",
	"6.12.x/config-x86_64",
	"CONFIG_A=y\n",
	"6.12.x/config-aarch64",
	"CONFIG_A=y\n",
	"6.12.x/patches/0002-b.patch",
	"x\n",
	"6.12.x/patches/0001-a.patch",
	"x\n",
	"6.12.x/patches/README",
	"x\n",
	"6.1.x/build-args",
	" KERNEL_VERSION = 6.1.176 \n",
	"6.1.x/config-x86_64",
	"CONFIG_A=y\n",
	"6.1.x-rt/config-x86_64",
	"CONFIG_RT=y\n",
	"6.1.x-rt/patches/0001-rt.patch",
	"x\n",
	"5.10.x/build-args",
	"KERNEL_VERSION=5.10.1\n",
	"5.10.x/deprecated",
	"",
	"config-6.12.x-x86_64-foo",
	"CONFIG_FOO=y\n",
	NULL,
};

START_TEST(a_linuxkit_directory_is_one)
{
	static const char *const names[] = {
		"5.10.x", "6.1.x", "6.1.x-rt", "6.12.x", "6.12.x-foo"};
	_workspace_ struct workspace w = {0};
	_str_vec_ struct str_vec patches = {0};
	const struct series *rt;
	struct err e = {0};

	ck_ok(workspace_read(make_workspace(linuxkit), &w, &e), &e);
	ck_assert_uint_eq(w.count, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_str_eq(w.series[i].name, names[i]);
	ck_assert(w.series[0].deprecated && !w.series[1].deprecated);
	rt = workspace_find(&w, "6.1.x-rt");
	ck_assert_str_eq(rt->variant, "rt");
	ck_assert_ptr_eq(rt->base, workspace_find(&w, "6.1.x"));
	ck_assert_str_eq(rt->args.value[ARG_KERNEL_VERSION].text, "6.1.176");
	ck_assert_str_eq(series_release(&w, rt), "6.1");
	ck_ok(series_patches(workspace_find(&w, "6.12.x"), &patches, &e), &e);
	ck_assert_uint_eq(patches.len, 2);
	ck_assert(str_ends(patches.items[0], "/0001-a.patch"));
	ck_assert(str_ends(series_config(&w, workspace_find(&w, "6.12.x-foo"),
				   arch_find("amd64", &e)),
		"/config-6.12.x-x86_64-foo"));
}
END_TEST

static const struct {
	const char *rows[7];
	const char *sentence; /* "@" stands for the workspace */
} bad[] = {
	{{"empty/x", "", NULL}, "@ holds no kernel series: expected directories like "
				"6.12.x; give another "
				"workspace with -C"},
	{{"6.12.x/config-x86_64", "CONFIG_A=y\n", NULL},
		"@/6.12.x/build-args is missing: a series needs it, with at least a line "
		"KERNEL_VERSION=<version>"},
	{{"6.12.x/build-args", "KERNEL_SERIES=6.12.x\n", NULL},
		"@/6.12.x/build-args: KERNEL_VERSION is missing: add a line "
		"KERNEL_VERSION=<version>, or latest"},
	{{"6.12.x/build-args", "KERNEL_VERSION=6.12.59\nCOLOUR=red\n", NULL},
		"@/6.12.x/build-args:2: unknown key 'COLOUR'; known are KERNEL_VERSION, "
		"KERNEL_SERIES, BUILD_IMAGE, KERNEL_SHA256, KERNEL_SOURCE, RT_VERSION, "
		"DEBUG, EXTRA, INTEL_UCODE, INTEL_UCODE_SHA256"},
	{{"6.12.x/build-args", "\nKERNEL_VERSION=6.12.\n", NULL},
		"@/6.12.x/build-args:2: '6.12.' is no kernel version: expected one like "
		"6.12.59, or latest"},
	{{"6.12.x/build-args", "KERNEL_VERSION=6.1.2\n", NULL},
		"@/6.12.x/build-args:1: '6.1.2' does not belong to the series of its "
		"directory"},
	{{"6.12.x/build-args", "KERNEL_VERSION=6.12.59\r\n", NULL},
		"@/6.12.x/build-args:1: the line ends in CR LF: convert the file with "
		"sed -i 's/\\r$//'"},
	{{"6.12.x/build-args", "# one\nKERNEL_VERSION=6.12.59", NULL},
		"@/6.12.x/build-args:2: no newline at the end of the file: add one, or "
		"what is appended would join this line"},
	{{"6.12.x/build-args", "KERNEL_VERSION\n", NULL},
		"@/6.12.x/build-args:1: not of the form KEY=value"},
	{{"6.12.x/build-args", "KERNEL_VERSION=6.12.59\nKERNEL_SERIES=6.1.x\n", NULL},
		"@/6.12.x/build-args:2: '6.1.x' is not the series of its directory"},
	{{"6.12.x/build-args", "KERNEL_VERSION=6.12.59\nKERNEL_SHA256=abc\n", NULL},
		"@/6.12.x/build-args:2: 'abc' is no sha256: expected 64 lower-case hex "
		"digits"},
	{{"6.12.x", "->6.12.x", NULL},
		"@/6.12.x: the series can't be read: Too many levels of symbolic links"},
	{{"6.12.x/build-args", "->build-args", NULL},
		"can't open @/6.12.x/build-args: Too many levels of symbolic links"},
	{{"6.12.x", "a file\n", NULL}, "@/6.12.x: a series has to be a directory"},
	{{"6.12.x-rt/config-x86_64", "CONFIG_A=y\n", NULL},
		"@/6.12.x-rt: a variant of 6.12.x, and there is no 6.12.x beside it"},
	{{"6.12.x/build-args", "KERNEL_VERSION=6.12.59\n", "6.12.x-rt/build-args",
		 "RT_VERSION=6.1.3-rt4\n", NULL},
		"@/6.12.x-rt/build-args:1: '6.1.3-rt4' is not of this series: take the "
		"RT "
		"release of it"},
};

START_TEST(a_bad_workspace_is_one_sentence)
{
	const char *dir = make_workspace(bad[_i].rows);
	_workspace_ struct workspace w = {0};
	_buf_ struct buf want = {0};
	struct err e = {0};

	for (const char *p = bad[_i].sentence; *p; p++)
		if (*p == '@')
			buf_adds(&want, dir);
		else
			buf_addc(&want, *p);
	ck_fails(workspace_read(dir, &w, &e), &e, ERR_USAGE, want.data);
}
END_TEST

static const char *const other_rt[] = {"6.1.x/build-args", "KERNEL_VERSION=6.1.176\n",
	"6.1.x/config-x86_64", "CONFIG_A=y\n", "6.1.x-rt/config-x86_64", "CONFIG_RT=y\n",
	"6.1.x-rt/build-args", "RT_VERSION=6.1.175-rt63\n", NULL};

/* Before anything is fetched for any target: --relock would ask a mirror that isn't
 * there, and say so instead. */
START_TEST(an_rt_version_of_another_kernel_is_said_first)
{
	const char *dir = make_workspace(other_rt);
	_buf_ struct buf out = {0};

	ck_assert_int_eq(test_sh(&out,
				 "%s -C %s --store %s/store --package-mirror "
				 "file:///nonexistent plan --relock --arch x86_64 2>&1",
				 getenv("KILN"), dir, dir),
		ERR_USAGE);
	ck_assert_str_eq(out.data,
		"kiln: RT_VERSION=6.1.175-rt63 is made for the kernel 6.1.175, and "
		"KERNEL_VERSION is 6.1.176; make both agree\n");
}
END_TEST

Suite *suite_workspace(void);
Suite *suite_workspace(void)
{
	Suite *s = suite_create("workspace");
	TCase *t = tcase_create("bad");

	test_case(s, "good", 4, a_linuxkit_directory_is_one,
		an_rt_version_of_another_kernel_is_said_first);
	tcase_add_loop_test(t, a_bad_workspace_is_one_sentence, 0, ARRAY_LEN(bad));
	suite_add_tcase(s, t);
	return s;
}
