/* Images: the same bytes from the same input, whoever makes them and with what. */
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/oci/oci_test.h"

Suite *suite_oci_image(void);

static const enum compression all[] = {COMPRESS_GZIP, COMPRESS_ZSTD, COMPRESS_NONE};

START_TEST(threads_change_nothing)
{
	const char *tree = oci_test_tree();
	_free_ char *first = NULL;

	for (int threads = 1; threads <= 8; threads *= 2) {
		const struct oci_test_image image = {.arch = "amd64",
			.tree = tree,
			.compression = all[_i],
			.threads = threads};
		_free_ char *digest = oci_test_manifest(oci_test_write(&image));

		if (!first)
			first = xstrdup(digest);
		ck_assert_str_eq(digest, first);
	}
}
END_TEST

/* The image that another user makes, with another umask, at another time. */
static char *written_by_another(const struct oci_test_image *image)
{
	const char *dir = test_tmpdir();
	_free_ char *answer = test_path("%s/answer", dir);
	int status;
	pid_t pid;

	ck_assert_int_eq(chmod(dir, 0777), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		_free_ char *digest = NULL;

		umask(0077);
		if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0 ||
			setenv("TZ", "Asia/Kathmandu", 1) < 0)
			_exit(1);
		digest = oci_test_manifest(oci_test_write_in(image, dir));
		test_write(answer, digest);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	return test_read(answer);
}

START_TEST(users_change_nothing)
{
	const struct oci_test_image image = {.arch = "arm64",
		.variant = "v8",
		.tree = oci_test_tree(),
		.compression = COMPRESS_GZIP,
		.threads = 2};
	_free_ char *ours = oci_test_manifest(oci_test_write(&image)), *theirs = NULL;

	if (!test_need_that(geteuid() == 0, "root, to become another user"))
		return;
	theirs = written_by_another(&image);
	ck_assert_str_eq(ours, theirs);
}
END_TEST

/* Source once, however many arches: the second image adds no second blob of it. */
START_TEST(layers_are_shared)
{
	const char *tree = oci_test_tree(), *layout = test_path("%s/l", test_tmpdir());
	_free_ char *source = test_path("%s/linux.tar.xz", tree);
	const char *const arches[] = {"amd64", "arm64"};
	_buf_ struct buf out = {0};

	for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
		_free_ char *text = test_path("a kernel for %s", arches[i]);
		const char *own = test_tmpdir();
		_free_ char *kernel = test_path("%s/kernel", own);
		const struct oci_test_image image = {.arch = arches[i],
			.tree = own,
			.source = source,
			.compression = COMPRESS_GZIP,
			.threads = 1};

		test_write(kernel, text);
		oci_test_publish(oci_test_write(&image), layout, "1", false);
	}
	oci_test_sound(layout);
	ck_assert_int_eq(
		test_sh(&out, "find %s/blobs/sha256 -size +100k | wc -l", layout), 0);
	ck_assert_str_eq(out.data, "1\n");
}
END_TEST

/* What is said of members and their order, by GNU tar. */
START_TEST(members)
{
	const char *tree = oci_test_tree(), *dir = test_tmpdir();
	_free_ char *kernel = test_path("%s/kernel", tree);
	_free_ char *modules = test_path("%s/lib/modules", tree);
	const struct oci_file files[] = {{.member = "kernel", .path = kernel},
		{.member = "usr/bin/perf", .path = kernel, .executable = true},
		{.member = "usr/bin/other", .path = kernel},
		{.member = "lib/modules", .path = modules}, {.member = NULL}};
	const struct oci_layer layers[] = {
		{.title = "all", .files = files, .compression = COMPRESS_ZSTD},
		{.files = NULL}};
	const struct oci_image image = {
		.architecture = "riscv64", .created = OCI_TEST_TIME, .layers = layers};
	_close_ int out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_buf_ struct buf text = {0};
	struct err e = {0};

	if (!test_need("zstd") || !test_need("tar"))
		return;
	ck_ok(oci_image_write(&image, 2, out, &e), &e);
	ck_assert_int_eq(
		test_sh(&text,
			"cd %s/blobs/sha256 && for b in *; do zstd -qdc $b 2>/dev/null "
			"| TZ=UTC tar tv 2>/dev/null; done | awk '{print $1, $2, $6}'",
			dir),
		0);
	ck_assert_str_eq(text.data, "-rw-r--r-- root/root kernel\n"
				    "drwxr-xr-x root/root usr/\n"
				    "drwxr-xr-x root/root usr/bin/\n"
				    "-rwxr-xr-x root/root usr/bin/perf\n"
				    "-rw-r--r-- root/root usr/bin/other\n"
				    "drwxr-xr-x root/root lib/\n"
				    "drwxr-xr-x root/root lib/modules/\n"
				    "drwxr-xr-x root/root lib/modules/6.1/\n"
				    "lrwxrwxrwx root/root lib/modules/6.1/build\n"
				    "drwxr-xr-x root/root lib/modules/6.1/kernel/\n");
}
END_TEST

static int write_one(
	const char *path, enum compression how, const char *dir, struct err *e)
{
	const struct oci_file files[] = {{.member = "f", .path = path}, {.member = NULL}};
	const struct oci_layer layers[] = {
		{.title = "one", .files = files, .compression = how}, {.files = NULL}};
	const struct oci_image image = {.architecture = "amd64", .layers = layers};
	_close_ int out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return oci_image_write(&image, 2, out, e);
}

START_TEST(failures_leave_no_blob)
{
	static const struct {
		const char *path;
		enum compression how;
		int code;
		const char *msg;
	} cases[] = {
		{"/nowhere/f", COMPRESS_GZIP, ERR_IO,
			"layer 'one': /nowhere/f: can't be put into an archive: No such "
			"file "
			"or directory"},
		{"/proc/version", COMPRESS_ZSTD, ERR_IO,
			"layer 'one': /proc/version: its size changed while it was put "
			"into an "
			"archive; nothing may write to it meanwhile"},
		{"/dev/null", COMPRESS_NONE, ERR_INPUT,
			"layer 'one': /dev/null: is not a regular file"},
		{"/etc/passwd", COMPRESS_XZ, ERR_USAGE,
			"a layer can't be compressed as xz: take gzip, zstd or none"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *dir = test_tmpdir();
		_buf_ struct buf out = {0};
		struct err e = {0};

		ck_fails(write_one(cases[i].path, cases[i].how, dir, &e), &e,
			cases[i].code, cases[i].msg);
		ck_assert_int_eq(test_sh(&out, "find %s -type f", dir), 0);
		ck_assert_str_eq(out.data ? out.data : "", "");
	}
}
END_TEST

/* A full disk: nothing but an error, and no file of any name. */
START_TEST(a_full_disk_leaves_no_blob)
{
	const char *tree = oci_test_tree(), *dir = test_tmpdir();
	_free_ char *big = test_path("%s/big", tree);
	struct rlimit limit = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
	_buf_ struct buf out = {0};
	struct err e = {0};

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(write_one(big, COMPRESS_GZIP, dir, &e), -1);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(e.code, ERR_IO);
	ck_assert_msg(str_ends(e.msg, ": File too large"), "%s", e.msg);
	ck_assert_int_eq(test_sh(&out, "find %s -type f", dir), 0);
	ck_assert_str_eq(out.data ? out.data : "", "");
}
END_TEST

Suite *suite_oci_image(void)
{
	Suite *s = suite_create("oci_image");
	TCase *each = tcase_create("each compression");

	tcase_set_timeout(each, 60);
	tcase_add_loop_test(each, threads_change_nothing, 0, (int)ARRAY_LEN(all));
	suite_add_tcase(s, each);
	test_case(s, "image", 60, users_change_nothing, layers_are_shared, members,
		failures_leave_no_blob, a_full_disk_leaves_no_blob);
	return s;
}
