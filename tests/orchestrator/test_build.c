/* Whole builds: a real kernel from the host's source package to an image that boots. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/e2e.h"
#include "tests/kernel/kernel_test.h"

/* Unpacks a tag of a layout with umoci; returns the rootfs. */
static char *unpack(const char *layout, const char *tag)
{
	const char *dir = test_tmpdir();
	_buf_ struct buf out = {0};

	ck_assert_msg(
		test_sh(&out, "umoci unpack --rootless --image %s:%s %s/bundle 2>&1",
			layout, tag, dir) == 0,
		"umoci: %s", buf_str(&out));
	return test_path("%s/bundle/rootfs", dir);
}

/* The first tag that kiln prints for a target of this build. */
static char *built_tag(const char *workspace, const char *target)
{
	_buf_ struct buf out = {0};
	char *colon, *end;

	ck_assert_int_eq(e2e_run(&out, workspace, "-q tag --relock %s", target), 0);
	colon = strchr(out.data, ':');
	ck_assert_ptr_nonnull(colon);
	end = strchr(colon, '\n');
	return xstrndup(colon + 1, (size_t)(end - colon - 1));
}

START_TEST(from_source_to_a_booting_image)
{
	static const char *const files[] = {"kernel", "System.map", "kernel.tar",
		"kernel-headers.tar", "kernel-dev.tar", "kernel_config",
		"kernel-source-info", "kernel-builder", "linux.tar.xz"};
	_buf_ struct buf out = {0};
	_free_ char *layout = test_path("%s/out", test_tmpdir()), *rootfs = NULL;
	const char *ws = e2e_workspace();
	_free_ char *tag = NULL;

	if (!e2e_need() || !test_need("skopeo") || !test_need("umoci") ||
		!test_need("qemu-system-x86_64") || !test_need("busybox") ||
		!test_need("cpio"))
		return;
	ck_assert_msg(e2e_run(&out, ws, "build 6.1.x --arch x86_64 --relock -o %s",
			      layout) == 0,
		"%s", out.data);
	tag = built_tag(ws, "6.1.x");
	ck_assert_msg(test_sh(&out, "skopeo inspect oci:%s:%s", layout, tag) == 0, "%s",
		out.data);
	ck_assert_ptr_nonnull(strstr(out.data, "\"Architecture\": \"amd64\""));
	rootfs = unpack(layout, tag);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		ck_assert_msg(test_sh(NULL, "test -s %s/%s", rootfs, files[i]) == 0,
			"the image has no %s", files[i]);
	ck_assert_int_eq(test_sh(&out, "%s/tests/data/boot.sh %s amd64",
				 test_source_dir(), rootfs),
		0);
	ck_assert_msg(strstr(out.data, "boot ok") && strstr(out.data, "-linuxkit\n") &&
			      !strstr(out.data, "failed "),
		"%s", out.data);
}
END_TEST

/* Needs the build of the test before: they run in order, on one store. */
START_TEST(nothing_to_do_starts_nothing)
{
	_buf_ struct buf out = {0};
	_free_ char *layout = test_path("%s/out", test_tmpdir());
	_free_ char *trace = test_path("%s/trace", test_tmpdir());
	const char *ws = e2e_workspace();

	if (!e2e_need() || !test_need("strace"))
		return;
	if (getenv("LD_PRELOAD") || strstr(test_build_dir(), "-san"))
		return; /* the leak checker starts a thread of its own */
	ck_assert_msg(e2e_run(&out, ws, "build 6.1.x --arch x86_64 --relock -o %s",
			      layout) == 0,
		"%s", out.data);
	ck_assert_msg(
		test_sh(&out,
			"strace -f -o %s -e trace=fork,vfork,clone,clone3,execve,socket,"
			"connect %s -C %s --store %s --mirror apt: build 6.1.x --arch "
			"x86_64 --relock -o %s",
			trace, getenv("KILN"), ws, e2e_store(), layout) == 0,
		"%s", out.data);
	/* Its own execve and the exit are all. */
	ck_assert_int_eq(test_sh(&out, "grep -vc 'exited with' %s", trace), 0);
	ck_assert_msg(atoi(out.data) == 1, "it started something: see %s", trace);
}
END_TEST

/* What `why` says after an edit, and after the edit is taken back. */
static void check_why(const char *edit, const char *target_args, const char *cause)
{
	const char *ws = e2e_workspace();
	_buf_ struct buf out = {0};

	ck_assert_int_eq(test_sh(NULL, "cd %s && %s", ws, edit), 0);
	ck_assert_msg(
		e2e_run(&out, ws, "why --relock --arch x86_64 %s", target_args) == 0,
		"%s", out.data);
	ck_assert_msg(
		strstr(out.data, cause) != NULL, "no '%s' in:\n%s", cause, out.data);
}

START_TEST(why_names_the_one_thing)
{
	if (!e2e_need())
		return;
	check_why("true", "6.1.x", "nothing changed since the last build\n");
	check_why("sed -i 's/^CONFIG_LOG_BUF_SHIFT=.*/CONFIG_LOG_BUF_SHIFT=13/' "
		  "6.1.x/config-x86_64",
		"6.1.x", "CONFIG_LOG_BUF_SHIFT=13\n");
	check_why("mkdir 6.1.x/patches && cp 6.1.x-hello/patches/* 6.1.x/patches/",
		"6.1.x", "0001-hello.patch is new\n");
	check_why("sed -i 's/=latest/=6.1.7/' 6.1.x/build-args", "6.1.x", " -> 6.1.7\n");
	check_why("true", "6.1.x --sysroot debian-13", "sysroot: debian-12 ");
	check_why("true", "6.1.x --toolchain clang",
		"\n  toolchain: gcc -> clang\n  to run again: ");
	check_why("true", "6.1.x --flavor dbg", "never built with this store\n");
}
END_TEST

/* Runs LinuxKit's recipe where the kernel was built, before kiln takes anything; what it
 * packs is listed below scripts/, which the devkit holds whole. */
static const char recipe_makefile[] =
	".NOTPARALLEL:\n.PHONY: FORCE\nGNUmakefile: ;\n"
	"%: FORCE\n\t+$(MAKE) -f Makefile $@\n"
	"all: FORCE\n\t+$(MAKE) -f Makefile all\n"
	"\t+sh scripts/recipe.sh /tmp/recipe\n"
	"\tmkdir scripts/recipe && mv /tmp/recipe/*.list scripts/recipe\n";

static void add_recipe_patch(const char *ws)
{
	test_sh(NULL,
		"mkdir -p %s/r/a %s/r/b/scripts && cp %s/tests/data/recipe.sh "
		"%s/r/b/scripts",
		ws, ws, test_source_dir(), ws);
	test_write(kept_path("%s/r/b/GNUmakefile", ws), recipe_makefile);
	/* Without the times of the files, which would make every run's tree another. */
	ck_assert_int_eq(test_sh(NULL,
				 "cd %s/r && diff -ruN a b | sed -e 's|^--- a/.*|--- "
				 "/dev/null|' -e '/^+++ /s/\t.*//' -e '/^diff /d' "
				 ">../6.1.x-hello/patches/0002-recipe.patch",
				 ws),
		0);
}

/* Every tar of the image holds what the recipe packed of the same tree; modules.weakdep
 * is written by kmod 33 and later, and by kiln. */
static void check_members(const char *rootfs)
{
	static const char *const tars[] = {"kernel", "kernel-headers", "kernel-dev"};
	_buf_ struct buf diff = {0};

	ck_assert_int_eq(test_sh(NULL,
				 "cd %s && tar xf kernel-dev.tar --wildcards "
				 "--transform 's|.*/||' '*/scripts/recipe/*.list'",
				 rootfs),
		0);
	for (size_t i = 0; i < ARRAY_LEN(tars); i++)
		ck_assert_msg(test_sh(&diff,
				      "cd %s && test $(wc -l <%s.list) -gt 25 && tar tf "
				      "%s.tar | grep -v -e /scripts/recipe/ -e "
				      "/modules.weakdep$ | LC_ALL=C sort "
				      "| diff %s.list -",
				      rootfs, tars[i], tars[i], tars[i]) == 0,
			"%s.tar: %s", tars[i], buf_str(&diff));
}

/* The variant asks for signed modules. The key stays beside the store: with another one
 * the kernel would be another, and be compiled at every run. */
static const char *sign_modules(const char *ws)
{
	const char *key = kept_path("%s.module-key.pem", e2e_store());

	ck_assert_int_eq(test_sh(NULL,
				 "cd %s && test -s %s || { openssl req -new -x509 "
				 "-newkey rsa:2048 -nodes -days 36500 -subj /CN=modules "
				 "-keyout key -out cert && "
				 "cat key cert >%s; }",
				 ws, key, key),
		0);
	ck_assert_int_eq(
		test_sh(NULL,
			"for s in '' _ALL _FORCE _SHA256; do echo "
			"CONFIG_MODULE_SIG$s=y; done >>%s/6.1.x-hello/config-x86_64",
			ws),
		0);
	return key;
}

/* The kernel, which takes none without a signature, takes these modules, and refuses them
 * without their last bytes. */
static void check_signed(const char *rootfs)
{
	_buf_ struct buf out = {0};

	ck_assert_int_eq(test_sh(&out, "%s/tests/data/boot.sh %s amd64",
				 test_source_dir(), rootfs),
		0);
	ck_assert_msg(!strstr(out.data, "failed ") && strstr(out.data, "boot ok"), "%s",
		out.data);
	buf_clear(&out);
	ck_assert_int_eq(
		test_sh(&out,
			"cd %s && mkdir unsigned && cp kernel unsigned && "
			"tar xf kernel.tar && find lib -name '*.ko' -exec objcopy {} \\; "
			"&& "
			"tar cf unsigned/kernel.tar ./lib && %s/tests/data/boot.sh "
			"unsigned amd64",
			rootfs, test_source_dir()),
		0);
	ck_assert_msg(strstr(out.data, "'crc8': Key was rejected") &&
			      strstr(out.data, "loaded 0 of "),
		"%s", out.data);
}

/* A line of the private key's own is nowhere in what the build left. */
static void check_no_key(const char *key, const char *rootfs)
{
	_buf_ struct buf out = {0};

	ck_assert_msg(
		test_sh(&out,
			"set -e; line=$(sed -n 9p %s); test ${#line} = 64; cd %s; "
			"r=0; grep -raFl -e \"$line\" %s compile config image inputs "
			"logs pack records tmp || r=$?; test $r = 1",
			key, e2e_store(), rootfs) == 0,
		"the key is in %s", buf_str(&out));
}

START_TEST(a_variant_is_patched_named_and_signed)
{
	_buf_ struct buf out = {0};
	_free_ char *layout = test_path("%s/out", test_tmpdir()), *rootfs = NULL;
	const char *ws = e2e_workspace(), *key;
	_free_ char *tag = NULL;

	if (!e2e_need() || !test_need("umoci") || !test_need("diff") ||
		!test_need("openssl") || !test_need("objcopy") ||
		!test_need("qemu-system-x86_64") || !test_need("busybox") ||
		!test_need("cpio"))
		return;
	add_recipe_patch(ws);
	key = sign_modules(ws);
	ck_assert_msg(e2e_run(&out, ws,
			      "build 6.1.x-hello --arch x86_64 --flavor dbg --relock "
			      "--module-key %s -o %s",
			      key, layout) == 0,
		"%s", out.data);
	tag = built_tag(ws, "--arch x86_64 6.1.x-hello-dbg");
	ck_assert_ptr_nonnull(strstr(tag, "-hello-dbg-"));
	rootfs = unpack(layout, tag);
	ck_assert_int_eq(test_sh(NULL, "test -s %s/vmlinux", rootfs), 0);
	ck_assert_int_eq(
		test_sh(&out, "tar -tf %s/kernel.tar | grep -- -linuxkit-hello-dbg/",
			rootfs),
		0);
	check_members(rootfs);
	check_no_key(key, rootfs);
	check_signed(rootfs);
}
END_TEST

START_TEST(a_broken_patch_is_said_and_leaves_nothing)
{
	const char *ws = e2e_workspace();
	_buf_ struct buf out = {0};

	if (!e2e_need())
		return;
	test_sh(NULL,
		"mkdir -p %s/6.1.x/patches && printf '%%s\\n' '--- a/Makefile' "
		"'+++ b/Makefile' '@@ -1,2 +1,2 @@' ' no such line' '-nor this' '+new' "
		">%s/6.1.x/patches/0001-broken.patch",
		ws, ws);
	ck_assert_int_eq(
		e2e_run(&out, ws, "build 6.1.x --arch x86_64 --relock -o %s/out", ws),
		11);
	ck_assert_ptr_nonnull(strstr(out.data, "0001-broken.patch"));
	ck_assert_int_eq(test_sh(&out, "ls %s/tmp", e2e_store()), 0);
	ck_assert_str_eq(buf_str(&out), "");
	ck_assert_int_ne(test_sh(NULL, "test -e %s/out", ws), 0);
}
END_TEST

/* Waits until the file holds the word; false after a minute. */
static bool wait_for(const char *path, const char *word)
{
	for (int i = 0; i < 600; i++) {
		if (test_sh(NULL, "grep -q '%s' %s", word, path) == 0)
			return true;
		usleep(100000);
	}
	return false;
}

START_TEST(an_interrupt_ends_everything)
{
	const char *ws = e2e_workspace();
	_free_ char *said = test_path("%s/said", ws), *out = test_path("%s/out", ws);
	const char *argv[] = {getenv("KILN"), "-C", ws, "--store", e2e_store(),
		"--mirror", "apt:", "build", "6.1.x", "--arch", "x86_64", "--relock",
		"--no-ccache", "-o", out, NULL};
	struct proc_spec spec = {.argv = argv, .in = -1, .out = -1, .err = -1};
	_close_ int log = open(said, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	_buf_ struct buf text = {0};
	struct proc_end end = {0};
	struct err e = {0};
	pid_t pid;

	if (!e2e_need())
		return;
	/* A config of its own, so that there is something to compile. */
	test_sh(NULL,
		"sed -i 's/^CONFIG_LOG_BUF_SHIFT=.*/CONFIG_LOG_BUF_SHIFT=14/' "
		"%s/6.1.x/config-x86_64",
		ws);
	spec.err = log;
	/* Whatever outlives kiln is handed to this process, and can be counted. */
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = proc_start(&spec, &e);
	ck_assert_int_gt(pid, 0);
	ck_assert_msg(wait_for(said, "compiling"), "%s", test_read(said));
	sleep(2);
	kill(pid, SIGINT);
	ck_ok(proc_wait(pid, &end, &e), &e);
	ck_assert_int_eq(end.status, 130);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_ptr_nonnull(
		strstr(test_read(said), "interrupted: what was finished is kept"));
	ck_assert_int_eq(test_sh(&text, "ls %s/tmp", e2e_store()), 0);
	ck_assert_str_eq(buf_str(&text), "");
}
END_TEST

Suite *suite_build(void);
Suite *suite_build(void)
{
	Suite *s = suite_create("build");

	test_case(s, "image", 2400, from_source_to_a_booting_image);
	test_case(s, "again", 120, nothing_to_do_starts_nothing, why_names_the_one_thing);
	test_case(s, "failures", 300, a_broken_patch_is_said_and_leaves_nothing,
		an_interrupt_ends_everything);
	test_case(s, "variant", 1800, a_variant_is_patched_named_and_signed);
	return s;
}
