#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/kbuild.h"
#include "orchestrator/base/fs.h"
#include "sysroot/box.h"
#include "tests/kernel/kernel_test.h"
#include "tests/test.h"

#define RELEASE "6.1.0-test"

/* A tree that answers kiln's make targets as a kernel's does, with objects that the
 * host's compiler made beforehand. */
static const char makefile[] =
	"R = " RELEASE "\n"
	"M = $(INSTALL_MOD_PATH)/lib/modules/$(R)\n"
	"all:\n"
	"\t@echo KCFLAGS=$(KCFLAGS) LOCALVERSION=$(origin LOCALVERSION)\n"
	"\tmkdir -p $(dir $(IMAGE)) include/config scripts\n"
	"\techo image >$(IMAGE); echo $(R) >include/config/kernel.release\n"
	"\tcp fixtures/vmlinux vmlinux; echo symbols >Module.symvers\n"
	"\tcp -P fixtures/System.map System.map\n"
	"\techo prog >scripts/prog; chmod 755 scripts/prog\n"
	"\ttest ! -f fixtures/fail || { cat fixtures/fail >&2; exit 1; }\n"
	"\ttest ! -f fixtures/print || { env; $(PAHOLE) -J -j vmlinux; } >printed.sh\n"
	"\ttest ! -f /module-key.pem || cat /module-key.pem >seen.sh\n"
	/* A build that replaces what kiln will take by links to the host's files. */
	"\ttest ! -f fixtures/boot || { rm -r $(dir $(IMAGE)); "
	"ln -s $$(cat fixtures/boot) $(patsubst %/,%,$(dir $(IMAGE))); }\n"
	"\ttest ! -f fixtures/release || { rm -r include/config; "
	"ln -s $$(cat fixtures/release) include/config; }\n"
	"headers_install:\n"
	"\tmkdir -p $(INSTALL_HDR_PATH)/include/linux\n"
	"\techo h >$(INSTALL_HDR_PATH)/include/linux/a.h\n"
	"modules_install:\n"
	"\tmkdir -p $(M)/kernel/lib; cp -a fixtures/*.ko $(M)/kernel/lib/\n"
	"\tln -s /linux $(M)/build; ln -s /linux $(M)/source\n"
	"\techo kernel/lib/a.ko >$(M)/modules.order; echo >$(M)/modules.builtin\n"
	"\techo $(DEPMOD) >$(M)/depmod-was\n"
	"\ttest ! -f fixtures/top || { rm -r $(INSTALL_MOD_PATH); "
	"ln -s $$(cat fixtures/top) $(INSTALL_MOD_PATH); }\n"
	"dtbs_install:\n"
	"\tmkdir -p $(INSTALL_DTBS_PATH)/vendor; echo d "
	">$(INSTALL_DTBS_PATH)/vendor/x.dtb\n";

/* Compiles a module: vermagic, linker's options. */
#define KO(vermagic, option, name)                                                       \
	"printf '__attribute__((section(\".modinfo\"),used)) static const char v[] = "   \
	"\"vermagic=" vermagic " SMP \";int f(void){return 1;}' >$d/x.c && "             \
	"gcc -c -o $d/x.o $d/x.c && ld -r " option " -o $d/" name " $d/x.o && rm $d/x.?"

#define VMLINUX                                                                          \
	"echo 'void _start(void){}' >$d/v.c && gcc -nostdlib -static "                   \
	"-Wl,--build-id=sha1 "                                                           \
	"-o $d/vmlinux $d/v.c && rm $d/v.c && echo map >$d/System.map"

static struct tree_test *make_tree(const char *extra)
{
	struct tree_test *t = tree_test_new();

	tree_test_write(t, "fixtures/none", "");
	tree_test_write(t, "Makefile",
		kept_path("IMAGE = %s\n%s", t->k.arch->images[0], makefile));
	tree_test_write(t, "include/linux/kernel.h", "k\n");
	tree_test_write(t, "arch/x86/include/asm/a.h", "a\n");
	tree_test_write(t, "lib/main.c", "not in the devkit\n");
	ck_assert_int_eq(test_sh(NULL,
				 "d=%s/fixtures image=%s; " VMLINUX
				 " && " KO(RELEASE, "--build-id=sha1", "a.ko") " && %s",
				 t->tree, t->k.arch->images[0], extra),
		0);
	return t;
}

static int compile(struct tree_test *t, const char *config, bool debug, struct err *e)
{
	const char *path = kept_path("%s/config", t->dir);
	const struct compile_request request = {.config = path, .debug = debug};

	test_write(path, config);
	return kbuild_compile(&t->k, &request, t->out, e);
}

static bool needs(void)
{
	struct err e = {0};

	return test_need("gcc") && test_need("make") &&
	       test_need_that(box_probe(&e) == 0, "a box");
}

#define CONFIG "CONFIG_MODULES=y\n"

/* What the build does wrong, and the sentence about it. */
static const struct {
	const char *what, *extra, *config, *msg;
	int code;
} wrong[] = {
	{"compiler's error", "printf 'lib/a.c:3:4: error: no\\n' >$d/fail", CONFIG,
		"compile: lib/a.c:3:4: error: no (make target all)", ERR_BUILD},
	{"another release", KO("6.1.1-test", "--build-id", "b.ko"), CONFIG,
		"lib/modules/" RELEASE
		"/kernel/lib/b.ko: has vermagic '6.1.1-test SMP ', but "
		"the release is " RELEASE,
		ERR_BUILD},
	{"release is a prefix", KO(RELEASE "-x", "--build-id", "b.ko"), CONFIG,
		"lib/modules/" RELEASE "/kernel/lib/b.ko: has vermagic '" RELEASE
		"-x SMP ', but the release is " RELEASE,
		ERR_BUILD},
	{"no build id", KO(RELEASE, "--build-id=none", "b.ko"), CONFIG,
		"lib/modules/" RELEASE "/kernel/lib/b.ko: carries no build id",
		ERR_BUILD},
	{"no ELF", "echo text >$d/b.ko", CONFIG,
		"lib/modules/" RELEASE "/kernel/lib/b.ko: is no ELF file", ERR_BUILD},
	/* e_machine, two bytes at 18: 40 is ARM. */
	{"another machine",
		"cp $d/a.ko $d/b.ko && printf '\\050\\000' | dd of=$d/b.ko bs=1 seek=18 "
		"conv=notrunc 2>/dev/null",
		CONFIG, NULL, ERR_BUILD},
	{"a FIFO among the modules", "mkfifo $d/b.ko", CONFIG, NULL, ERR_INPUT},
	{"a link instead of System.map", "ln -sf /etc/passwd $d/System.map", CONFIG, NULL,
		0},
	{"the image's directory is a link to the host",
		"mkdir $d/../../host && echo s >$d/../../host/$(basename $image) && "
		"realpath $d/../../host >$d/boot",
		CONFIG, NULL, 0},
	{"the release's directory is a link to the host",
		"mkdir $d/../../host && echo " RELEASE
		" >$d/../../host/kernel.release && "
		"realpath $d/../../host >$d/release",
		CONFIG, NULL, 0},
	{"the modules' top is a link to the host",
		"mkdir $d/../../host && realpath $d/../../host >$d/top", CONFIG, NULL, 0},
	{"signing without a key", "true", CONFIG "CONFIG_MODULE_SIG=y\n", NULL,
		ERR_USAGE},
};

START_TEST(refuses_wrong_results)
{
	if (!needs())
		return;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct tree_test *t = make_tree(wrong[i].extra);
		struct err e = {0};
		int r = compile(t, wrong[i].config, false, &e);

		ck_assert_msg(r == -1, "%s was taken", wrong[i].what);
		if (wrong[i].msg)
			ck_assert_str_eq(e.msg, wrong[i].msg);
		if (wrong[i].code)
			ck_assert_msg(e.code == wrong[i].code, "%s: %s (%d)",
				wrong[i].what, e.msg, e.code);
		tree_test_free(t);
	}
}
END_TEST

static void list(const char *tar, const char *to)
{
	ck_assert_int_eq(test_sh(NULL, "tar tf %s >%s", tar, to), 0);
}

/* The recipe, as a shell would do it, over the tree that the build left. */
#define RECIPE                                                                           \
	"set -e; r=" RELEASE "; t=%s; mkdir -p $t/k $t/h $t/d/usr/src/linux-headers-$r;" \
	"cp -a %s/. $t/k/; cd $t/k/lib/modules/$r; depmod -b $t/k $r; rm -f build "      \
	"source;"                                                                        \
	"ln -s /usr/src/linux-headers-$r build; cd $t/k; tar cf ../kernel.tar .;"        \
	"cp -a %s/. $t/h/; cd $t/h; tar cf ../kernel-headers.tar usr;"                   \
	"cp -a %s/. $t/d/usr/src/linux-headers-$r/; cd $t/d; tar cf ../kernel-dev.tar "  \
	"usr/src"

START_TEST(packs_what_the_recipe_packs)
{
	static const char *const tars[] = {
		"kernel.tar", "kernel-headers.tar", "kernel-dev.tar"};
	struct tree_test *t;
	struct err e = {0};
	const char *out, *want;
	_buf_ struct buf diff = {0};
	char *text;

	if (!needs() || !test_need("depmod"))
		return;
	t = make_tree("true");
	out = kept_path("%s/out", t->dir);
	want = kept_path("%s/want", t->dir);
	ck_ok(compile(t, CONFIG, true, &e), &e);
	ck_assert(fs_exists(t->out, "vmlinux"));
	text = test_read(kept_path("%s/release", out));
	ck_assert_str_eq(text, RELEASE "\n");
	free(text);
	ck_assert_int_eq(
		test_sh(NULL, RECIPE, want, kept_path("%s/modules", out),
			kept_path("%s/headers", out), kept_path("%s/devkit", out)),
		0);
	ck_ok(kernel_pack(out, 1700000000, t->out, &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(tars); i++) {
		list(kept_path("%s/%s", out, tars[i]), kept_path("%s/got.list", t->dir));
		list(kept_path("%s/%s", want, tars[i]),
			kept_path("%s/want.list", t->dir));
		/* The fake tree's own mark; and what newer kmods write, older ones not.
		 */
		ck_assert_msg(
			test_sh(&diff,
				"cd %s && for f in got want; do grep -v "
				"'depmod-was$\\|modules.weakdep$' $f.list | sort >$f.s; "
				"done; diff want.s got.s",
				t->dir) == 0,
			"%s: %s", tars[i], buf_str(&diff));
	}
	ck_assert_int_eq(test_sh(NULL,
				 "cd %s && tar xOf kernel.tar ./lib/modules/" RELEASE
				 "/depmod-was | grep -qx true",
				 out),
		0);
	tree_test_free(t);
}
END_TEST

/* A caller's environment, umask and directory decide nothing. */
START_TEST(environment_is_fixed)
{
	struct tree_test *t;
	struct err e = {0};
	_free_ char *printed = NULL;

	if (!needs())
		return;
	t = make_tree("touch $d/print");
	setenv("KBUILD_BUILD_USER", "somebody", 1);
	setenv("TZ", "Asia/Tokyo", 1);
	setenv("CFLAGS", "-O0", 1);
	ck_ok(compile(t, CONFIG "CONFIG_DEBUG_INFO_BTF=y\n", false, &e), &e);
	ck_assert(!fs_exists(t->out, "vmlinux"));
	printed = test_read(kept_path("%s/out/devkit/printed.sh", t->dir));
	ck_assert(
		strstr(printed, "KBUILD_BUILD_TIMESTAMP=Tue Nov 14 22:13:20 UTC 2023\n"));
	ck_assert(strstr(printed, "SOURCE_DATE_EPOCH=1700000000\n"));
	ck_assert(strstr(printed, "KBUILD_BUILD_USER=kiln\n"));
	ck_assert(strstr(printed, "TZ=UTC\n"));
	ck_assert(!strstr(printed, "-O0"));
	/* One thread, whatever kbuild asked for. */
	ck_assert(strstr(printed, "pahole was called: -J -j vmlinux -j1\n"));
	tree_test_free(t);
}
END_TEST

/* The key is where the configuration says, in the box alone, and the old line is gone. */
START_TEST(the_key_is_given_to_the_build)
{
	struct compile_request request = {0};
	struct tree_test *t;
	struct err e = {0};
	char *text;

	if (!needs())
		return;
	t = make_tree("true");
	request.config = kept_path("%s/config", t->dir);
	request.module_key = kept_path("%s/key.pem", t->dir);
	test_write(request.module_key, "a key\n");
	test_write(request.config, "CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\n"
				   "CONFIG_MODULE_SIG_KEY=\"certs/signing_key.pem\"\n");
	ck_ok(kbuild_compile(&t->k, &request, t->out, &e), &e);
	text = test_read(kept_path("%s/out/config", t->dir));
	ck_assert_str_eq(text, "CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\n"
			       "CONFIG_MODULE_SIG_KEY=\"/module-key.pem\"\n");
	free(text);
	text = test_read(kept_path("%s/out/devkit/seen.sh", t->dir));
	ck_assert_str_eq(text, "a key\n");
	free(text);
	tree_test_free(t);
}
END_TEST

Suite *suite_compile(void);
Suite *suite_compile(void)
{
	Suite *s = suite_create("compile");

	test_case(s, "compile", 120, refuses_wrong_results, packs_what_the_recipe_packs,
		environment_is_fixed, the_key_is_given_to_the_build);
	return s;
}
