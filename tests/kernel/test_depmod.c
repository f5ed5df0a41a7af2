/* kiln's depmod beside kmod's own: the same tree, the same bytes, the same words. */
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/kernel/depmod_oracle.h"

/* What is done to the small tree (with $k its modules, $d its module directory, $t the
 * tree, mod as in depmod-tree.sh), and how depmod is called. only: a release, or 0. */
static const struct change {
	const char *name, *script, *args;
	int only;
} changes[] = {
	{"as it is", ":", "", 0},
	{"System.map", ":", "-e -F $t/System.map", 0},
	{"Module.symvers", ":", "-e -E $t/Module.symvers", 0},
	{"both, versions win", ":", "-e -F $t/System.map -E $t/Module.symvers", 0},
	{"-e alone", ":", "-e", 0},
	{"-E without -e", ":", "-E $t/Module.symvers", 0},
	{"no such System.map", ":", "-F /nowhere/System.map", 0},
	{"duplicates", ":", "-w", 0},
	{"verbose", ":", "-v -F $t/System.map", 0},
	{"more verbose", "mkdir $t/c; echo override base 2.6 x >$t/c/a.conf; >$t/c/b.txt",
		"-v -v -C $t/c", 0},
	{"to stdout", ":", "-n", 0},
	{"a symbol prefix",
		"mod $k/p.ko e:_pre e:__two n:base_one; mod $k/q.ko n:pre n:_two", "-P _",
		0},
	{"names with a dot",
		"mod $k/dot.ko n:.base_one n:..base_two; mod $k/d.o.t.ko e:x_y", "", 0},
	{"a cycle", "mod $k/a.ko e:a n:b; mod $k/b.ko e:b n:a", "", 0},
	{"a cycle of three and what hangs on it",
		"mod $k/a.ko e:a n:b; mod $k/b.ko e:b n:c n:base_one; mod $k/c.ko e:c "
		"n:a;"
		"mod $k/d.ko n:a",
		"", 0},
	{"two cycles",
		"mod $k/a.ko e:a n:b; mod $k/b.ko e:b n:a;"
		"mod $k/c.ko e:c n:d; mod $k/d.ko e:d n:c",
		"", 0},
	{"updates win",
		"cp $k/net/lone.ko $k/net/old; mkdir $d/updates;"
		"mod $d/updates/lone.ko e:lone_one i:alias=new",
		"", 0},
	{"the same name twice", "mkdir $k/z $k/y; cp $k/base.ko $k/z; cp $k/mid.ko $k/y",
		"", 0},
	{"two forms of one name", "cp $k/net/top-most.ko $k/net/top_most.ko", "", 0},
	{"search built-in first",
		"mkdir $d/updates $t/c; cp $k/base.ko $d/updates; mod $d/extra/base.ko "
		"e:base_one;"
		"echo search built-in updates extra >$t/c/s.conf",
		"-C $t/c", 0},
	{"search extra first",
		"mkdir $d/updates $t/c; cp $k/base.ko $d/updates; mod $d/extra/base.ko "
		"e:base_one;"
		"printf 'search extra \\\\\\n updates\\nsearch built-in\\n' >$t/c/s.conf",
		"-C $t/c", 0},
	{"override",
		"mod $d/odd/base.ko e:base_one; echo override base '*' odd >$t/o.conf",
		"-C $t/o.conf", 0},
	{"override by a pattern",
		"mod $d/odd/base.ko e:base_one; echo 'override base ^6[.]1 odd' "
		">$t/o.conf",
		"-C $t/o.conf", 0},
	{"override of what was found first",
		"mod $d/odd/base.ko e:base_one; echo override base '*' kernel >$t/o.conf",
		"-C $t/o.conf", 0},
	{"external",
		"mod $t/ext/outside.ko n:base_one e:out; mod $t/ext/base.ko e:base_one;"
		"printf 'external * %s/ext\\nsearch external built-in\\n' $t >$t/x.conf",
		"-C $t/x.conf", 0},
	{"external that isn't there", "echo 'external * /nowhere/at/all' >$t/x.conf",
		"-C $t/x.conf", 0},
	{"exclude", "echo 'exclude fs lib' >$t/x.conf", "-C $t/x.conf", 0},
	{"bad lines",
		"printf '# c\\n\\n \\t\\nmake_map_files no\\ninclude x\\nsearch\\nbogus "
		"a\\n"
		"override a b\\nexternal a\\noverride a [ b\\nend' >$t/x.conf",
		"-C $t/x.conf", 0},
	{"the first of equal config names",
		"mkdir -p $t/c1/dir.conf $t/c2; echo exclude fs >$t/c1/b.conf;"
		"echo exclude lib >$t/c2/b.conf; echo bogus >$t/c2/a.conf; "
		">$t/c2/.h.conf",
		"-C $t/c1 -C $t/c2 -C $t/c3", 0},
	{"an empty module", ">$k/net/lone.ko", "", 0},
	{"a short module", "printf abc >$k/net/lone.ko", "", 0},
	{"no ELF", "seq 1000 >$k/net/lone.ko", "", 0},
	{"half a module", "truncate -s 400 $k/base.ko", "", 0},
	{"a class that there isn't", "printf '\\7' | poke $k/base.ko 4", "", 0},
	{"the other class", "printf '\\1' | poke $k/base.ko 4", "", 0},
	{"the other byte order", "printf '\\2' | poke $k/base.ko 5", "", 0},
	{"no byte order", "printf '\\3' | poke $k/base.ko 5", "", 0},
	{"sections behind the end", "printf '\\377\\377\\377' | poke $k/base.ko 40", "",
		0},
	{"too many sections", "printf '\\377\\377' | poke $k/base.ko 60", "", 0},
	{"sections of another size", "printf '\\1' | poke $k/base.ko 58", "", 0},
	{"another machine", "printf '\\267' | poke $k/base.ko 18", "", 0},
	{"32 bits",
		"export AS='as --32'; mod $k/base.ko e:base_one:0x11 n:printk "
		"i:alias=small",
		"", 0},
	{"a FIFO", "mkfifo $k/pipe.ko", "", 0},
	{"links",
		"ln -s ../base.ko $k/net/linked.ko; ln -s fs $k/fs2; ln -s gone $k/l.ko",
		"", 0},
	{"a directory named as a module", "mkdir $k/dir.ko; mv $k/base.ko $k/dir.ko/", "",
		0},
	{"build and source", "mkdir $d/build $d/source; cp $k/base.ko $d/build/b.ko", "",
		0},
	{"xz", "find $k -name '*.ko' | xargs xz --check=crc32", "-e -F $t/System.map", 0},
	{"zstd", "find $k -name '*.ko' | xargs zstd -q --rm", "", 0},
	{"a mixture", "xz -k --check=crc32 $k/base.ko; zstd -q --rm $k/fs/*.ko", "", 0},
	{"a damaged xz", "xz $k/base.ko; printf 'xxxx' | poke $k/base.ko.xz 40", "", 30},
	{"half an xz", "xz $k/base.ko; truncate -s 200 $k/base.ko.xz", "", 30},
	{"a damaged zst",
		"zstd -q --rm $k/base.ko; printf 'xxxx' | poke $k/base.ko.zst 4", "", 30},
	{"plain, named xz", "mv $k/base.ko $k/base.ko.xz", "", 0},
	{"xz, named plain", "xz $k/base.ko; mv $k/base.ko.xz $k/base.ko", "", 0},
	{"no modules.order", "rm $d/modules.order", "", 0},
	{"an open end in modules.order", "printf kernel/x.ko >>$d/modules.order", "", 0},
	{"an endless line in modules.order",
		"head -c 9000 /dev/zero | tr '\\0' x | cat - "
		"$d/modules.order >$t/o; mv $t/o $d/modules.order",
		"", 0},
	{"an empty modules.order", ">$d/modules.order", "", 0},
	{"nothing built in", "rm $d/modules.builtin*", "", 0},
	{"odd lines in modules.builtin",
		"printf '\\n#x\\nkernel/a-b.ko\\nplain\\n/abs.ko\\nkernel/a-b.ko' "
		">$d/modules.builtin",
		"", 0},
	{"no modules", "rm -r $k", "", 0},
	{"one module", "mv $k/base.ko $d; rm -r $k", "", 0},
	{"no tree", "rm -r $d", "", 0},
	{"these modules", ":", "@ $k/base.ko $k/mid.ko $k/fs/user.ko", 0},
	{"all, whatever is named", ":", "-a @ $k/base.ko", 0},
	{"a relative module", ":", "@ base.ko", 0},
	{"a module that isn't there", ":", "@ /nowhere/x.ko", 0},
	{"a module twice", ":", "@ $k/base.ko $k/base.ko", 0},
	{"a module outside", "mod $t/m/out-side.ko n:base_one",
		"@ $t/m/out-side.ko $k/base.ko", 0},
	{"brackets",
		"mod $k/br.ko i:alias='a[1' i:alias='b]' i:alias='c[-]-' i:alias='[-'",
		"", 0},
	{"infos of any form",
		"mod $k/i.ko i:alias i:alias= i:=x i:aliases=no i:alias=a=b", "", 0},
	{"unreadable", "chmod 0 $k/base.ko $k/fs", "", 0},
	{"a bad prefix", ":", "-P xy", 0},
	{"no version", ":", "bad", 0},
	{"an unknown option", ":", "--bogus", 0},
	{"a module that is built in as well",
		"mod $k/core.ko i:alias=mine; depmod -b $t 6.1.0-t", "", 0},
};

static const char *master; /* the small tree, made once */

static void make_master(void)
{
	master = small_tree();
}

static const char *copy_of_master(void)
{
	const char *tree = test_tmpdir();

	ck_assert_int_eq(test_sh(NULL, "cp -r %s/. %s", master, tree), 0);
	return tree;
}

static void apply(const char *tree, const char *script)
{
	_buf_ struct buf out = {0};
	int status = test_sh(&out,
		"set -e; t=%s; d=$t/lib/modules/" SMALL_RELEASE "; k=$d/kernel;"
		"mod() { sh tests/kernel/depmod-tree.sh mod \"$@\"; }\n"
		"poke() { dd of=$1 bs=1 seek=$2 conv=notrunc status=none; }\n%s",
		tree, script);

	ck_assert_msg(status == 0, "%s: %s", script, buf_str(&out));
}

/* Fills in what a change's arguments name. */
static char *arguments(const char *tree, const char *args)
{
	_buf_ struct buf out = {0};

	ck_assert_int_eq(test_sh(&out,
				 "t=%s; k=$t/lib/modules/" SMALL_RELEASE "/kernel;"
				 "printf '%%s\\n' \"%s\"",
				 tree, args),
		0);
	return xstrndup(out.data, out.len - 1);
}

START_TEST(same_as_kmod)
{
	const struct change *c = &changes[_i];
	const char *tree = copy_of_master();
	_free_ char *args = arguments(tree, c->args);

	if (!test_need("as"))
		return;
	apply(tree, c->script);
	for (int release = 30; release <= 34; release += 4)
		if (!c->only || c->only == release)
			compare_depmod(release, tree, SMALL_RELEASE, args, c->name);
}
END_TEST

/* A real kernel: a thousand modules, signed, with everything that Debian's config has. */
START_TEST(same_on_a_real_tree)
{
	const char *version, *tree = oracle_tree(&version);

	if (!tree)
		return;
	compare_depmod(30, tree, version, "", "cloud kernel");
	compare_depmod(34, tree, version, "", "cloud kernel");
}
END_TEST

Suite *suite_depmod(void);
Suite *suite_depmod(void)
{
	Suite *s = suite_create("depmod");
	TCase *same = tcase_create("same as kmod");

	tcase_add_unchecked_fixture(same, make_master, NULL);
	tcase_set_timeout(same, 240); /* the first fetches the oracle */
	tcase_add_loop_test(same, same_as_kmod, 0, (int)ARRAY_LEN(changes));
	suite_add_tcase(s, same);
	test_case(s, "real tree", 240, same_on_a_real_tree);
	return s;
}
