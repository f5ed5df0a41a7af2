/* Archives that are fine, and what is tamed in them: modes, links, times; .deb packages.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/archive.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/base/tarmaker.h"
#include "tests/test.h"

static int unpack(const struct buf *tar, const char *dir, const struct archive_policy *p,
	struct err *e)
{
	_free_ char *path = test_path("%s.tar", dir);
	_close_ int fd = -1, to = -1;

	ck_ok(fs_publish(AT_FDCWD, path, tar->data, tar->len, 0644, e), e);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	to = fs_open_dir(AT_FDCWD, dir, e);
	return archive_unpack(fd, "x.tar", to, p, e);
}

static void add_mode(struct buf *tar, char type, const char *name, unsigned mode)
{
	struct tarmaker_member m = {.type = type, .name = name, .mode = mode};

	tarmaker_add(tar, &m);
}

START_TEST(modes_are_tamed)
{
	static const struct {
		char type;
		const char *name;
		unsigned mode, kept;
	} rows[] = {
		{'5', "d0", 010000, 0700},
		{'5', "d1777", 01777, 0755},
		{'5', "d700", 0700, 0700},
		{'0', "setuid", 04755, 0755},
		{'0', "setgid", 02755, 0755},
		{'0', "writable", 0666, 0644},
		{'0', "unreadable", 010000, 0600},
		{'0', "private", 0600, 0600},
	};
	const char *dir = test_tmpdir();
	_buf_ struct buf tar = {0};
	struct err e = {0};

	add_mode(&tar, '5', "./", 010000);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		add_mode(&tar, rows[i].type, rows[i].name, rows[i].mode);
	tarmaker_file(&tar, "d0/inside", "x");
	tarmaker_end(&tar);
	umask(_i ? 0 : 077);
	ck_ok(unpack(&tar, dir, NULL, &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_free_ char *path = test_path("%s/%s", dir, rows[i].name);
		struct stat st;

		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_msg((st.st_mode & 07777) == rows[i].kept, "%s: %o", path,
			st.st_mode & 07777);
	}
}
END_TEST

START_TEST(a_root_contains_its_links)
{
	const char *dir = test_tmpdir();
	_free_ char *through = test_path("%s/etc/evil", dir);
	_free_ char *up = test_path("%s/evil2", dir);
	_buf_ struct buf tar = {0};
	struct archive_policy p = {.root = true};
	struct err e = {0};

	tarmaker_dir(&tar, "etc");
	tarmaker_link(&tar, '2', "abs", "/etc");
	tarmaker_link(&tar, '2', "etc/up", "../../../../..");
	tarmaker_file(&tar, "abs/evil", "x");
	tarmaker_file(&tar, "etc/up/evil2", "x");
	tarmaker_dir(&tar, "usr/lib");
	tarmaker_link(&tar, '2', "lib", "usr/lib");
	tarmaker_dir(&tar, "lib");
	tarmaker_link(&tar, '2', "lib", "usr/lib");
	tarmaker_end(&tar);
	ck_ok(unpack(&tar, dir, &p, &e), &e);
	ck_assert(fs_exists(AT_FDCWD, through));
	ck_assert(fs_exists(AT_FDCWD, up));
	ck_assert_int_ne(access("/etc/evil", F_OK), 0);
	ck_assert_int_ne(access("/evil2", F_OK), 0);
}
END_TEST

START_TEST(same_tree_as_gnu_tar)
{
	static const char *const filters[] = {"cat", "gzip -c", "xz -c", "zstd -qc",
		"bzip2 -c", "xz -c --block-size=4096"};
	const char *dir = test_tmpdir(), *out = test_tmpdir(), *ref = test_tmpdir();
	_buf_ struct buf tar = {0}, mine = {0}, theirs = {0};
	struct archive_policy p = {.strip = 1, .keep_times = true};
	struct err e = {0};

	if (!test_need("tar") || !test_need("bzip2") || !test_need("zstd"))
		return;
	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s && mkdir -p t/a/b && seq 9999 >t/a/f && ln -s f t/a/l && "
			"ln t/a/f t/h && ln -s ../a t/a/up && printf x >'t/b c' && chmod "
			"700 t/a/b && "
			"printf y >t/$(printf 'n\\303\\274') && truncate -s 1M t/sparse "
			"&& "
			"printf z >>t/sparse && mkdir -p t/%0120d/%0120d && printf l "
			">t/%0120d/%0120d/f && "
			"find t -exec touch -h -d @1600000000 {} +",
			dir, 1, 2, 1, 2),
		0);
	ck_assert_int_eq(test_sh(&tar, "cd %s && tar %s -S -c t | %s", dir,
				 _i % 2 ? "--format=pax" : "--format=gnu",
				 filters[(size_t)_i % ARRAY_LEN(filters)]),
		0);
	ck_ok(unpack(&tar, out, &p, &e), &e);
	ck_assert_int_eq(
		test_sh(NULL, "cd %s && tar -C %s -S -c t | tar -x --strip-components=1",
			ref, dir),
		0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			test_sh(i ? &mine : &theirs,
				"cd %s && find . -mindepth 1 ! -type l -printf '%%P %%y "
				"%%m %%n %%T@\\n' "
				"| sort && find . -type l -printf '%%P %%l\\n' | sort && "
				"find . -type f | sort | xargs -d '\\n' sha256sum",
				i ? out : ref),
			0);
	ck_assert_str_eq(mine.data, theirs.data);
}
END_TEST

static int refuse_b(const char *path, const struct stat *st, void *arg, struct err *e)
{
	int *seen = arg;

	++*seen;
	ck_assert_int_eq(st->st_size, 1);
	if (str_eq(path, "b"))
		return err_set(e, ERR_INPUT, "b is not wanted");
	return !str_eq(path, "a");
}

START_TEST(a_filter_decides)
{
	const char *dir = test_tmpdir();
	_free_ char *a = test_path("%s/a", dir), *c = test_path("%s/c", dir);
	_buf_ struct buf tar = {0};
	int seen = 0;
	struct archive_policy p = {.filter = refuse_b, .filter_arg = &seen};
	struct err e = {0};

	tarmaker_file(&tar, "a", "1");
	tarmaker_file(&tar, "./c", "1");
	tarmaker_file(&tar, "b", "1");
	tarmaker_end(&tar);
	ck_fails(unpack(&tar, dir, &p, &e), &e, ERR_INPUT,
		"x.tar: entry \"b\": b is not wanted");
	ck_assert_int_eq(seen, 3);
	ck_assert(!fs_exists(AT_FDCWD, a));
	ck_assert(fs_exists(AT_FDCWD, c));
}
END_TEST

START_TEST(special_entries_can_be_left_out)
{
	const char *dir = test_tmpdir();
	_free_ char *fifo = test_path("%s/fifo", dir);
	_buf_ struct buf tar = {0};
	struct archive_policy p = {.skip_special = true};
	struct err e = {0};

	add_mode(&tar, '6', "fifo", 0644);
	add_mode(&tar, '3', "null", 0666);
	tarmaker_end(&tar);
	ck_ok(unpack(&tar, dir, &p, &e), &e);
	ck_assert(!fs_exists(AT_FDCWD, fifo));
}
END_TEST

START_TEST(an_empty_layer_is_fine_where_allowed)
{
	_buf_ struct buf tar = {0};
	struct archive_policy p = {.allow_empty = true};
	struct err e = {0};

	tarmaker_end(&tar);
	ck_ok(unpack(&tar, test_tmpdir(), &p, &e), &e);
}
END_TEST

START_TEST(a_full_disk_is_an_io_error)
{
	const char *dir = test_tmpdir();
	_free_ char *noise = xmalloc(200000);
	struct tarmaker_member m = {
		.type = '0', .name = "f", .data = noise, .len = 200000};
	_buf_ struct buf tar = {0};
	struct err e = {0};
	int r;

	if (!test_need_that(test_sh(NULL, "mount -t tmpfs -o size=64k none %s", dir) == 0,
		    "a small tmpfs (needs root)"))
		return;
	memset(noise, 'x', m.len);
	tarmaker_add(&tar, &m);
	tarmaker_end(&tar);
	r = unpack(&tar, dir, NULL, &e);
	test_sh(NULL, "umount %s", dir);
	ck_assert_int_eq(r, -1);
	ck_assert_msg(strstr(e.msg, "No space left on device"), "%s", e.msg);
	ck_assert_int_eq(e.code, ERR_IO);
}
END_TEST

/* .deb packages, made by hand: ar members of these names and contents. */
static const struct {
	const char *name, *magic, *members[3], *says;
	int cut;
} debs[] = {
	{"good", "!<arch>\n", {"debian-binary", "control.tar.xz", "data.tar.xz"}, NULL,
		0},
	{"good, old", "!<arch>\n", {"debian-binary", "control.tar.gz", "data.tar.gz"},
		NULL, 0},
	{"no ar", "!<arsh>\n", {"debian-binary", "control.tar.xz", "data.tar.xz"},
		"x.deb: not a Debian package", 0},
	{"order", "!<arch>\n", {"debian-binary", "data.tar.xz", "control.tar.xz"},
		"x.deb: not a Debian package (no control.tar where it belongs)", 0},
	{"no binary", "!<arch>\n", {"something", "control.tar.xz", "data.tar.xz"},
		"x.deb: not a Debian package (no debian-binary where it belongs)", 0},
	{"cut early", "!<arch>\n", {"debian-binary", "control.tar.xz", "data.tar.xz"},
		"x.deb: the package is cut off", 600},
	{"cut late", "!<arch>\n", {"debian-binary", "control.tar.xz", "data.tar.xz"},
		"x.deb: the package is cut off", 40},
};

static void add_ar_member(struct buf *deb, const char *name, const struct buf *data)
{
	buf_addf(deb, "%-16s%-12s%-6s%-6s%-8s%-10zu`\n", name, "0", "0", "0", "100644",
		data->len);
	buf_add(deb, data->data, data->len);
	if (data->len % 2)
		buf_addc(deb, '\n');
}

static int unpack_deb(const struct buf *deb, const char *dir, struct err *e)
{
	_free_ char *path = test_path("%s.deb", dir);
	_close_ int fd = -1, to = -1;

	ck_ok(fs_publish(AT_FDCWD, path, deb->data, deb->len, 0644, e), e);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	to = fs_open_dir(AT_FDCWD, dir, e);
	return archive_unpack_deb(fd, "x.deb", to, NULL, e);
}

START_TEST(packages)
{
	const char *dir = test_tmpdir();
	_free_ char *file = test_path("%s/usr/bin/tool", dir);
	_buf_ struct buf tar = {0}, version = {0}, deb = {0};
	struct err e = {0};

	tarmaker_dir(&tar, "./usr/bin");
	tarmaker_file(&tar, "./usr/bin/tool", "x");
	tarmaker_end(&tar);
	tarmaker_filter(&tar, str_ends(debs[_i].members[2], "gz") ? "gzip -c" : "xz -c");
	buf_adds(&version, "2.0\n");
	buf_adds(&deb, debs[_i].magic);
	for (int i = 0; i < 3; i++)
		add_ar_member(&deb, debs[_i].members[i], i ? &tar : &version);
	if (debs[_i].cut == 600)
		deb.len = 100;
	else
		deb.len -= (size_t)debs[_i].cut;
	if (debs[_i].says)
		ck_fails(unpack_deb(&deb, dir, &e), &e, ERR_INPUT, debs[_i].says);
	else
		ck_ok(unpack_deb(&deb, dir, &e), &e);
	ck_assert(fs_exists(AT_FDCWD, file) == !debs[_i].says);
}
END_TEST

START_TEST(expand_has_limits)
{
	const char *dir = test_tmpdir();
	_free_ char *path = test_path("%s/x", dir);
	_buf_ struct buf data = {0}, out = {0};
	struct err e = {0};
	_close_ int fd = -1;

	buf_adds(&data, "0123456789");
	tarmaker_filter(&data, "xz -c");
	ck_ok(fs_publish(AT_FDCWD, path, data.data, data.len, 0644, &e), &e);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_ok(archive_expand(fd, "x", 10, &out, &e), &e);
	ck_assert_str_eq(out.data, "0123456789");
	lseek(fd, 0, SEEK_SET);
	ck_fails(archive_expand(fd, "x", 9, &out, &e), &e, ERR_INPUT,
		"x: it unpacks to more than the limit of 9 B");
}
END_TEST

/* The last one of a name or of several counts, as it would after unpacking. */
START_TEST(one_file_is_found)
{
	static const char *const one[] = {"a/f", NULL}, *const two[] = {"g", "f", NULL};
	static const char *const none[] = {"h", NULL}, *const linked[] = {"l", NULL};
	static const struct {
		const char *const *members;
		size_t limit;
		int found;
		const char *text;
	} rows[] = {
		{one, 9, 1, "deep"},
		{two, 9, 2, "newer"},
		{none, 9, 0, ""},
		{linked, 9, -1, "x.tar: l is not a regular file"},
		{two, 4, -1, "x.tar: f has 5 B, more than the 4 B expected"},
	};
	_free_ char *path = test_path("%s/x.tar", test_tmpdir());
	_buf_ struct buf tar = {0};
	struct err e = {0};

	tarmaker_file(&tar, "./f", "old");
	tarmaker_file(&tar, "g", "g");
	tarmaker_file(&tar, "a/f", "deep");
	tarmaker_file(&tar, "f", "newer");
	tarmaker_link(&tar, '2', "l", "f");
	tarmaker_end(&tar);
	tarmaker_filter(&tar, "zstd -qc");
	ck_ok(fs_publish(AT_FDCWD, path, tar.data, tar.len, 0644, &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		_buf_ struct buf out = {0};
		int found = archive_find(
			fd, "x.tar", rows[i].members, rows[i].limit, &out, &e);

		ck_assert_int_eq(found, rows[i].found);
		ck_assert_str_eq(found < 0 ? e.msg : buf_str(&out), rows[i].text);
	}
}
END_TEST

Suite *suite_archive(void);
Suite *suite_archive(void)
{
	Suite *s = suite_create("archive");
	TCase *loops = tcase_create("loops");

	tcase_set_timeout(loops, 60);
	tcase_add_loop_test(loops, modes_are_tamed, 0, 2);
	tcase_add_loop_test(loops, same_tree_as_gnu_tar, 0, 12);
	tcase_add_loop_test(loops, packages, 0, (int)ARRAY_LEN(debs));
	suite_add_tcase(s, loops);
	test_case(s, "single", 60, a_root_contains_its_links, a_filter_decides,
		special_entries_can_be_left_out, an_empty_layer_is_fine_where_allowed,
		a_full_disk_is_an_io_error, expand_has_limits, one_file_is_found);
	return s;
}
