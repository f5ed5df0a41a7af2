#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <signal.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/test.h"

static int open_tmp(void)
{
	return open(test_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

START_TEST(publish_is_whole)
{
	_close_ int dir = open_tmp();
	_buf_ struct buf b = {0};
	_str_vec_ struct str_vec names = {0};
	struct err e = {0};

	ck_ok(fs_publish(dir, "f", "old", 3, 0600, &e), &e);
	ck_ok(fs_publish(dir, "f", "newer", 5, 0644, &e), &e);
	ck_ok(fs_read(dir, "f", 100, &b, &e), &e);
	ck_assert_str_eq(b.data, "newer");
	ck_ok(fs_list(dir, ".", &names, &e), &e);
	ck_assert_uint_eq(names.len, 1);
}
END_TEST

START_TEST(publish_leaves_nothing_when_full)
{
	_close_ int dir = open_tmp();
	_str_vec_ struct str_vec names = {0};
	struct rlimit limit = {4096, 4096};
	static char big[100000];
	struct err e = {0};

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_fails(fs_publish(dir, "f", big, sizeof(big), 0644, &e), &e, ERR_IO,
		"f: can't write: File too large");
	ck_ok(fs_list(dir, ".", &names, &e), &e);
	ck_assert_uint_eq(names.len, 0);
}
END_TEST

START_TEST(read_has_a_limit)
{
	_close_ int dir = open_tmp();
	_buf_ struct buf b = {0};
	struct err e = {0};

	ck_ok(fs_publish(dir, "f", "12345", 5, 0644, &e), &e);
	ck_fails(fs_read(dir, "f", 4, &b, &e), &e, ERR_INPUT, "f is larger than 4 B");
	ck_fails(fs_read(dir, "none", 4, &b, &e), &e, ERR_IO,
		"can't open none: No such file or directory");
}
END_TEST

START_TEST(remove_needs_no_permission_bits_and_follows_nothing)
{
	_close_ int dir = open_tmp();
	struct err e = {0};

	ck_ok(fs_mkdirs(dir, "keep", 0755, &e), &e);
	ck_ok(fs_publish(dir, "keep/f", "x", 1, 0644, &e), &e);
	ck_ok(fs_mkdirs(dir, "t/a/b", 0755, &e), &e);
	ck_ok(fs_publish(dir, "t/a/b/f", "x", 1, 0644, &e), &e);
	ck_assert_int_eq(symlinkat("../keep", dir, "t/link"), 0);
	ck_assert_int_eq(fchmodat(dir, "t/a/b", 0, 0), 0);
	ck_assert_int_eq(fchmodat(dir, "t/a", 0555, 0), 0);
	ck_ok(fs_remove(dir, "t", &e), &e);
	ck_assert(!fs_exists(dir, "t"));
	ck_assert(fs_exists(dir, "keep/f"));
	ck_ok(fs_remove(dir, "t", &e), &e);
}
END_TEST

START_TEST(commit_never_replaces)
{
	_close_ int dir = open_tmp();
	struct err e = {0};

	ck_ok(fs_mkdirs(dir, "a/x", 0755, &e), &e);
	ck_ok(fs_mkdirs(dir, "b/y", 0755, &e), &e);
	ck_assert_int_eq(fs_commit(dir, "a", "final", &e), 0);
	ck_assert_int_eq(fs_commit(dir, "b", "final", &e), 1);
	ck_assert(fs_exists(dir, "final/x") && fs_exists(dir, "b/y"));
}
END_TEST

START_TEST(copy_tree_takes_links_as_links_and_refuses_the_rest)
{
	_close_ int dir = open_tmp();
	char target[64] = "";
	struct err e = {0};

	ck_ok(fs_mkdirs(dir, "from/sub", 0700, &e), &e);
	ck_ok(fs_publish(dir, "from/sub/x", "x", 1, 0700, &e), &e);
	ck_assert_int_eq(symlinkat("/etc/shadow", dir, "from/link"), 0);
	ck_ok(fs_copy_tree(dir, "from", dir, "to", NULL, NULL, &e), &e);
	ck_assert_int_gt(readlinkat(dir, "to/link", target, sizeof(target) - 1), 0);
	ck_assert_str_eq(target, "/etc/shadow");
	ck_assert_int_eq(mkfifoat(dir, "from/pipe", 0600), 0);
	ck_fails(fs_copy_tree(dir, "from", dir, "to2", NULL, NULL, &e), &e, ERR_INPUT,
		"pipe is neither a file, a directory nor a link");
	ck_fails(fs_copy_file(dir, "from/link", dir, "stolen", 0644, &e), &e, ERR_INPUT,
		"from/link is a link where a file is expected");
	ck_fails(fs_copy_file(dir, "from/pipe", dir, "stolen", 0644, &e), &e, ERR_INPUT,
		"from/pipe is not a regular file");
}
END_TEST

START_TEST(tree_digest_sees_content_and_not_times)
{
	_close_ int dir = open_tmp();
	char first[65], second[65];
	struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct err e = {0};

	ck_ok(fs_mkdirs(dir, "t/a", 0755, &e), &e);
	ck_ok(fs_publish(dir, "t/a/f", "1", 1, 0644, &e), &e);
	ck_ok(digest_tree(dir, "t", first, &e), &e);
	ck_assert_int_eq(utimensat(dir, "t/a/f", old, 0), 0);
	ck_ok(digest_tree(dir, "t", second, &e), &e);
	ck_assert_str_eq(first, second);
	ck_assert_int_eq(fchmodat(dir, "t/a/f", 0755, 0), 0);
	ck_ok(digest_tree(dir, "t", second, &e), &e);
	ck_assert_str_ne(first, second);
	ck_ok(fs_publish(dir, "t/a/f", "2", 1, 0644, &e), &e);
	ck_ok(digest_tree(dir, "t", second, &e), &e);
	ck_assert_str_ne(first, second);
}
END_TEST

START_TEST(a_held_lock_is_said)
{
	_close_ int dir = open_tmp();
	struct err e = {0};
	_close_ int first = fs_lock(dir, "lock", true, false, &e);

	ck_assert_int_ge(first, 0);
	ck_fails(fs_lock(dir, "lock", true, false, &e), &e, ERR_LOCK,
		"lock is held by another kiln: wait for it to end");
}
END_TEST

START_TEST(open_in_root_stays_inside)
{
	_close_ int dir = open_tmp();
	_close_ int fd = -1;
	struct err e = {0};

	ck_ok(fs_mkdirs(dir, "etc", 0755, &e), &e);
	ck_ok(fs_publish(dir, "etc/hostname", "inside", 6, 0644, &e), &e);
	ck_assert_int_eq(symlinkat("/etc/../../../etc/hostname", dir, "link"), 0);
	fd = fs_open_in_root(dir, "link", O_RDONLY);
	ck_assert_int_ge(fd, 0);
	char text[16] = "";

	ck_assert_int_eq(read(fd, text, 15), 6);
	ck_assert_str_eq(text, "inside");
}
END_TEST

Suite *suite_fs(void);
Suite *suite_fs(void)
{
	Suite *s = suite_create("fs");

	test_case(s, "files", 10, publish_is_whole, publish_leaves_nothing_when_full,
		read_has_a_limit, commit_never_replaces, a_held_lock_is_said,
		open_in_root_stays_inside);
	test_case(s, "trees", 10, remove_needs_no_permission_bits_and_follows_nothing,
		copy_tree_takes_links_as_links_and_refuses_the_rest,
		tree_digest_sees_content_and_not_times);
	return s;
}
