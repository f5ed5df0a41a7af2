#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "sysroot/box.h"
#include "tests/kernel/kconf.h"
#include "tests/kernel/kernel_test.h"
#include "tests/oci/oci_test.h"
#include "tests/test.h"
#include "toolchains/arch.h"

/* A workspace of one series whose kernel is a local tree: its make runs the real kconfig
 * and nothing else. Everything is made with the host's own root as the box's. */
static const char kconfig[] = "config MODULES\n\tbool \"Modules\"\n\tmodules\n"
			      "config LOCALVERSION\n\tstring \"Local version\"\n"
			      "config NET\n\tbool \"Net\"\n"
			      "config DRIVER\n\ttristate \"Driver\"\n\tdepends on NET\n"
			      "config COUNT\n\tint \"Count\"\n\trange 1 64\n\tdefault 8\n"
			      "config PANIC_ON_OOPS\n\tbool \"Panic\"\n";

static const char makefile[] =
	"VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 5\n"
	"%%config: ; @./conf --$@ Kconfig\n"
	"defconfig: ; @./conf --defconfig=%s Kconfig\n"
	"editconfig: ; @echo CONFIG_DRIVER=y >>.config; ./conf --olddefconfig Kconfig\n";

static char *dir; /* holds tree, ws and store */

static void put(const char *path, const char *text)
{
	_free_ char *full = test_path("%s/%s", dir, path);
	_free_ char *parent = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, parent, 0755, &e), &e);
	test_write(full, text);
}

static bool set_up(void)
{
	const char *arch = arch_host()->name;
	struct err e = {0};

	if (!kconf_need() || !test_need("make") || !test_need("patch") ||
		!test_need_that(box_probe(&e) == 0, "a box"))
		return false;
	dir = test_path("%s", test_tmpdir());
	put("tree/Kconfig", kconfig);
	put("tree/Makefile", test_path(makefile, arch_host()->defconfig));
	put(test_path("tree/%s", arch_host()->defconfig), "");
	ck_assert_int_eq(test_sh(NULL, "cp %s %s/tree/conf", kconf(), dir), 0);
	put("ws/6.1.x/build-args",
		test_path("KERNEL_VERSION=6.1.5\nKERNEL_SOURCE=%s/tree\n", dir));
	put(test_path("ws/6.1.x/config-%s", arch), "CONFIG_NET=y\nCONFIG_DRIVER=y\n");
	put(test_path("ws/6.1.x-foo/config-%s", arch), "# CONFIG_NET is not set\n");
	put("ws/common/config-dbg", "CONFIG_COUNT=2\n");
	return true;
}

/* Runs kiln config with these words; the global options are given. */
static int config(struct buf *out, const char *words)
{
	return test_sh(out, "%s -q -C %s/ws --store %s/store --offline config %s 2>&1",
		getenv("KILN"), dir, dir, words);
}

#define EXPECT(words, status, text)                                                      \
	do {                                                                             \
		_buf_ struct buf out_ = {0};                                             \
		int status_ = config(&out_, words);                                      \
		ck_assert_str_eq(buf_str(&out_), text);                                  \
		ck_assert_int_eq(status_, status);                                       \
	} while (0)

START_TEST(check_reports_and_judges)
{
	if (!set_up())
		return;
	const char *arch = arch_host()->name;
	EXPECT("check --sysroot host 6.1.x", 0,
		test_path("6.1.x/%s/plain/gcc\n"
			  "config: 2 symbols asked for: 2 kept, 0 changed, 0 dropped\n",
			arch));
	put(test_path("ws/6.1.x/config-%s", arch), "CONFIG_NET=y\nCONFIG_GONE=y\n");
	const char *broken =
		test_path("6.1.x/%s/plain/gcc\n"
			  "config: 2 symbols asked for: 1 kept, 0 changed, 1 dropped\n"
			  "unknown in this version:\n"
			  "  CONFIG_GONE=y (6.1.x/config-%s:2): got n: no Kconfig file "
			  "of this tree defines "
			  "it for %s\n",
			arch, arch, arch);
	EXPECT("check --sysroot host 6.1.x", ERR_BUILD, broken);
	EXPECT("check --sysroot host --config-drift contract 6.1.x", ERR_BUILD, broken);
	EXPECT("check --sysroot host --config-drift warn 6.1.x", 0, broken);
}
END_TEST

START_TEST(strict_is_the_builds_own)
{
	if (!set_up())
		return;
	_buf_ struct buf out = {0};

	ck_assert_int_eq(config(&out, "check --sysroot host --config-drift strict 6.1.x"),
		ERR_BUILD);
	ck_assert_msg(strstr(buf_str(&out),
			      "the result differs from what was asked for: 0 not "
			      "kept, 4 not asked for, such as CONFIG_MODULES, "
			      "CONFIG_LOCALVERSION, CONFIG_COUNT, CONFIG_PANIC_ON_OOPS"),
		"%s", buf_str(&out));
}
END_TEST

START_TEST(variants_and_debug_only_report)
{
	if (!set_up())
		return;
	_buf_ struct buf out = {0};
	const char *why =
		test_path("CONFIG_DRIVER=y (6.1.x/config-%s:2): got n: needs what is "
			  "not there: NET is n (6.1.x-foo/config-%s:1)",
			arch_host()->name, arch_host()->name);

	ck_assert_int_eq(config(&out, "check --sysroot host 6.1.x-foo"), 0);
	ck_assert_msg(strstr(buf_str(&out), why), "%s", buf_str(&out));
	ck_assert_int_eq(config(&out, "check --sysroot host 6.1.x-foo-dbg"), 0);
	ck_assert_msg(strstr(buf_str(&out), "/dbg/gcc\n"), "%s", buf_str(&out));
}
END_TEST

START_TEST(diff_takes_targets_and_files)
{
	if (!set_up())
		return;
	put("file", "CONFIG_NET=y\nCONFIG_COUNT=8\nCONFIG_LOCALVERSION=\"\"\n");
	EXPECT("diff --sysroot host 6.1.x 6.1.x", 0, "");
	EXPECT("diff --sysroot host 6.1.x 6.1.x-dbg", 1,
		" CONFIG_COUNT=8 -> 2\n CONFIG_LOCALVERSION=\"\" -> \"-dbg\"\n");
	EXPECT(test_path("diff --sysroot host 6.1.x %s/file", dir), 1,
		"-CONFIG_DRIVER=y\n");
	EXPECT(test_path("diff --sysroot host 6.1.x %s/nofile", dir), ERR_USAGE,
		test_path("kiln: there is no file %s/nofile\n", dir));
}
END_TEST

/* Publishes an image of one platform whose topmost layers are these: each a directory's
 * files under their own names. NULL-ended. */
static void publish(const char *goarch, const char *tag, const char *const *dirs)
{
	struct oci_file files[4][2] = {0};
	struct oci_layer layers[4] = {0};
	struct oci_image image = {
		.architecture = goarch, .created = OCI_TEST_TIME, .layers = layers};
	const char *from = test_tmpdir();
	_free_ char *layout = test_path("%s/out", dir);
	struct err e = {0};
	_close_ int out = fs_open_dir(AT_FDCWD, from, &e);

	for (size_t i = 0; dirs[i]; i++) {
		files[i][0] = (struct oci_file){.member = "", .path = dirs[i]};
		layers[i] = (struct oci_layer){.title = "layer",
			.files = files[i],
			.compression = (enum compression)i};
	}
	ck_ok(oci_image_write(&image, 1, out, &e), &e);
	oci_test_publish(from, layout, tag, false);
}

START_TEST(diff_takes_images)
{
	const char *const amd[] = {kept_path("%s/one", test_tmpdir()), NULL};
	const char *top = test_tmpdir();

	dir = test_path("%s", test_tmpdir());
	ck_assert_int_eq(
		test_sh(NULL,
			"mkdir %s && cd %s && echo CONFIG_A=y >kernel_config && "
			"cp kernel_config ../two && echo CONFIG_B=y >>kernel_config && "
			"cd %s && mkdir low high empty gone && touch empty/x && "
			"echo CONFIG_OLD=y >low/kernel_config && "
			"echo CONFIG_A=m >high/kernel_config && "
			"touch gone/.wh.kernel_config",
			amd[0], amd[0], top),
		0);
	const char *const arm[] = {kept_path("%s/low", top), kept_path("%s/high", top),
		kept_path("%s/empty", top), NULL};
	const char *const none[] = {amd[0], kept_path("%s/gone", top), NULL};

	publish("amd64", "1", amd);
	publish("arm64", "1", arm);
	publish("amd64", "2", none);
	put("file", "CONFIG_A=y\n");
	ck_assert_int_eq(chdir(dir), 0);
	EXPECT("diff --arch x86_64 out:1 out:1", 0, "");
	EXPECT("diff --arch amd64 file out:1", 1, "+CONFIG_B=y\n");
	EXPECT("diff --arch arm64 out:kernel:1 file", 1, " CONFIG_A=m -> y\n");
	EXPECT("diff out:1 file", ERR_USAGE,
		"kiln: out: docker.io/linuxkit/kernel:1 has linux/amd64, linux/arm64: "
		"say which with --arch\n");
	EXPECT("diff out:2 file", ERR_USAGE,
		"kiln: out: the image 2 has no file kernel_config\n");
	EXPECT("diff out:3 file", ERR_USAGE,
		"kiln: out: there is no image '3': 'kiln image ls' shows the names\n");
	EXPECT("diff --arch x86_64 --arch arm64 out:1 file", ERR_USAGE,
		"kiln: out:1: give one --arch\n");
	EXPECT("diff nowhere:1 file", ERR_USAGE,
		"kiln: there is no layout nowhere: an image is LAYOUT:IMAGE, as 'kiln "
		"image ls LAYOUT' names it\n");
}
END_TEST

/* A layer that isn't what its digest says is not read. */
START_TEST(diff_proves_what_it_reads)
{
	const char *one = test_tmpdir();
	const char *const layers[] = {one, NULL};
	_buf_ struct buf out = {0};

	dir = test_path("%s", test_tmpdir());
	test_write(kept_path("%s/kernel_config", one), "CONFIG_A=y\n");
	publish("amd64", "1", layers);
	put("file", "CONFIG_A=y\n");
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(config(&out, "diff out:1 file"), 0);
	ck_assert_int_eq(
		test_sh(NULL, "printf X | dd of=$(grep -alr CONFIG_A=y out/blobs) "
			      "bs=1 seek=20 conv=notrunc 2>/dev/null"),
		0);
	ck_assert_int_eq(config(&out, "diff out:1 file"), ERR_STORE);
	ck_assert_msg(strstr(buf_str(&out), "its bytes have another digest"), "%s",
		buf_str(&out));
}
END_TEST

START_TEST(refresh_writes_back)
{
	if (!set_up())
		return;
	const char *arch = arch_host()->name;
	const char *path = test_path("%s/ws/6.1.x/config-%s", dir, arch);
	const char *text = "# mine\nCONFIG_NET=y\nCONFIG_GONE=y\nCONFIG_COUNT=70\n";
	_buf_ struct buf out = {0};

	put(test_path("ws/6.1.x/config-%s", arch), text);
	ck_assert_int_eq(config(&out, "refresh --sysroot host --dry-run 6.1.x"), 0);
	ck_assert_msg(strstr(buf_str(&out), "would be rewritten\n"), "%s", buf_str(&out));
	ck_assert_str_eq(test_read(path), text);
	ck_assert_int_eq(config(&out, "refresh --sysroot host 6.1.x"), 0);
	ck_assert_msg(
		strstr(buf_str(&out), "outside the allowed range:\n  CONFIG_COUNT=70"),
		"%s", buf_str(&out));
	ck_assert_str_eq(test_read(path), "# mine\nCONFIG_NET=y\nCONFIG_COUNT=64\n");
	ck_assert_int_eq(config(&out, "refresh --sysroot host 6.1.x"), 0);
	ck_assert_msg(strstr(buf_str(&out), ": as it was\n"), "%s", buf_str(&out));
	/* A variant's file is no configuration by itself. */
	ck_assert_int_eq(config(&out, "refresh --sysroot host 6.1.x-foo"), ERR_USAGE);
}
END_TEST

START_TEST(menu_needs_a_terminal_and_saves)
{
	if (!set_up() || !test_need("script"))
		return;
	const char *path = test_path("%s/ws/6.1.x-foo/config-%s", dir, arch_host()->name);

	put(test_path("ws/6.1.x-foo/config-%s", arch_host()->name), "# mine\n");
	put(test_path("ws/6.1.x/config-%s", arch_host()->name), "CONFIG_NET=y\n");
	EXPECT("menu --sysroot host 6.1.x-foo", ERR_USAGE,
		"kiln: kiln config menu needs a terminal; edit the config file "
		"instead\n");
	_buf_ struct buf out = {0};
	int status = test_sh(&out,
		"script -qec '%s -C %s/ws --store %s/store --offline config menu "
		"--sysroot host "
		"--goal editconfig 6.1.x-foo' /dev/null </dev/null",
		getenv("KILN"), dir, dir);
	ck_assert_msg(status == 0, "%d: %s", status, buf_str(&out));
	ck_assert_str_eq(test_read(path), "# mine\nCONFIG_DRIVER=y\n");
}
END_TEST

START_TEST(plan_names_what_makes_builds_differ)
{
	if (!set_up())
		return;
	_buf_ struct buf out = {0};

	put(test_path("ws/6.1.x/config-%s", arch_host()->name),
		"CONFIG_NET=y\nCONFIG_IKHEADERS=m\n");
	ck_assert_int_eq(
		test_sh(&out,
			"%s -C %s/ws --store %s/store --offline plan --sysroot host "
			"6.1.x",
			getenv("KILN"), dir, dir),
		0);
	ck_assert_msg(strstr(buf_str(&out), "  note  CONFIG_IKHEADERS=m (6.1.x/config-"),
		"%s", buf_str(&out));
}
END_TEST

START_TEST(a_build_that_cannot_sign_begins_nothing)
{
	const char *arch = arch_host()->name;
	_buf_ struct buf out = {0};

	if (!set_up())
		return;
	put(test_path("ws/6.1.x/config-%s", arch), "CONFIG_NET=y\nCONFIG_MODULE_SIG=y\n");
	ck_assert_int_eq(
		test_sh(&out,
			"%s -C %s/ws --store %s/store --offline build --sysroot host "
			"-o %s/out 6.1.x 2>&1",
			getenv("KILN"), dir, dir, dir),
		2);
	ck_assert_str_eq(buf_str(&out),
		test_path("kiln: 6.1.x/%s/plain/gcc: 6.1.x/config-%s:2: "
			  "CONFIG_MODULE_SIG=y needs a signing key; give one with "
			  "--module-key FILE, or unset the symbol\n",
			arch, arch));
	ck_assert_int_ne(test_sh(NULL, "ls %s/store/tree/*", dir), 0);
}
END_TEST

Suite *suite_config_cmd(void);
Suite *suite_config_cmd(void)
{
	Suite *s = suite_create("config_cmd");

	test_case(s, "kiln config", 180, check_reports_and_judges,
		strict_is_the_builds_own, variants_and_debug_only_report,
		diff_takes_targets_and_files, refresh_writes_back,
		menu_needs_a_terminal_and_saves, plan_names_what_makes_builds_differ,
		a_build_that_cannot_sign_begins_nothing);
	test_case(s, "images", 60, diff_takes_images, diff_proves_what_it_reads);
	return s;
}
