/* depmod where there is no oracle to agree with: what goes wrong, and who reads it. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/depmod.h"
#include "kernel/kbuild.h"
#include "orchestrator/base/fs.h"
#include "tests/kernel/depmod_oracle.h"

/* Runs a script with $t, $d, $k of tree and $KILN; both outputs go to out. */
static int script(struct buf *out, const char *tree, const char *text)
{
	return test_sh(out,
		"export LC_ALL=C; t=%s; d=$t/lib/modules/" SMALL_RELEASE "; k=$d/kernel;"
		"mod() { sh tests/kernel/depmod-tree.sh mod \"$@\"; }\n%s",
		tree, text);
}

static const struct run {
	const char *name, *script, *says; /* says: with "T" for the tree */
	int status;
} runs[] = {
	{"a full disk leaves what was there",
		"mkdir $t/full; export t d; unshare -rm sh -c '"
		"mount -t tmpfs -o size=32k none $t/full; cd $t/full;"
		"mkdir -p lib/modules/" SMALL_RELEASE "; cd lib/modules/" SMALL_RELEASE
		";"
		"echo old >modules.dep; $KILN depmod -b $t -o $t/full " SMALL_RELEASE
		" 2>&1 | grep FATAL; cat modules.dep; ls'",
		"depmod: FATAL: modules.symbols.bin: can't write: No space left on "
		"device\nold\n"
		"modules.dep\n",
		0},
	{"a name that can't be replaced keeps all from appearing",
		"mkdir $d/modules.softdep; $KILN depmod -b $t " SMALL_RELEASE
		" 2>&1 | grep FATAL; ls -F $d",
		"depmod: FATAL: can't replace modules.softdep: it is a "
		"directory\nkernel/\n"
		"modules.builtin\nmodules.builtin.modinfo\nmodules.order\nmodules."
		"softdep/\n",
		0},
	{"nothing appears when a key isn't ASCII",
		"mod $k/i.ko i:alias='h\\303\\244';"
		"$KILN depmod -b $t " SMALL_RELEASE " 2>&1 | grep -a FATAL | cut -b1-51;"
		"ls $d | grep dep",
		"depmod: FATAL: Module index: bad character '\303'=0xc3\n", 1},
	{"cycles beside the root's own end",
		"mod $k/a.ko e:a n:b; mod $k/b.ko e:b n:a n:c; mod $k/c.ko e:c n:b;"
		"timeout 20 $KILN depmod -b $t " SMALL_RELEASE
		" 2>&1; echo $?; ls $d | grep dep",
		"depmod: ERROR: Cycle detected: c -> b -> c\n"
		"depmod: ERROR: Cycle detected: b -> a -> b\n"
		"depmod: ERROR: Found 3 modules in dependency cycles!\n1\n",
		1},
	{"-A does nothing while nothing is newer",
		"$KILN depmod -b $t " SMALL_RELEASE
		" 2>/dev/null; touch -d 2099-01-01 $d/modules.dep;"
		"rm $d/modules.alias; $KILN depmod -A -b $t " SMALL_RELEASE
		"; ls $d | grep -x modules.alias",
		"", 1},
	{"-A works when a module is newer",
		"$KILN depmod -b $t " SMALL_RELEASE
		" 2>/dev/null; touch -d 2099-01-01 $k/base.ko;"
		"rm $d/modules.alias; $KILN depmod -A -b $t " SMALL_RELEASE
		" 2>/dev/null; ls $d | grep -x modules.alias",
		"modules.alias\n", 0},
	{"-o and -m",
		"mv $t/lib $t/mods; $KILN depmod -b $t -m /mods/modules -o "
		"$t/new/root " SMALL_RELEASE
		" 2>/dev/null; ls $t/new/root/mods/modules/" SMALL_RELEASE
		"; ls $t/mods/modules/" SMALL_RELEASE " | grep dep",
		"modules.alias\nmodules.alias.bin\nmodules.builtin.alias.bin\nmodules."
		"builtin.bin\n"
		"modules.dep\nmodules.dep.bin\nmodules.devname\nmodules.softdep\nmodules."
		"symbols\n"
		"modules.symbols.bin\nmodules.weakdep\n",
		1},
	{"called by its name", "ln -s $KILN $t/depmod; $t/depmod -b $t 2>/dev/null -V",
		NULL, 0},
	{"an unknown release of kmod", "$KILN depmod --compat 12",
		"depmod: FATAL: no kmod release '12' is known: --compat takes 30 or 34\n",
		1},
	{"a FIFO by its name",
		"mkfifo $k/p.ko; timeout 20 $KILN depmod -b $t " SMALL_RELEASE " $k/p.ko",
		"depmod: FATAL: unsupported file type T/lib/modules/" SMALL_RELEASE
		"/kernel/p.ko: 10000\n",
		1},
};

START_TEST(runs_as_told)
{
	const struct run *r = &runs[_i];
	const char *tree = small_tree();
	_buf_ struct buf out = {0}, want = {0};
	int status;

	if (!test_need("as"))
		return;
	status = script(&out, tree, r->script);
	for (const char *p = r->says; p && *p; p++) {
		if (*p == 'T' && p[1] == '/')
			buf_adds(&want, tree);
		else
			buf_addc(&want, *p);
	}
	if (r->says)
		ck_assert_msg(str_eq(buf_str(&out), buf_str(&want)),
			"%s:\n%s\n--- not:\n%s", r->name, buf_str(&out), buf_str(&want));
	else
		ck_assert_msg(str_starts(buf_str(&out), "kmod version "), "%s", out.data);
	ck_assert_msg(status == r->status, "%s: exit %d", r->name, status);
}
END_TEST

/* A section at the very end of the file, with nothing in it: libkmod 30 aborts. */
START_TEST(one_module_can_not_take_the_others_down)
{
	const char *tree = small_tree();
	_buf_ struct buf out = {0};

	if (!test_need("as") || !test_need("objdump"))
		return;
	ck_assert_int_eq(
		script(&out, tree,
			"f=$k/base.ko; size=$(stat -c %s $f); shoff=$(od -An -j40 -N8 "
			"-tu8 $f);"
			"n=$(objdump -hw $f | wc -l);"
			"i=$(readelf -SW $f | sed -n 's/.*\\[ *\\([0-9]*\\)\\] "
			".symtab.*/\\1/p');"
			"printf \"$(printf '\\\\%o\\\\%o\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0' "
			"$((size % 256)) "
			"$((size / 256)))\\0\\0\\0\\0\\0\\0\\0\\0\" |"
			"dd of=$f bs=1 seek=$((shoff + i * 64 + 24)) conv=notrunc "
			"status=none;"
			"$KILN depmod -b $t " SMALL_RELEASE " 2>&1 | grep -c base.ko;"
			"grep -c . $d/modules.dep; grep -o '^kernel/mid.ko:.*' "
			"$d/modules.dep"),
		0);
	/* 34's own libkmod reads it, and finds nothing. */
	ck_assert_msg(
		str_eq(buf_str(&out), "1\n13\nkernel/mid.ko:\n") ||
			str_eq(buf_str(&out), "0\n13\nkernel/mid.ko: kernel/base.ko\n"),
		"%s", buf_str(&out));
}
END_TEST

/* Debian's kmod has no zlib, so its word on plain modules is the oracle. */
START_TEST(gzip_is_as_plain)
{
	const char *tree = small_tree();
	_buf_ struct buf out = {0};

	if (!test_need("as") || !test_need("gzip") || !test_need("modprobe"))
		return;
	ck_assert_msg(
		script(&out, tree,
			"set -e; mkdir $t/plain $t/gz; deps() { for m in $(sed -n "
			"'s|.*/\\(.*\\).ko.*:.*|\\1|p' $d/modules.dep); do modprobe -n "
			"-d $t -S "
			"" SMALL_RELEASE " --show-depends $m; done; }\n"
			"$KILN depmod -b $t " SMALL_RELEASE
			" 2>/dev/null; deps >$t/plain/deps;"
			"cp $d/modules.* $t/plain; find $k -name '*.ko' | xargs gzip;"
			"$KILN depmod -b $t " SMALL_RELEASE
			" 2>/dev/null; deps >$t/gz/deps;"
			"cp $d/modules.* $t/gz; rm $t/plain/modules.dep.bin "
			"$t/gz/modules.dep.bin;"
			"sed -i 's/\\.ko/.ko.gz/g' $t/plain/modules.dep $t/plain/deps;"
			"diff -r $t/plain $t/gz; grep -c 'base.ko.gz' $t/gz/deps") == 0,
		"%s", buf_str(&out));
	ck_assert_str_eq(buf_str(&out), "7\n");
}
END_TEST

START_TEST(the_pack_stage_gets_kmods_bytes)
{
	const char *tree = small_tree(), *to = test_tmpdir();
	const char *oracle = oracle_depmod(34);
	_close_ int out = open(to, O_RDONLY | O_DIRECTORY);
	struct err e = {0};

	if (!oracle)
		return;
	/* It must not warn of anything that the oracle calls an error. */
	ck_assert_int_eq(script(NULL, tree, "rm $k/fs/dev-nothing.ko"), 0);
	ck_ok(kernel_depmod(tree, SMALL_RELEASE, out, &e), &e);
	ck_assert_int_eq(
		test_sh(NULL, "%s -b %s %s 2>/dev/null", oracle, tree, SMALL_RELEASE), 0);
	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s && for f in *; do cmp $f %s/lib/modules/%s/$f || exit 1;"
			"done; [ $(ls | wc -l) = 11 ]",
			to, tree, SMALL_RELEASE),
		0);
}
END_TEST

/* What kmod only mentions is an error for a kernel that is about to ship. */
START_TEST(the_pack_stage_is_strict)
{
	static const struct {
		const char *script, *sentence;
	} broken[] = {
		{"mkdir $d/new; mv $k/base.ko $d/new; truncate -s 200 $d/new/base.ko",
			"depmod of %s/lib/modules/6.1.0-t: failed to load symbols from "
			"%s/lib/modules/6.1.0-t/new/base.ko: Invalid argument"},
		{"mod $k/a.ko e:a n:b; mod $k/b.ko e:b n:a",
			"depmod of %s/lib/modules/6.1.0-t: Cycle detected: b -> a -> b"},
		{"rm -r $t/lib",
			"depmod of %s/lib/modules/6.1.0-t: could not search modules: "
			"No such file or directory"},
	};

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		const char *tree = small_tree(), *to = test_tmpdir();
		_close_ int out = open(to, O_RDONLY | O_DIRECTORY);
		_free_ char *want = test_path(broken[i].sentence, tree, tree);
		struct err e = {0};

		ck_assert_int_eq(script(NULL, tree, broken[i].script), 0);
		ck_assert_int_eq(kernel_depmod(tree, SMALL_RELEASE, out, &e), -1);
		ck_assert_str_eq(e.msg, want);
		ck_assert_int_eq(test_sh(NULL, "[ -z \"$(ls %s)\" ]", to), 0);
	}
}
END_TEST

static const char *const release_of[] = {"30", "34"};

/* modprobe, modinfo and static-nodes say the same of kiln's indexes as of kmod's. */
START_TEST(kmods_readers_agree)
{
	const char *version, *tree = oracle_tree(&version);
	_buf_ struct buf theirs = {0}, ours = {0};

	if (!tree || !oracle_depmod(30) || !test_need("modprobe") ||
		!test_need("unshare"))
		return;
	ck_assert_int_eq(test_sh(NULL, "depmod -b %s %s", tree, version), 0);
	ck_assert_msg(test_sh(&theirs, "sh tests/kernel/depmod-clients.sh %s %s 40", tree,
			      version) == 0,
		"%s", buf_str(&theirs));
	for (size_t i = 0; i < ARRAY_LEN(release_of); i++) {
		ck_assert_int_eq(test_sh(NULL, "$KILN depmod --compat %s -b %s %s",
					 release_of[i], tree, version),
			0);
		ck_assert_int_eq(
			test_sh(&ours, "sh tests/kernel/depmod-clients.sh %s %s 40", tree,
				version),
			0);
		ck_assert_str_eq(buf_str(&ours), buf_str(&theirs));
	}
	ck_assert_ptr_nonnull(strstr(buf_str(&theirs), "tun net/tun c10:200"));
}
END_TEST

START_TEST(any_number_of_workers)
{
	const char *version, *tree = oracle_tree(&version), *to = test_tmpdir();
	_free_ char *dir = NULL;

	if (!tree)
		return;
	dir = test_path("%s/lib/modules/%s", tree, version);
	for (unsigned n = 1; n <= 5; n += 2) {
		_free_ char *out = test_path("%s/%u", to, n);
		struct depmod_options o = {
			.dir = dir, .release = version, .out_path = out, .workers = n};
		struct err e = {0};

		ck_ok(depmod_run(&o, &e), &e);
	}
	ck_assert_int_eq(test_sh(NULL, "cd %s && diff -r 1 3 && diff -r 1 5", to), 0);
}
END_TEST

/* Every input that ever mattered, and a few changed ones. */
START_TEST(the_fuzzers_corpus)
{
	_buf_ struct buf out = {0};

	ck_assert_msg(
		test_sh(&out, "%s/tests/fuzz/fuzz_depmod tests/fuzz/corpus/depmod 100",
			test_build_dir()) == 0,
		"%s", buf_str(&out));
}
END_TEST

Suite *suite_depmod_run(void);
Suite *suite_depmod_run(void)
{
	Suite *s = suite_create("depmod_run");
	TCase *told = tcase_create("as told");

	tcase_set_timeout(told, 60);
	tcase_add_loop_test(told, runs_as_told, 0, (int)ARRAY_LEN(runs));
	suite_add_tcase(s, told);
	test_case(s, "modules", 60, one_module_can_not_take_the_others_down,
		gzip_is_as_plain);
	test_case(s, "fuzz", 240, the_fuzzers_corpus);
	test_case(s, "pack", 240, the_pack_stage_gets_kmods_bytes,
		the_pack_stage_is_strict);
	test_case(s, "real tree", 240, kmods_readers_agree, any_number_of_workers);
	return s;
}
