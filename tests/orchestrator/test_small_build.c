/* Warnings of a small tree that the host's compiler builds, from one build to the next.
 */
#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "sysroot/box.h"
#include "tests/kernel/kernel_test.h"
#include "tests/kernel/ucode_release.h"
#include "tests/test.h"
#include "toolchains/arch.h"

/* Answers kiln's make targets as a kernel's does; the compiler's words are real. */
static const char makefile[] =
	"VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 5\nR = 6.1.5\nIMAGE = %s\n"
	"all: defconfig\n"
	"\tgcc -Wall -c -o code.o code.c\n"
	"\tgcc -nostdlib -static -Wl,--build-id=sha1 -o vmlinux code.o\n"
	"\tmkdir -p $(dir $(IMAGE)) include/config scripts\n"
	"\tcp vmlinux $(IMAGE); echo $(R) >include/config/kernel.release\n"
	"\techo map >System.map; echo symbols >Module.symvers\n"
	"defconfig:\n\tcp %s .config\n"
	"oldconfig:\n"
	"headers_install:\n"
	"\tmkdir -p $(INSTALL_HDR_PATH)/include; echo h "
	">$(INSTALL_HDR_PATH)/include/a.h\n"
	"dtbs_install:\n";

/* A library that perf adds by itself and no root has hides all others of its list. */
static const char perf_makefile[] =
	"DWARFLIBS = -ldw -lebl\n"
	"perf:\n\tprintf 'feature-libelf=1\\nfeature-libperl=0\\nother=1\\n"
	"feature-told=$(if $(NO_JEVENTS),0,1)\\n"
	"feature-dwarf=$(if $(filter -lebl,$(DWARFLIBS)),0,1)\\n' >FEATURE-DUMP\n"
	"\tgcc -nostdlib $(LDFLAGS) -o perf ../../code.c\n";

static const char *dir; /* holds tree, ws and store */

static bool set_up(void)
{
	const struct arch *arch = arch_host();
	struct err e = {0};

	if (!test_need("gcc") || !test_need("make") || !test_need("patch") ||
		!test_need_that(box_probe(&e) == 0, "a box"))
		return false;
	dir = kept_path("%s", test_tmpdir());
	ck_assert_int_eq(test_sh(NULL,
				 "cd %s && mkdir -p tree/tools/perf ws/6.1.x && mkdir -p "
				 "tree/$(dirname %s) && touch tree/%s && "
				 "echo 'config X\n\tbool' >tree/Kconfig && touch "
				 "ws/6.1.x/config-%s",
				 dir, arch->defconfig, arch->defconfig, arch->name),
		0);
	test_write(kept_path("%s/tree/Makefile", dir),
		kept_path(makefile, arch->images[0], arch->defconfig));
	test_write(kept_path("%s/tree/tools/perf/Makefile.perf", dir), perf_makefile);
	test_write(kept_path("%s/ws/6.1.x/build-args", dir),
		kept_path("KERNEL_VERSION=6.1.5\nKERNEL_SOURCE=%s/tree\n", dir));
	return true;
}

static void build(struct buf *out, const char *more)
{
	ck_assert_msg(test_sh(out,
			      "%s -C %s/ws --store %s/store --offline build --sysroot "
			      "host -o %s/out %s 2>&1",
			      getenv("KILN"), dir, dir, dir, more) == 0,
		"%s", buf_str(out));
}

#define TARGET kept_path("  6.1.x/%s/plain/gcc: ", arch_host()->name)
#define START  "void _start(void)\n{\n}\n"
#define OLD    "static void f(void)\n{\n\tint a;\n}\n"
#define UNUSED " defined but not used [-Wunused-function]\n"

/* One build after the other: the code, and the section that follows the layout. */
static const struct {
	const char *code, *says;
} builds[] = {
	{START OLD, "2 warnings\n"},
	{NULL, NULL}, /* nothing is compiled */
	{"\n" START OLD, "2 warnings, 0 new since the last build, 0 gone\n"},
	/* All of it moved, and one more of a name. */
	{"\n\n" START OLD "static void g(void)\n{\n}\n",
		"3 warnings, 1 new since the last build, 0 gone:\n"
		"    code.c:10:13: warning: 'g'" UNUSED},
	{START "static void g(void)\n{\n}\n",
		"1 warning, 0 new since the last build, 2 gone\n"},
	{START, "0 warnings, 0 new since the last build, 1 gone\n"},
	{"\n" START, NULL},
};

START_TEST(a_build_tells_what_is_new)
{
	if (!set_up())
		return;
	for (size_t i = 0; i < ARRAY_LEN(builds); i++) {
		_buf_ struct buf out = {0};
		const char *section;

		if (builds[i].code)
			test_write(kept_path("%s/tree/code.c", dir), builds[i].code);
		build(&out, "");
		section = strstr(buf_str(&out), "\nwarnings\n");
		ck_assert_msg(
			!section == !builds[i].says, "build %zu: %s", i, buf_str(&out));
		if (section)
			ck_assert_msg(
				str_starts(section + strlen("\nwarnings\n"),
					kept_path("%s%stimes\n", TARGET, builds[i].says)),
				"build %zu: %s", i, section);
	}
}
END_TEST

START_TEST(perf_comes_with_its_features)
{
	_buf_ struct buf out = {0};
	const char *arch = arch_host()->goarch;

	if (!set_up() || !test_need("umoci") ||
		!test_need(kept_path("%s-strip", arch_host()->triple)))
		return;
	test_write(kept_path("%s/tree/code.c", dir), START);
	build(&out, "--tools perf");
	/* Tables of events need a Python; "told" is whether perf was told of none. */
	ck_assert_msg(
		strstr(buf_str(&out),
			fs_exists(AT_FDCWD, "/usr/bin/python3")
				? "\n  with    dwarf jevents libelf told\n  without "
				  "libperl\nlayout\n"
				: "\n  with    dwarf libelf\n  without jevents "
				  "libperl told\nlayout\n"),
		"%s", buf_str(&out));
	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s && umoci unpack --rootless --image "
			"out:kernel-perf:6.1.5-%s bundle >log 2>&1 && readelf -lSW "
			"bundle/rootfs/usr/bin/perf >perf && grep -q LOAD perf && "
			"! grep -e INTERP -e symtab perf",
			dir, arch),
		0);
}
END_TEST

/* What ships for x86_64, and what a newer release costs. */
START_TEST(an_image_has_its_microcode)
{
	_buf_ struct buf out = {0};
	const char *release, *args;

	if (!test_need_that(arch_host()->intel_ucode, "an x86_64 host") || !set_up() ||
		!test_need("umoci"))
		return;
	release = ucode_release_make();
	args = kept_path("%s/ws/6.1.x/build-args", dir);
	ck_assert_int_eq(test_sh(NULL, "echo INTEL_UCODE=%s >>%s", release, args), 0);
	test_write(kept_path("%s/tree/code.c", dir), START);
	build(&out, "");
	ck_assert_msg(
		test_sh(&out,
			"cd %s && umoci unpack --rootless --image out:6.1.5-amd64 bundle "
			">log 2>&1 && cmp bundle/rootfs/intel-ucode-license.txt "
			"%s/license && cpio -t --quiet <bundle/rootfs/intel-ucode.cpio | "
			"grep -x kernel/x86/microcode/GenuineIntel.bin && grep -rq "
			"'kiln.ucode.proof\":\"none: local; 5 updates' out/blobs",
			dir, release) == 0,
		"%s", buf_str(&out));
	/* Nothing is compiled for a change of the microcode. */
	ck_assert_int_eq(test_sh(NULL, "rm %s/intel-ucode/06-b7-01", release), 0);
	buf_clear(&out);
	build(&out, "");
	ck_assert_msg(strstr(buf_str(&out), "microcode") &&
			      strstr(buf_str(&out), "writing the image") &&
			      !strstr(buf_str(&out), "compiling"),
		"%s", buf_str(&out));
	buf_clear(&out);
	ck_assert_int_eq(test_sh(NULL, "sed -i 's|^INTEL_UCODE=|&/no|' %s", args), 0);
	ck_assert_int_eq(test_sh(&out, "%s -C %s/ws --store %s/store plan 2>&1",
				 getenv("KILN"), dir, dir),
		2);
	ck_assert_msg(
		strstr(buf_str(&out), kept_path("%s:3: INTEL_UCODE=/no%s: No such file",
					      args, release)),
		"%s", buf_str(&out));
}
END_TEST

Suite *suite_small_build(void);
Suite *suite_small_build(void)
{
	Suite *s = suite_create("small_build");

	test_case(s, "builds", 180, a_build_tells_what_is_new,
		perf_comes_with_its_features, an_image_has_its_microcode);
	return s;
}
