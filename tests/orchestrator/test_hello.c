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

Suite *suite_hello(void);
Suite *suite_hello(void)
{
	Suite *s = suite_create("hello");

	test_case(s, "x86_64", 3600, hello_x86_64);
	return s;
}
