/* Tar streams: GNU tar is the oracle, and the same input is always the same bytes. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/tar.h"
#include "tests/test.h"

#define A10  "abcdefghij"
#define A90  A10 A10 A10 A10 A10 A10 A10 A10 A10
#define A100 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10

static struct tar *open_tar(int fd, int64_t mtime)
{
	return tar_open(sink_fd(fd, "archive", NULL), mtime);
}

static int new_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void tar_tree(const char *archive, const char *prefix, const char *tree)
{
	_close_ int fd = new_file(archive);
	struct tar *t = open_tar(fd, 1700000000);
	struct err e = {0};

	ck_ok(tar_add_tree(t, prefix, AT_FDCWD, tree, NULL, NULL, &e), &e);
	ck_ok(tar_close(t, &e), &e);
}

static const char *make_tree(void)
{
	const char *dir = test_tmpdir();

	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s && umask 022 && mkdir -p t/b/c t/a.d t/a t/empty && "
			"echo one >t/b/one && head -c 700001 /dev/urandom >t/b/c/big && "
			"printf x >t/a/x && printf y >t/a.d/y && : >t/zero && "
			"head -c 512 /dev/zero >t/block && echo '#!' >t/run && chmod 755 "
			"t/run && "
			"ln -s ../b/one t/a/link && ln -s /nowhere t/dangling && "
			"mkdir t/" A90 " && echo deep >t/" A90 "/" A10 A10 A10 " && "
			"touch 't/with space' 't/\303\244' t/-dash && ln t/b/one t/hard",
			dir),
		0);
	return dir;
}

/* Where ustar suffices, the bytes are those of GNU tar. */
START_TEST(equals_gnu_tar)
{
	const char *dir = make_tree();
	_free_ char *ours = test_path("%s/ours.tar", dir), *tree = test_path("%s/t", dir);

	if (!test_need("tar"))
		return;
	tar_tree(ours, "./", tree);
	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s/t && LC_ALL=C tar -c -b1 --format=ustar --sort=name "
			"--hard-dereference --owner=root:0 --group=root:0 "
			"--mtime=@1700000000 "
			". | tail -c +513 >../theirs.tar && cmp ../theirs.tar "
			"../ours.tar",
			dir),
		0);
}
END_TEST

/* GNU tar, bsdtar and Python read names, links and sizes that need pax records. */
START_TEST(long_names_survive)
{
	const char *dir = test_tmpdir();
	_free_ char *archive = test_path("%s/a.tar", dir);
	_close_ int fd = new_file(archive);
	struct tar *t = open_tar(fd, 1700000000);
	_buf_ struct buf out = {0};
	struct err e = {0};

	ck_ok(tar_add_dir(t, A100 A100 "/" A100, &e), &e);
	ck_ok(tar_add_bytes(t, A100 A100 "/" A100 "/f", 0755, "hello", 5, &e), &e);
	ck_ok(tar_add_symlink(t, "l", A100 A10 "/" A100, &e), &e);
	ck_ok(tar_add_bytes(t, A100, 0600, "", 0, &e), &e);
	ck_ok(tar_close(t, &e), &e);
	ck_assert_int_eq(test_sh(&out,
				 "cd %s && tar xf a.tar && cat " A100 A100 "/" A100
				 "/f && readlink l && stat -c '%%a %%Y' l " A100,
				 dir),
		0);
	ck_assert_str_eq(
		out.data, "hello" A100 A10 "/" A100 "\n777 1700000000\n644 1700000000\n");
}
END_TEST

START_TEST(times_beyond_ustar)
{
	const char *dir = test_tmpdir();
	_free_ char *archive = test_path("%s/a.tar", dir);
	_close_ int fd = new_file(archive);
	struct tar *t = open_tar(fd, 8589934592);
	_buf_ struct buf out = {0};
	struct err e = {0};

	ck_ok(tar_add_bytes(t, "f", 0644, "", 0, &e), &e);
	ck_ok(tar_close(t, &e), &e);
	ck_assert_int_eq(
		test_sh(&out,
			"cd %s && tar xf a.tar 2>&1 | grep -v future; stat -c %%Y f",
			dir),
		0);
	ck_assert_str_eq(out.data, "8589934592\n");
}
END_TEST

static bool keep_no_b(const char *path, const struct stat *st, void *arg)
{
	(void)st;
	(void)arg;
	return !str_eq(path, "b");
}

START_TEST(keep_decides)
{
	const char *dir = make_tree();
	_free_ char *archive = test_path("%s/a.tar", dir), *tree = test_path("%s/t", dir);
	_close_ int fd = new_file(archive);
	struct tar *t = open_tar(fd, 0);
	_buf_ struct buf out = {0};
	struct err e = {0};

	ck_ok(tar_add_tree(t, "p/", AT_FDCWD, tree, keep_no_b, NULL, &e), &e);
	ck_ok(tar_close(t, &e), &e);
	ck_assert_int_eq(
		test_sh(&out, "tar tf %s | grep -e '^p/b/' -e '^p/a/'", archive), 0);
	ck_assert_str_eq(out.data, "p/a/\np/a/link\np/a/x\n");
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		const char *make, *sentence;
		int code;
	} cases[] = {
		{"mkfifo t/x",
			"%s/t/x: is neither a directory nor a file nor a link, and has "
			"no "
			"place in an archive",
			ERR_INPUT},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *dir = test_tmpdir();
		_free_ char *tree = test_path("%s/t", dir), *want = NULL;
		_close_ int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		struct tar *t = open_tar(fd, 0);
		struct err e = {0};

		ck_assert_int_eq(test_sh(NULL, "mkdir %s && cd %s && %s", tree, dir,
					 cases[i].make),
			0);
		want = test_path(cases[i].sentence, dir);
		ck_fails(tar_add_tree(t, "", AT_FDCWD, tree, NULL, NULL, &e), &e,
			cases[i].code, want);
		tar_abort(t);
	}
}
END_TEST

/* /proc files say size 0 and hold more: just what a growing file looks like. */
START_TEST(a_changing_file_is_an_error)
{
	_close_ int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct tar *t = open_tar(fd, 0);
	struct err e = {0};

	ck_fails(tar_add_file(t, "f", AT_FDCWD, "/proc/version", &e), &e, ERR_IO,
		"/proc/version: its size changed while it was put into an archive; "
		"nothing "
		"may write to it meanwhile");
	tar_abort(t);
}
END_TEST

Suite *suite_tar(void);
Suite *suite_tar(void)
{
	Suite *s = suite_create("tar");

	test_case(s, "tar", 30, equals_gnu_tar, long_names_survive, times_beyond_ustar,
		keep_decides, refusals, a_changing_file_is_an_error);
	return s;
}
