#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/kmake.h"
#include "orchestrator/base/fs.h"
#include "tests/kernel/kernel_test.h"
#include "tests/test.h"

const char *kept_path(const char *fmt, ...)
{
	static struct str_vec kept;
	_free_ char *path = NULL;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&path, fmt, ap), 0);
	va_end(ap);
	str_vec_take(&kept, steal(path));
	return kept.items[kept.len - 1];
}

/* A root directory of the host's own programs with the libraries that they load; made
 * once for each test process. */
static const char *box_root(void)
{
	static const char script[] =
		"set -e; r=%s; mkdir -p $r/usr/bin $r/usr/lib $r/usr/lib64 $r/tmp $r/etc;"
		"for d in bin lib lib64; do ln -s usr/$d $r/$d; done;"
		"for p in gcc ld; do x=$r/usr/bin/%s-$p; chmod 755 $r;"
		"  printf '#!/bin/sh\\necho \"'$p' 1.0\"\\necho more\\n' >$x; chmod 755 "
		"$x; done;"
		"printf '#!/bin/sh\\necho pahole was called: \"$@\"\\n' "
		">$r/usr/bin/pahole;"
		"chmod 755 $r/usr/bin/pahole;"
		"for p in sh patch make find sort cat cp mkdir true rm ln chmod env echo "
		"test"
		"; do"
		"  f=$(readlink -f /usr/bin/$p); cp $f $r/usr/bin/$p;"
		"  ldd $f | sed -n 's/.*[ \t]\\(\\/[^ ]*\\) (0x.*/\\1/p' | while read -r "
		"l; do"
		"    mkdir -p $r$(dirname $l); cp -L -n $l $r$l; done;"
		"done";
	static const char *root;
	static pid_t made_by;

	if (root && made_by == getpid())
		return root;
	root = kept_path("%s/root-%d", test_tmpdir(), getpid());
	made_by = getpid();
	ck_assert_int_eq(test_sh(NULL, script, root, arch_host()->triple), 0);
	return root;
}

struct tree_test *tree_test_new(void)
{
	static unsigned count;
	struct tree_test *t = xcalloc(1, sizeof(*t));
	struct err e = {0};
	const char *scratch;

	t->dir = kept_path("%s/kernel-%u-%d", test_tmpdir(), count++, getpid());
	t->tree = kept_path("%s/tree", t->dir);
	scratch = kept_path("%s/scratch", t->dir);
	ck_ok(fs_mkdirs(AT_FDCWD, t->tree, 0755, &e), &e);
	ck_ok(fs_mkdirs(AT_FDCWD, scratch, 0755, &e), &e);
	ck_ok(fs_mkdirs(AT_FDCWD, kept_path("%s/out", t->dir), 0755, &e), &e);
	t->out = fs_open_dir(AT_FDCWD, kept_path("%s/out", t->dir), &e);
	ck_ok(t->out, &e);
	t->source[0] = t->tree;
	t->k = (struct kbuild){
		.arch = arch_host(),
		.toolchain = toolchain_find("gcc", &e),
		.root = box_root(),
		.source = t->source,
		.scratch = scratch,
		.date = 1700000000,
		.log = open(kept_path("%s/log", t->dir),
			O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644),
		.jobserver = {-1, -1},
		.jobs = 2,
		.cancel = -1,
	};
	ck_assert_int_ge(t->k.log, 0);
	return t;
}

void tree_test_write(struct tree_test *t, const char *path, const char *text)
{
	_free_ char *full = fs_join(t->tree, path);
	_free_ char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, dir, 0755, &e), &e);
	test_write(full, text);
}

void tree_test_show(struct tree_test *t, struct buf *out)
{
	static const char *const argv[] = {"sh", "-c",
		"find . -type f | LC_ALL=C sort | while read -r f; do echo \"$f\"; "
		"cat \"$f\"; done",
		NULL};
	const char *source[] = {kept_path("%s/out/layer", t->dir), t->tree, NULL};
	struct kbuild k = t->k;
	const char *shown = kept_path("%s/shown", t->dir);
	_close_ int fd = open(shown, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct kmake_run run = {.argv = argv, .in = -1, .out = fd, .err = -1};
	struct proc_end end;
	struct err e = {0};
	char *text;

	k.source = source;
	k.scratch = kept_path("%s/show", t->dir);
	ck_ok(kmake_box(&k, &run, &end, &e), &e);
	ck_assert_msg(proc_ok(&end), "find %s", proc_describe(&end));
	text = test_read(shown);
	buf_adds(out, text);
	free(text);
}

void tree_test_free(struct tree_test *t)
{
	struct err e = {0};

	mem_close_ptr(&t->out);
	mem_close_ptr(&t->k.log);
	ck_ok(fs_remove(AT_FDCWD, t->dir, &e), &e);
	free(t);
}
