#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/kbuild.h"
#include "kernel/patch_vet.h"
#include "orchestrator/base/fs.h"
#include "sysroot/box.h"
#include "tests/kernel/kernel_test.h"
#include "tests/test.h"

#define HEAD "--- a/dir/file\n+++ b/dir/file\n"

/* What is refused by looking at the patch alone. */
static const struct {
	const char *what, *text, *msg;
} refused[] = {
	{"empty", "", "patch 'x.patch': is empty: it holds no unified diff"},
	{"prose only", "Subject: nothing\n\nhello\n",
		"patch 'x.patch': is empty: it holds no unified diff"},
	{"dotdot",
		"--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
		"patch 'x.patch' line 1: a/../../etc/passwd: the file name climbs out of "
		"the tree"},
	{"dotdot that comes back", "--- a/x/../y\n+++ b/x/../y\n@@ -1 +1 @@\n-a\n+b\n",
		"patch 'x.patch' line 1: a/x/../y: the file name climbs out of the tree"},
	{"absolute", "--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
		"patch 'x.patch' line 1: /etc/passwd: an absolute file name; it would "
		"leave "
		"the tree"},
	{"one climbing name", "--- a/ok\n+++ b/../bad\n@@ -1 +1 @@\n-a\n+b\n",
		"patch 'x.patch' line 2: b/../bad: the file name climbs out of the tree"},
	{"climbing rename",
		"diff --git a/x b/y\nsimilarity index 100%\nrename from x\n"
		"rename to ../y\n",
		"patch 'x.patch' line 4: ../y: the file name climbs out of the tree"},
	{"nothing to strip", "--- file\n+++ file\n@@ -1 +1 @@\n-a\n+b\n",
		"patch 'x.patch' line 1: file: no directory before the file name for -p1 "
		"to "
		"strip"},
	{"quoted name", "--- \"a/f\\303\\274\"\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n",
		"patch 'x.patch' line 1: a quoted file name; kiln takes plain ones only"},
	{"ed script", "--- a/dir/file\n+++ b/dir/file\n1c\nnew\n.\n",
		"patch 'x.patch' line 3: b/dir/file: an ed script; make it with diff -u"},
	{"bare ed script", "3,5d\n",
		"patch 'x.patch': an ed script; make it with diff -u"},
	{"ed script after a hunk", HEAD "@@ -1 +1 @@\n-a\n+b\n2a\n!id\n.\n",
		"patch 'x.patch' line 6: b/dir/file, hunk 1: an ed script; make it with "
		"diff -u"},
	{"context diff",
		"*** a/f\n--- b/f\n***************\n*** 1 ****\n! a\n--- 1 ----\n",
		"patch 'x.patch' line 1: a context diff; make it with diff -u"},
	{"CRLF", "--- a/f\r\n+++ b/f\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n",
		"patch 'x.patch' line 1: CRLF line ends; convert the patch to LF"},
	{"CRLF hunk header", HEAD "@@ -1 +1 @@\r\n-a\r\n+b\r\n",
		"patch 'x.patch' line 3: b/dir/file, hunk 1: CRLF line ends; convert the "
		"patch to LF"},
	{"cut short", HEAD "@@ -1,3 +1,3 @@\n a\n-b\n",
		"patch 'x.patch' line 5: b/dir/file, hunk 1: the hunk is cut short"},
	{"wrong counts", HEAD "@@ -1,2 +1,2 @@\n a\n@@ -9 +9 @@\n-a\n+b\n",
		"patch 'x.patch' line 5: b/dir/file, hunk 1: the hunk's lines don't "
		"match "
		"its header"},
	{"second hunk is bad", HEAD "@@ -1 +1 @@\n-a\n+b\n@@ -x +y @@\n",
		"patch 'x.patch' line 6: b/dir/file, hunk 2: a malformed hunk header"},
	{"hunk without file", "@@ -1 +1 @@\n-a\n+b\n",
		"patch 'x.patch' line 1: a hunk without a file before it"},
	{"binary", "diff --git a/f b/f\nindex 1..2\nGIT binary patch\nliteral 3\n",
		"patch 'x.patch' line 3: a binary patch, which GNU patch can't apply"},
	{"link out of the tree",
		"diff --git a/d/l b/d/l\nnew file mode 120000\n--- /dev/null\n+++ b/d/l\n"
		"@@ -0,0 +1 @@\n+../../etc\n\\ No newline at end of file\n",
		"patch 'x.patch' line 6: b/d/l, hunk 1: the symlink it makes climbs out "
		"of "
		"the tree"},
	{"absolute link",
		"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n"
		"@@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n",
		"patch 'x.patch' line 6: b/l, hunk 1: the symlink it makes climbs out of "
		"the "
		"tree"},
	{"control bytes in a name", "--- a/../\033[2J\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
		"patch 'x.patch' line 1: a/../\\x1b[2J: the file name climbs out of the "
		"tree"},
};

START_TEST(vet_refuses)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct err e = {0};
		int r = patch_vet(
			"x.patch", refused[i].text, strlen(refused[i].text), &e);

		ck_assert_msg(r == -1, "%s was taken", refused[i].what);
		ck_assert_str_eq(e.msg, refused[i].msg);
		ck_assert_int_eq(e.code, ERR_INPUT);
	}
}
END_TEST

START_TEST(vet_refuses_nul)
{
	static const char text[] = HEAD "@@ -1 +1 @@\n-a\0b\n+b\n";
	struct err e = {0};

	ck_fails(patch_vet("x.patch", text, sizeof(text) - 1, &e), &e, ERR_INPUT,
		"patch 'x.patch': holds NUL bytes; it is no text");
}
END_TEST

static const struct {
	const char *what, *text;
} taken[] = {
	{"plain", HEAD "@@ -1 +1 @@\n-a\n+b\n"},
	{"dates after names", "--- a/f\t2020-01-01 00:00:00\n+++ b/f\t2020-01-01\n"
			      "@@ -1 +1 @@\n-a\n+b\n"},
	{"new file", "--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
	{"removed lines that look like headers",
		HEAD "@@ -1,2 +1 @@\n--- a/../x\n-@@ -\n+b\n"},
	{"mail around",
		"From: x\n---\n f | 2 +-\n\n" HEAD "@@ -1 +1 @@\n-a\n+b\n-- \n2.30\n"},
	{"prose with a dashed line",
		"--- this is prose\nmore\n" HEAD "@@ -1 +1 @@\n-a\n+b\n"},
	{"rename alone", "diff --git a/x b/y\nsimilarity index 100%\nrename from x\n"
			 "rename to y\n"},
	{"stripped blank context", HEAD "@@ -1,3 +1,3 @@\n\n-a\n+b\n\n"},
	{"CR in the text", HEAD "@@ -1 +1 @@\n-a\r\n+b\r\n"},
	{"no newline at the end",
		HEAD "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n"},
	{"link inside",
		"diff --git a/d/l b/d/l\nnew file mode 120000\n--- /dev/null\n"
		"+++ b/d/l\n@@ -0,0 +1 @@\n+../e/f\n\\ No newline at end of file\n"},
	{"a word of prose like an ed command", "12a\n" HEAD "@@ -1 +1 @@\n-a\n+b\n"},
};

START_TEST(vet_takes)
{
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		struct err e = {0};

		ck_assert_msg(patch_vet("x.patch", taken[i].text, strlen(taken[i].text),
				      &e) == 0,
			"%s: %s", taken[i].what, e.msg);
	}
}
END_TEST

/* Noise: whatever comes, it is taken or refused with a sentence, and read only to its end
 * (which the sanitizers see). */
START_TEST(vet_survives_noise)
{
	unsigned seed = 1;

	for (size_t round = 0; round < 40000; round++) {
		const char *text = round & 1 ? taken[round % ARRAY_LEN(taken)].text
					     : refused[round % ARRAY_LEN(refused)].text;
		size_t len = strlen(text);
		_free_ char *copy = NULL;
		struct err e = {0};
		int r;

		len = len ? (size_t)rand_r(&seed) % len + 1 : 0;
		copy = xstrndup(text, len);
		for (int i = rand_r(&seed) % 4; i > 0 && len; i--)
			copy[(size_t)rand_r(&seed) % len] =
				"\n\r\0@-+ /.a0\\"[rand_r(&seed) % 12];
		r = patch_vet("x.patch", copy, len, &e);
		ck_assert(r == 0 || (r == -1 && e.code == ERR_INPUT &&
					    str_starts(e.msg, "patch 'x.patch'")));
	}
}
END_TEST

#define TEN "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"

/* A tree of two layers: dir/file, dir/old, gone/only, exec. */
static struct tree_test *make_tree(void)
{
	struct tree_test *t = tree_test_new();

	tree_test_write(t, "dir/file", TEN);
	tree_test_write(t, "dir/old", "old\n");
	tree_test_write(t, "gone/only", "bye\n");
	tree_test_write(t, "exec", "#!/bin/sh\n");
	ck_assert_int_eq(chmod(kept_path("%s/exec", t->tree), 0755), 0);
	return t;
}

static int run_patches(struct tree_test *t, const char *const *texts, struct err *e)
{
	const char *paths[8] = {0};

	for (size_t i = 0; texts[i]; i++) {
		paths[i] = kept_path("%s/%zu.patch", t->dir, i);
		test_write(paths[i], texts[i]);
	}
	return kbuild_patch(&t->k, paths, t->out, e);
}

/* What the tree rejects: first patch of a list of at most two that fails. */
static const struct {
	const char *what, *first, *second, *msg;
} rejected[] = {
	{"does not apply", HEAD "@@ -1,3 +1,3 @@\n x\n-y\n+Y\n z\n", NULL,
		"patch '0.patch': dir/file, hunk 1 at line 1: does not apply"},
	{"second hunk does not apply",
		HEAD
		"@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n@@ -7,3 +7,3 @@\n 7\n-x\n+8\n 9\n",
		NULL, "patch '0.patch': dir/file, hunk 2 at line 7: does not apply"},
	{"needs fuzz", HEAD "@@ -3,5 +3,5 @@\n x\n 4\n-5\n+five\n 6\n 7\n", NULL,
		"patch '0.patch': dir/file, hunk 1 at line 3: would need fuzz 1; refresh "
		"the "
		"patch"},
	{"applied already", HEAD "@@ -1,3 +1,3 @@\n 1\n-zwei\n+2\n 3\n", NULL,
		"patch '0.patch': dir/file, hunk 1: is applied already; drop the patch"},
	{"creates what is there", "--- /dev/null\n+++ b/dir/old\n@@ -0,0 +1 @@\n+old\n",
		NULL,
		"patch '0.patch': dir/old, hunk 1: is applied already; drop the patch"},
	{"no such file", "--- a/dir/none\n+++ b/dir/none\n@@ -1 +1 @@\n-a\n+b\n", NULL,
		"patch '0.patch': dir/none: there is no such file to patch"},
	{"the second patch", HEAD "@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n",
		HEAD "@@ -1,3 +1,3 @@\n 1\n-2\n+zwei\n 3\n",
		"patch '1.patch': dir/file, hunk 1 at line 1: does not apply"},
};

START_TEST(tree_rejects)
{
	struct err probe = {0};

	if (!test_need("patch") || !test_need_that(box_probe(&probe) == 0, "a box"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(rejected); i++) {
		const char *texts[] = {rejected[i].first, rejected[i].second, NULL};
		struct tree_test *t = make_tree();
		struct err e = {0};
		int r = run_patches(t, texts, &e);

		ck_assert_msg(r == -1, "%s was taken", rejected[i].what);
		ck_assert_str_eq(e.msg, rejected[i].msg);
		ck_assert_int_eq(e.code, ERR_INPUT);
		ck_assert(!fs_exists(t->out, "layer"));
		tree_test_free(t);
	}
}
END_TEST

/* Every kind of change, and the layer mounted again, in a box, over the same tree. */
START_TEST(layer_shows_the_patched_tree)
{
	static const char *const texts[] = {HEAD "@@ -8,3 +8,2 @@\n 8\n-9\n 10\n",
		"--- a/gone/only\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n",
		/* The directory went with its only file: made again it is opaque. */
		"--- /dev/null\n+++ b/gone/other\n@@ -0,0 +1 @@\n+other\n",
		"--- /dev/null\n+++ b/new/deep/file\n@@ -0,0 +1 @@\n+new\n",
		"diff --git a/dir/old b/dir/moved\nsimilarity index 100%\n"
		"rename from dir/old\nrename to dir/moved\n",
		"--- a/exec\n+++ b/exec\n@@ -1 +1,2 @@\n #!/bin/sh\n+true\n", NULL};
	struct err e = {0};
	struct tree_test *t;
	_buf_ struct buf seen = {0};
	struct stat st;

	if (!test_need("patch") || !test_need_that(box_probe(&e) == 0, "a box"))
		return;
	t = make_tree();
	ck_ok(run_patches(t, texts, &e), &e);
	ck_assert_int_eq(fstatat(t->out, "layer/dir/old", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	ck_assert_int_eq(fstatat(t->out, "layer/exec", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0755);
	ck_assert(!fs_exists(t->out, "layer/dir/file.orig"));
	tree_test_show(t, &seen);
	ck_assert_str_eq(buf_str(&seen), "./dir/file\n1\n2\n3\n4\n5\n6\n7\n8\n10\n"
					 "./dir/moved\nold\n./exec\n#!/bin/sh\ntrue\n./"
					 "gone/other\nother\n./new/deep/file\nnew\n");
	tree_test_free(t);
}
END_TEST

/* linux.tar.xz is the patched tree, below linux/, the same with any number of threads. */
START_TEST(archive_is_the_patched_tree)
{
	static const char *const texts[] = {
		"--- a/gone/only\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n",
		"--- a/dir/old\n+++ b/dir/old\n@@ -1 +1 @@\n-old\n+newer\n", NULL};
	_buf_ struct buf list = {0}, text = {0};
	struct err e = {0};
	struct tree_test *t;
	const char *tar;

	if (!test_need("patch") || !test_need("xz") ||
		!test_need_that(box_probe(&e) == 0, "a box"))
		return;
	t = make_tree();
	tar = kept_path("%s/out/linux.tar.xz", t->dir);
	ck_ok(run_patches(t, texts, &e), &e);
	t->source[0] = kept_path("%s/out/layer", t->dir);
	t->source[1] = t->tree;
	for (t->k.jobs = 1; t->k.jobs < 4; t->k.jobs += 2) {
		ck_ok(kernel_archive(&t->k, t->out, &e), &e);
		ck_assert_int_eq(
			rename(tar, kept_path("%s/%u.tar.xz", t->dir, t->k.jobs)), 0);
	}
	ck_assert_int_eq(test_sh(NULL, "cd %s && cmp 1.tar.xz 3.tar.xz", t->dir), 0);
	ck_assert_int_eq(
		test_sh(&list, "cd %s && xz -t 1.tar.xz && tar tf 1.tar.xz", t->dir), 0);
	ck_assert_str_eq(buf_str(&list), "linux/\nlinux/dir/\nlinux/dir/file\n"
					 "linux/dir/old\nlinux/exec\n");
	ck_assert_int_eq(test_sh(&text, "tar xOf %s/1.tar.xz linux/dir/old", t->dir), 0);
	ck_assert_str_eq(buf_str(&text), "newer\n");
	tree_test_free(t);
}
END_TEST

Suite *suite_patch(void);
Suite *suite_patch(void)
{
	Suite *s = suite_create("patch");

	test_case(s, "vetting", 30, vet_refuses, vet_refuses_nul, vet_takes,
		vet_survives_noise);
	test_case(s, "applying", 120, tree_rejects, layer_shows_the_patched_tree,
		archive_is_the_patched_tree);
	return s;
}
