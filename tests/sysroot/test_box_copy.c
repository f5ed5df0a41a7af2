/* A box without overlayfs, held against a box with it; and copying results out of what a
 * hostile build has left. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/sysroot/box_fixture.h"

static void layer(struct box_fixture *f, const char *name)
{
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, box_path(f, name), 0755, &e), &e);
}

/* Three layers: files replaced, hidden by whiteouts, and a directory made opaque. */
static void make_layers(struct box_fixture *f)
{
	layer(f, "l1/dir/sub");
	layer(f, "l1/gone");
	layer(f, "l1/opaque");
	test_write(box_path(f, "l1/file"), "one\n");
	test_write(box_path(f, "l1/dir/a"), "a\n");
	test_write(box_path(f, "l1/dir/sub/deep"), "deep\n");
	test_write(box_path(f, "l1/gone/x"), "x\n");
	test_write(box_path(f, "l1/opaque/below"), "below\n");
	test_write(box_path(f, "l1/was-file"), "f\n");
	layer(f, "l2/opaque");
	layer(f, "l2/was-file");
	test_write(box_path(f, "l2/file"), "two\n");
	test_write(box_path(f, "l2/opaque/above"), "above\n");
	test_write(box_path(f, "l2/was-file/now"), "dir\n");
	ck_assert_int_eq(
		setxattr(box_path(f, "l2/opaque"), "user.overlay.opaque", "y", 1, 0), 0);
	ck_assert_int_eq(mknod(box_path(f, "l2/gone"), S_IFCHR, makedev(0, 0)), 0);
	layer(f, "l3/dir");
	test_write(box_path(f, "l3/dir/b"), "b\n");
	ck_assert_int_eq(symlink("dir/a", box_path(f, "l3/link")), 0);
	f->lower[0] = box_path(f, "l3");
	f->lower[1] = box_path(f, "l2");
	f->lower[2] = box_path(f, "l1");
}

static const char list[] =
	"cd /linux && find . | sort && for f in $(find . -type f | sort);"
	"do echo $f; cat $f; done; readlink link";

static const char change[] =
	"cd /linux && echo more >>dir/a && rm dir/sub/deep && rm -r opaque"
	" && mkdir opaque && echo n >opaque/new && mv file renamed"
	" && rm -r was-file && echo again >was-file && ln -s x newlink"
	" && mkdir -p gone/again && chmod 755 dir/b && rm link";

/* One box changes, the next one over the layer that the first left lists: the same story
 * in both ways, also crosswise, since a layer of one must serve the other. */
static const char *story(
	struct box_fixture *f, const char *name, bool copy, bool copy_next)
{
	_buf_ struct buf before = {0}, after = {0}, next = {0};
	const char *lower[] = {NULL, f->lower[0], f->lower[1], f->lower[2], NULL};
	const char *upper = box_path(f, box_text("%s/upper", name));

	f->box.copy = copy;
	f->box.scratch = box_path(f, box_text("%s-root", name));
	f->overlays[0].scratch = box_path(f, name);
	f->overlays[0].lower = f->lower;
	ck_assert_int_eq(box_sh(f, &before, list), 0);
	ck_assert_int_eq(box_sh(f, &after, change), 0);
	ck_assert_int_eq(box_sh(f, &after, list), 1);
	lower[0] = upper;
	f->box.copy = copy_next;
	f->box.scratch = box_path(f, box_text("%s-root2", name));
	f->overlays[0].scratch = box_path(f, box_text("%s-2", name));
	f->overlays[0].lower = lower;
	ck_assert_int_eq(box_sh(f, &next, list), 1);
	ck_assert_str_eq(buf_str(&next), buf_str(&after));
	return box_text("%s---\n%s", buf_str(&before), buf_str(&after));
}

START_TEST(copy_is_as_overlayfs)
{
	struct box_fixture f;

	if (!box_fixture_shell(&f))
		return;
	make_layers(&f);
	const char *overlay = story(&f, "oo", false, false);
	const char *copy = story(&f, "cc", true, true);
	const char *overlay_copy = story(&f, "oc", false, true);
	const char *copy_overlay = story(&f, "co", true, false);

	ck_assert_ptr_nonnull(strstr(overlay, "./opaque/above\n"));
	ck_assert_ptr_null(strstr(overlay, "./opaque/below\n"));
	ck_assert_str_eq(copy, overlay);
	ck_assert_str_eq(overlay_copy, overlay);
	ck_assert_str_eq(copy_overlay, overlay);
}
END_TEST

/* The layer holds the changes and nothing else. */
START_TEST(copy_leaves_only_changes)
{
	struct box_fixture f;
	_buf_ struct buf out = {0};

	if (!box_fixture_shell(&f))
		return;
	f.box.copy = true;
	ck_assert_int_eq(box_sh(&f, &out, "echo x >/linux/new; rm /linux/sub/deep"), 0);
	ck_assert_int_eq(test_sh(&out, "cd %s && find . | sort && stat -c %%F sub/deep",
				 box_path(&f, "scratch-linux/upper")),
		0);
	ck_assert_str_eq(
		buf_str(&out), ".\n./new\n./sub\n./sub/deep\ncharacter special file\n");
}
END_TEST

/* What a build may plant where a result is expected; `reads` is what must not come out.
 */
static const struct {
	const char *script;
	const char
		*sentence; /* of fs_copy_file("out/kernel"), or NULL: it may be copied */
} plants[] = {
	{"ln -s $SECRET /out/kernel", "kernel is a link where a file is expected"},
	{"ln -s ../secret /out/kernel", "kernel is a link where a file is expected"},
	{"ln -s /proc/self/environ /out/kernel",
		"kernel is a link where a file is expected"},
	{"busybox mkfifo /out/kernel", "kernel is not a regular file"},
	{"busybox mknod /out/kernel c 0 0",
		"can't open kernel: No such device or address"},
	{"mkdir /out/kernel", "kernel is not a regular file"},
	{"echo fine >/out/kernel; chmod 7777 /out/kernel", NULL},
	{"ln /given/file /out/kernel 2>/dev/null || echo fine >/out/kernel", NULL},
};

START_TEST(planted_results_are_refused)
{
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
		struct box_fixture f;
		_buf_ struct buf out = {0};
		struct stat st;

		if (!box_fixture_shell(&f))
			return;
		test_write(box_path(&f, "secret"), "secret\n");
		f.env[1] = box_text("SECRET=%s", box_path(&f, "secret"));
		ck_assert_msg(box_sh(&f, &out, plants[i].script) == 0, "%s: %s",
			plants[i].script, buf_str(&out));
		_close_ int from = open(box_path(&f, "out"), O_RDONLY | O_DIRECTORY);
		_close_ int to = open(f.dir, O_RDONLY | O_DIRECTORY);

		if (plants[i].sentence) {
			ck_fails(fs_copy_file(from, "kernel", to, "got", 0644, &e), &e,
				e.code, plants[i].sentence);
			ck_assert(!fs_exists(to, "got"));
			continue;
		}
		ck_ok(fs_copy_file(from, "kernel", to, "got", 0644, &e), &e);
		ck_assert_int_eq(fstatat(to, "got", &st, AT_SYMLINK_NOFOLLOW), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0644);
		ck_assert_uint_eq(st.st_nlink, 1);
	}
}
END_TEST

/* Trees: script, and the sentence of the refusal, or what find prints of the copy. */
static const struct {
	const char *script, *sentence, *listing;
} trees[] = {
	{"mkdir -p /out/t/a && echo 1 >/out/t/a/f && chmod 4711 /out/t/a/f", NULL,
		"d 755 .\nd 755 ./a\nf 755 ./a/f\n"},
	/* A link in the place of a directory stays a link: nothing is read through it. */
	{"mkdir /out/t && ln -s $SECRETDIR /out/t/a", NULL, "d 755 .\nl 777 ./a\n"},
	{"mkdir /out/t && ln -s ../../.. /out/t/up", NULL, "d 755 .\nl 777 ./up\n"},
	{"mkdir /out/t && busybox mkfifo /out/t/p",
		"p is neither a file, a directory nor a link", NULL},
	{"mkdir /out/t && busybox mknod /out/t/d c 0 0",
		"d is neither a file, a directory nor a link", NULL},
};

START_TEST(planted_trees_are_refused)
{
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		struct box_fixture f;
		_buf_ struct buf out = {0};

		if (!box_fixture_shell(&f))
			return;
		layer(&f, "secrets");
		test_write(box_path(&f, "secrets/f"), "secret\n");
		f.env[1] = box_text("SECRETDIR=%s", box_path(&f, "secrets"));
		if (box_sh(&f, &out, trees[i].script))
			ck_abort_msg("%s: %s", trees[i].script, buf_str(&out));
		_close_ int from = open(box_path(&f, "out"), O_RDONLY | O_DIRECTORY);
		_close_ int to = open(f.dir, O_RDONLY | O_DIRECTORY);

		if (trees[i].sentence) {
			ck_fails(fs_copy_tree(from, "t", to, "got", NULL, NULL, &e), &e,
				ERR_INPUT, trees[i].sentence);
			continue;
		}
		ck_ok(fs_copy_tree(from, "t", to, "got", NULL, NULL, &e), &e);
		ck_assert_int_eq(
			test_sh(&out,
				"cd %s/got && find . -printf '%%y %%m %%p\\n' | sort -k3",
				f.dir),
			0);
		ck_assert_str_eq(buf_str(&out), trees[i].listing);
	}
}
END_TEST

/* The top of the tree is a link that the build planted. */
START_TEST(planted_top_is_not_followed)
{
	struct box_fixture f;
	_buf_ struct buf out = {0};
	struct err e = {0};

	if (!box_fixture_shell(&f))
		return;
	layer(&f, "secrets");
	test_write(box_path(&f, "secrets/f"), "secret\n");
	f.env[1] = box_text("S=%s", box_path(&f, "secrets"));
	ck_assert_int_eq(box_sh(&f, &out, "ln -s $S /out/t"), 0);
	_close_ int from = open(box_path(&f, "out"), O_RDONLY | O_DIRECTORY);
	_close_ int to = open(f.dir, O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(fs_copy_tree(from, "t", to, "got", NULL, NULL, &e), -1);
	ck_assert(!fs_exists(to, "got/f"));
}
END_TEST

Suite *suite_box_copy(void);
Suite *suite_box_copy(void)
{
	Suite *s = suite_create("box_copy");

	test_case(s, "copy", 60, copy_is_as_overlayfs, copy_leaves_only_changes);
	test_case(s, "results", 60, planted_results_are_refused,
		planted_trees_are_refused, planted_top_is_not_followed);
	return s;
}
