/* Sysroots that are no packages: OCI images, tarballs, the host; and the shipped ones. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "sysroot/sysroot.h"
#include "toolchains/arch.h"
#include "tests/test.h"

static int make_named(
	const char *const *dirs, const char *name, const char **root, struct err *e)
{
	const char *cache = test_tmpdir();
	struct sysroot_env env = {.cache = cache, .offline = true};
	struct sysroot *s = sysroot_load(dirs, name, NULL, e);
	_close_ int dir = -1;
	int r;

	if (!s)
		return -1;
	*root = test_tmpdir();
	dir = fs_open_dir(AT_FDCWD, *root, e);
	r = sysroot_make(s, &env, dir, e);
	sysroot_free(s);
	return r;
}

/* An image of four layers with everything that layers can do to each other, made by
 * umoci from bundles; $D/layout, $D/archive.tar, $D/flat. */
static const char image_script[] =
	"set -e; cd %s; u='umoci'; umoci init --layout layout; umoci new --image "
	"layout:x; "
	"umoci unpack --rootless --image layout:x b >/dev/null 2>&1; r=b/rootfs; "
	"mkdir -p $r/etc $r/usr/lib/deep/er $r/gone/below $r/opaque $r/dir2file $r/bin; "
	"echo 1 >$r/etc/a; echo 1 >$r/etc/b; ln -s usr/lib $r/lib; echo 1 "
	">$r/usr/lib/deep/er/x; "
	"echo 1 >$r/gone/below/x; echo 1 >$r/opaque/old; echo 1 >$r/dir2file/x; "
	"echo 1 >$r/file2dir; ln -s /etc/shadow $r/etc/link; echo run >$r/bin/run; "
	"chmod 755 $r/bin/run; ln $r/bin/run $r/bin/run2; "
	"umoci repack --image layout:x b >/dev/null 2>&1; rm -rf b; "
	"umoci unpack --rootless --image layout:x b >/dev/null 2>&1; "
	"echo 2 >$r/etc/a; rm $r/etc/b; rm -r $r/gone; rm -r $r/dir2file; echo 2 "
	">$r/dir2file; "
	"rm $r/file2dir; mkdir $r/file2dir; echo 2 >$r/file2dir/x; "
	"umoci repack --image layout:x b >/dev/null 2>&1; rm -rf b; "
	"umoci unpack --rootless --image layout:x b >/dev/null 2>&1; "
	"rm $r/opaque/old; echo 3 >$r/opaque/new; rm $r/etc/link; mkdir $r/etc/link; "
	"echo 3 >$r/etc/link/x; umoci repack --image layout:x b >/dev/null 2>&1; rm -rf "
	"b; "
	/* umoci writes a whiteout for each name; other tools make the directory opaque.
	 */
	"mkdir -p l/usr/lib/deep l/etc/link; echo 4 >l/etc/a; "
	"for d in usr/lib/deep etc/link; do : >l/$d/.wh..wh..opq; echo 4 >l/$d/top; "
	"done; "
	"tar -C l --sort=name -cf l.tar etc usr; umoci raw add-layer --image layout:x "
	"l.tar; "
	"umoci unpack --rootless --image layout:x want >/dev/null 2>&1; "
	"skopeo copy -q oci:layout:x dir:flat; tar -C layout -cf archive.tar .";

static bool make_image(const char *dir)
{
	_buf_ struct buf out = {0};

	if (!test_need("umoci") || !test_need("skopeo"))
		return false;
	if (test_sh(&out, image_script, dir))
		ck_abort_msg("%s", buf_str(&out));
	return true;
}

/* Files, types, links and contents of what an image brought, without kiln's additions. */
static void list_tree(const char *dir, struct buf *out)
{
	ck_assert_int_eq(
		test_sh(out,
			"cd %s && find . -mindepth 1 '(' -path ./etc/passwd -o -path "
			"./etc/group -o -path ./etc/hosts -o -path ./dev -o -path ./proc "
			"-o -path ./sys -o -path ./tmp -o -path ./root -o -path ./run -o "
			"-path ./linux ')' -prune -o -printf '%%P %%y %%l\\n' | sort && "
			"find . -type f ! -path './etc/[pgh]*' | sort | xargs sha256sum",
			dir),
		0);
}

START_TEST(an_image_is_what_umoci_makes_of_it)
{
	static const char *const forms[] = {"layout", "flat", "archive.tar"};
	const char *dir = test_tmpdir(), *root = NULL;
	_free_ char *name = test_path("oci:%s/%s", dir, forms[_i]);
	_free_ char *ref = test_path("%s/want/rootfs", dir);
	_buf_ struct buf want = {0}, got = {0};
	struct err e = {0};

	if (!make_image(dir))
		return;
	ck_ok(make_named(NULL, name, &root, &e), &e);
	list_tree(ref, &want);
	list_tree(root, &got);
	ck_assert_str_eq(want.data, got.data);
	ck_assert(strstr(got.data, "dir2file f") && !strstr(got.data, "gone"));
	ck_assert(strstr(got.data, "deep/top f") && !strstr(got.data, "deep/er"));
	ck_assert(strstr(got.data, "etc/link/top f") && !strstr(got.data, "etc/link/x"));
}
END_TEST

START_TEST(damaged_images)
{
	static const struct {
		const char *command, *begins;
		int code;
	} rows[] = {
		{"f=$(ls -S layout/blobs/sha256/* | head -n 1); chmod 644 $f; echo x "
		 ">>$f",
			"sysroot oci:", ERR_VERIFY},
		{"rm layout/index.json", "sysroot oci:", ERR_USAGE},
		{"echo '{' >layout/index.json", "sysroot oci:", ERR_INPUT},
		{"sed -i 's/\"manifests\":/\"other\":/' layout/index.json",
			"sysroot oci:", ERR_USAGE},
		{"sed -i 's/sha256:/md5:/' layout/index.json", "sysroot oci:", ERR_INPUT},
		{"for f in layout/blobs/sha256/*; do grep -q '\"layers\"' $f && echo "
		 ">>$f; done; :",
			"sysroot oci:", ERR_VERIFY},
		{"rm $(ls -S layout/blobs/sha256/* | head -n 1)", "sysroot oci:", ERR_IO},
	};
	const char *dir = test_tmpdir(), *root = NULL;
	_free_ char *name = test_path("oci:%s/layout", dir);
	struct err e = {0};

	if (!make_image(dir))
		return;
	ck_assert_int_eq(test_sh(NULL, "cd %s && %s", dir, rows[_i].command), 0);
	ck_assert_int_eq(make_named(NULL, name, &root, &e), -1);
	ck_assert_msg(e.code == rows[_i].code, "code %d: %s", e.code, e.msg);
	ck_assert_msg(str_starts(e.msg, rows[_i].begins), "%s", e.msg);
}
END_TEST

START_TEST(a_build_image_finds_its_sysroot)
{
	const char *dir = test_tmpdir(), *root = NULL;
	const char *dirs[] = {dir, NULL};
	_free_ char *conf = test_path("%s/alpine.conf", dir), *name = NULL;
	_free_ char *run = NULL;
	struct err e = {0};

	if (!make_image(dir))
		return;
	test_write(conf,
		"provider = oci\nimage = linuxkit/alpine:146f540f\npath = layout\n"
		"tag = x\n");
	name = sysroot_for_image(dirs, "linuxkit/alpine:146f540f");
	ck_assert_str_eq(name, "alpine");
	ck_assert_ptr_null(sysroot_for_image(dirs, "linuxkit/alpine:other"));
	ck_ok(make_named(dirs, name, &root, &e), &e);
	run = test_path("%s/bin/run", root);
	ck_assert(fs_exists(AT_FDCWD, run));
	test_write(conf, "provider = oci\npath = layout\ntag = y\n");
	ck_assert_int_eq(make_named(dirs, name, &root, &e), -1);
	ck_assert_msg(strstr(e.msg, "holds no image tagged y for "), "%s", e.msg);
}
END_TEST

static char *make_tarballs(const char *dir, struct buf *conf)
{
	_buf_ struct buf sum = {0};

	ck_assert_int_eq(test_sh(&sum,
				 "cd %s && mkdir -p r/usr/bin t/llvm-1/bin && echo base "
				 ">r/usr/bin/sh "
				 "&& echo cc >t/llvm-1/bin/cc && ln -s /usr/bin/sh "
				 "t/llvm-1/bin/abs && "
				 "tar -C r -cJf base.tar.xz . && tar -C t -czf "
				 "llvm.tar.gz llvm-1 && "
				 "sha256sum base.tar.xz llvm.tar.gz | cut -c 1-64",
				 dir),
		0);
	buf_addf(conf, "provider = tar\npath = base.tar.xz\nsha256 = %.64s\n", sum.data);
	return xstrdup(sum.data + 65);
}

START_TEST(a_tarball_goes_on_top_of_another)
{
	const char *dir = test_tmpdir(), *root = NULL;
	const char *dirs[] = {dir, NULL};
	_free_ char *base_path = test_path("%s/base.conf", dir);
	_free_ char *llvm_path = test_path("%s/llvm.conf", dir), *cc = NULL, *sh = NULL;
	_buf_ struct buf base = {0}, llvm = {0};
	_free_ char *sum = make_tarballs(dir, &base);
	struct err e = {0};

	buf_addf(&llvm,
		"provider = tar\nbase = base\npath = llvm.tar.gz\nprefix = opt/llvm\n"
		"strip = 1\nlink = usr/bin/cc /opt/llvm/bin/cc\nsha256 = %.64s\n",
		sum);
	test_write(base_path, base.data);
	test_write(llvm_path, llvm.data);
	ck_ok(make_named(dirs, "llvm", &root, &e), &e);
	cc = test_path("%s/opt/llvm/bin/cc", root);
	sh = test_path("%s/usr/bin/sh", root);
	ck_assert(fs_exists(AT_FDCWD, cc) && fs_exists(AT_FDCWD, sh));
	/* The sum is what is trusted, not the name. */
	ck_assert_int_eq(test_sh(NULL, "cd %s && cp llvm.tar.gz base.tar.xz", dir), 0);
	ck_assert_int_eq(make_named(dirs, "llvm", &root, &e), -1);
	ck_assert_msg(
		strstr(e.msg, ", the conf says ") && e.code == ERR_VERIFY, "%s", e.msg);
}
END_TEST

static const struct {
	const char *conf, *says;
} bad_confs[] = {
	{"provider = tar\n", "DIR/x.conf: one line path = FILE or url = URL is needed"},
	{"provider = tar\npath = x\n",
		"DIR/x.conf: a line sha256 = HEX is needed (64 digits, lower case)"},
	{"provider = tar\npath = x\nbase = x\nsha256 = "
	 "0000000000000000000000000000000000000000000000000000000000000000\n",
		"DIR/x.conf: base = x: bases go round in a circle"},
	{"provider = tar\npath = x\nbase = host\nsha256 = "
	 "0000000000000000000000000000000000000000000000000000000000000000\n",
		"DIR/x.conf: base = host can't be added to"},
	{"provider = tar\npath = x\nprefix = ../x\nsha256 = "
	 "0000000000000000000000000000000000000000000000000000000000000000\n",
		"DIR/x.conf: prefix = ../x: a path inside the root, such as opt/llvm, is "
		"needed"},
	{"provider = oci\n", "DIR/x.conf: no line path = LAYOUT"},
	{"", "DIR/x.conf: provider = (missing): it is one of debian, oci, tar, host"},
};

START_TEST(bad_confs_are_refused)
{
	const char *dir = test_tmpdir();
	const char *dirs[] = {dir, NULL};
	_free_ char *path = test_path("%s/x.conf", dir);
	_free_ char *want = test_path("%s%s", dir, bad_confs[_i].says + 3);
	struct err e = {0};

	test_write(path, bad_confs[_i].conf);
	ck_assert_ptr_null(sysroot_load(dirs, "x", NULL, &e));
	ck_assert_str_eq(e.msg, want);
	ck_assert_int_eq(e.code, ERR_USAGE);
}
END_TEST

START_TEST(the_host_is_itself)
{
	struct err e = {0};
	struct sysroot *a = sysroot_load(NULL, "host", NULL, &e);
	struct sysroot *b = sysroot_load(NULL, "host", NULL, &e);

	ck_assert_msg(a && b, "%s", e.msg);
	ck_assert_str_eq(sysroot_root(a), "/");
	ck_assert_msg(str_starts(sysroot_describe(a),
			      "host: the build machine's own programs, not locked ("),
		"%s", sysroot_describe(a));
	if (access("/var/lib/dpkg/status", R_OK) == 0)
		ck_assert_str_eq(sysroot_digest(a), sysroot_digest(b));
	sysroot_free(a);
	sysroot_free(b);
}
END_TEST

START_TEST(no_such_sysroot)
{
	const char *dirs[] = {"/nonexistent/a", "/nonexistent/b", NULL};
	struct err e = {0};

	ck_assert_ptr_null(sysroot_load(dirs, "none", NULL, &e));
	ck_assert_str_eq(e.msg,
		"no sysroot 'none': there is no none.conf in /nonexistent/a, "
		"/nonexistent/b");
	ck_assert_int_eq(e.code, ERR_USAGE);
	ck_assert_ptr_null(sysroot_load(dirs, "/some/where/none", NULL, &e));
	ck_assert_str_eq(
		e.msg, "no sysroot /some/where/none: there is no /some/where/none.conf");
}
END_TEST

/* The shipped locks fit their confs and serve every architecture and toolchain; perf only
 * where Debian has its libraries, and where not, that is said. */
START_TEST(shipped_sysroots_serve_all)
{
	static const char *const names[] = {"debian-12", "debian-13"};
	static const char *const toolchains[] = {"gcc", "clang"};
	_free_ char *dir = test_path("%s/sysroot", test_source_dir());
	const char *dirs[] = {dir, NULL};

	for (size_t i = 0; i < 2 * 3 * 2 * 2; i++) {
		const struct arch *arch = arch_all()[i / 2 % 3];
		struct sysroot_use use = {
			arch->name, toolchains[i / 6 % 2], i % 2, arch->debian};
		const char *name = names[i / 12];
		bool lacks = use.perf && str_eq(name, "debian-12") &&
			     str_eq(arch->name, "riscv64");
		struct err e = {0};
		struct sysroot *s = sysroot_load(dirs, name, &use, &e);

		ck_assert_msg((s == NULL) == lacks, "%s", e.msg);
		if (lacks) {
			ck_assert_str_eq(e.msg,
				"sysroot debian-12 can't build perf for riscv64: it has "
				"no group perf-riscv64 (it has base, gcc-x86_64, "
				"gcc-aarch64, gcc-riscv64, clang, perf, perf-aarch64); "
				"name another with --sysroot");
			ck_assert_int_eq(e.code, ERR_USAGE);
			continue;
		}
		sysroot_free(s);
	}
}
END_TEST

Suite *suite_sysroot_other(void);
Suite *suite_sysroot_other(void)
{
	Suite *s = suite_create("sysroot_other");
	TCase *loops = tcase_create("tables");

	tcase_set_timeout(loops, 120);
	tcase_add_loop_test(loops, an_image_is_what_umoci_makes_of_it, 0, 3);
	tcase_add_loop_test(loops, damaged_images, 0, 7);
	tcase_add_loop_test(loops, bad_confs_are_refused, 0, (int)ARRAY_LEN(bad_confs));
	suite_add_tcase(s, loops);
	test_case(s, "single", 60, a_build_image_finds_its_sysroot,
		a_tarball_goes_on_top_of_another, the_host_is_itself, no_such_sysroot,
		shipped_sysroots_serve_all);
	return s;
}
