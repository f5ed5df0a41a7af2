/* A module built from kernel-dev.tar alone, loaded by the kernel it was built for. */
#include <stdlib.h>
#include "tests/e2e.h"
#include "tests/kernel/hello.h"
#include "tests/kernel/kernel_test.h"

/* The newest root in the store that has the arch's compiler. */
static const char *sysroot_of(const struct arch *arch)
{
	_buf_ struct buf out = {0};

	ck_assert_int_eq(test_sh(&out,
				 "ls -td %s/sysroot/*/root | while read -r r; do test -e "
				 "$r/usr/bin/%s-gcc && echo $r && break; done",
				 e2e_store(), arch->triple),
		0);
	ck_assert_msg(out.len > 1, "no sysroot of the build is in the store");
	return kept_path("%s", str_trim(out.data));
}

static void build(const struct arch *arch, const char *layout)
{
	_buf_ struct buf out = {0};

	ck_assert_msg(
		e2e_run(&out, e2e_workspace(), "build 6.1.x --arch %s --relock -o %s",
			arch->name, layout) == 0,
		"%s", out.data);
}

/* Device trees are there for the architectures that boot by them, and only there. */
static void check_dtbs(const struct arch *arch, const char *rootfs)
{
	_buf_ struct buf out = {0};

	ck_assert_int_eq(
		test_sh(&out,
			"tar tf %s/kernel.tar | grep -c '^\\./boot/dtb/.*\\.dtb$'; "
			"for d in $(tar tf %s/kernel.tar | grep '\\.dtb$'); do "
			"tar xOf %s/kernel.tar $d | od -An -tx1 -N4; done | sort -u",
			rootfs, rootfs, rootfs),
		0);
	if (arch->dtbs)
		ck_assert_msg(atoi(out.data) > 0 && strstr(out.data, "\n d0 0d fe ed\n"),
			"%s", out.data);
	else
		ck_assert_str_eq(buf_str(&out), "0\n");
}

static void say_hello(const char *arch_name)
{
	struct err e = {0};
	const struct arch *arch = arch_find(arch_name, &e);
	const char *dir = kept_path("%s/hello-%s", test_tmpdir(), arch_name);
	const char *layout = kept_path("%s/layout", dir);
	const char *rootfs = kept_path("%s/bundle/rootfs", dir);
	_buf_ struct buf out = {0}, tag = {0};

	if (!e2e_need() || !test_need("umoci") || !test_need("cpio") ||
		!test_need("modprobe") || !test_need(arch->qemu))
		return;
	ck_assert_int_eq(test_sh(NULL, "mkdir -p %s", dir), 0);
	build(arch, layout);
	ck_assert_int_eq(
		test_sh(&tag,
			"sed -n 's/.*image.ref.name\":\"\\([^\"]*-%s\\)\".*/\\1/p' "
			"%s/index.json | head -1",
			arch->goarch, layout),
		0);
	ck_assert_msg(
		test_sh(&out, "umoci unpack --rootless --image %s:%s %s/bundle 2>&1",
			layout, str_trim(tag.data), dir) == 0,
		"umoci: %s", buf_str(&out));
	check_dtbs(arch, rootfs);
	buf_clear(&out);
	ck_assert_int_eq(test_sh(&out,
				 "tar tf %s/kernel.tar | sed -n "
				 "'s|^./lib/modules/\\([^/]*\\)/$|\\1|p'",
				 rootfs),
		0);
	const struct hello h = {
		.arch = arch,
		.root = sysroot_of(arch),
		.kernel = kept_path("%s/kernel", rootfs),
		.devkit = kept_path("%s/kernel-dev.tar", rootfs),
		.release = str_trim(out.data),
		.dir = dir,
	};

	hello_build(&h);
	hello_boot(&h);
}

START_TEST(hello_x86_64)
{
	say_hello("x86_64");
}
END_TEST

/* The one cross compile among the whole builds: dtbs, a devkit whose programs run here
 * and whose headers are of another machine, a boot under TCG. */
START_TEST(hello_aarch64)
{
	say_hello("aarch64");
}
END_TEST

Suite *suite_hello(void);
Suite *suite_hello(void)
{
	Suite *s = suite_create("hello");

	test_case(s, "x86_64", 3600, hello_x86_64);
	test_case(s, "aarch64", 3600, hello_aarch64);
	return s;
}
