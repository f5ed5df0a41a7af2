/* Hostile archives: each is refused with a sentence that names the entry, and nothing is
 * written outside; as whoever runs the tests, and as root of a user namespace. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "orchestrator/base/archive.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/base/tarmaker.h"
#include "tests/test.h"

/* A row makes its archive from up to four members, and then spoils it. */
struct member {
	char type; /* of ustar; 'L', 'K': long name or link; 'x': pax key (name) = link */
	const char *name, *link;
	unsigned long long size; /* announced, where it is not what is there */
};
struct hostile {
	const char *name;
	struct member members[4];
	void (*spoil)(struct buf *tar); /* after the end marker; NULL: sound */
	struct archive_policy policy;
	const char *says; /* whole, or with '*' at its end: how it begins */
};

static char long_name[5001], long_part[301], deep[601];

static void no_end(struct buf *tar)
{
	tar->len -= 1024;
}

static void nothing(struct buf *tar)
{
	tar->len = 0;
}

static void only_zeros(struct buf *tar)
{
	tar->len = 0;
	tarmaker_end(tar);
}

static void cut_data(struct buf *tar)
{
	tar->len = 512 + 100;
}

static void cut_header(struct buf *tar)
{
	tar->len = 200;
}

static void one_zero_block(struct buf *tar)
{
	tar->len -= 512;
}

static void trailing_text(struct buf *tar)
{
	buf_adds(tar, "garbage");
}

static void second_archive(struct buf *tar)
{
	tarmaker_file(tar, "second", "x");
	tarmaker_end(tar);
}

static void bad_sum(struct buf *tar)
{
	tar->data[0] ^= 1;
}

static void text(struct buf *tar)
{
	buf_clear(tar);
	buf_adds(tar, "this is no archive, whatever its name says\n");
}

static void zip(struct buf *tar)
{
	buf_clear(tar);
	buf_add(tar, "PK\3\4\24\0\0\0\0\0", 10);
	buf_add(tar, long_name, 600);
}

static void newc(struct buf *tar)
{
	buf_clear(tar);
	buf_adds(tar, "070701");
	buf_add(tar, long_name, 600);
}

static void gzip_tail(struct buf *tar)
{
	tarmaker_filter(tar, "gzip -c");
	buf_adds(tar, "garbage");
}

static void gzip_twice(struct buf *tar)
{
	tarmaker_filter(tar, "gzip -c | gzip -c");
}

static void gzip_cut(struct buf *tar)
{
	tarmaker_filter(tar, "gzip -c");
	tar->len -= 12;
}

static void xz_cut(struct buf *tar)
{
	tarmaker_filter(tar, "xz -c");
	tar->len -= 12;
}

static void xz_flip(struct buf *tar)
{
	tarmaker_filter(tar, "xz -c");
	tar->data[tar->len / 2] ^= 0x10;
}

static void zstd_cut(struct buf *tar)
{
	tarmaker_filter(tar, "zstd -qc");
	tar->len -= 6;
}

static void bomb(struct buf *tar)
{
	struct tarmaker_member m = {.type = '0', .name = "bomb", .len = 40 << 20};
	char *zeros = xcalloc(1, m.len);

	buf_clear(tar);
	m.data = zeros;
	tarmaker_add(tar, &m);
	tarmaker_end(tar);
	tarmaker_filter(tar, "gzip -9c");
	free(zeros);
}

/* Base-256: the highest bit and all others set is -1. */
static void negative_size(struct buf *tar)
{
	memset(tar->data + 124, 0xff, 12);
	tarmaker_sum(tar, 0);
}

static void sparse_terabyte(struct buf *tar)
{
	snprintf(tar->data + 386, 12, "%011o", 0);
	snprintf(tar->data + 398, 12, "%011o", 0);
	tar->data[482] = 0;
	memcpy(tar->data + 483, "\200\0\0\0\0\0\1\0\0\0\0\0", 12);
	tarmaker_sum(tar, 0);
}

#define CUT "not a sound tar archive (*"
static const struct hostile hostiles[] = {
	{"dot dot", {{'0', "../evil", "", 0}}, NULL, {0},
		"entry \"../evil\": its path holds \"..\""},
	{"dot dot inside", {{'0', "a/../../evil", "", 0}}, NULL, {0},
		"entry \"a/../../evil\": its path holds \"..\""},
	{"dot dot at the end", {{'5', "a/..", "", 0}}, NULL, {0},
		"entry \"a/..\": its path holds \"..\""},
	{"only dot dot", {{'5', "..", "", 0}}, NULL, {0},
		"entry \"..\": its path holds \"..\""},
	{"absolute", {{'0', "/tmp/kiln-evil", "", 0}}, NULL, {0},
		"entry \"/tmp/kiln-evil\": its path is absolute"},
	{"two slashes", {{'0', "//tmp/kiln-evil", "", 0}}, NULL, {0},
		"entry \"//tmp/kiln-evil\": its path is absolute"},
	{"pax path", {{'x', "path", "../evil", 0}, {'0', "f", "", 0}}, NULL, {0},
		"entry \"../evil\": its path holds \"..\""},
	{"long path", {{'L', long_name, "", 0}, {'0', "f", "", 0}}, NULL, {0},
		"entry \"*"},
	{"long part", {{'L', long_part, "", 0}, {'0', "f", "", 0}}, NULL, {0},
		"entry \"*"},
	{"deep path", {{'L', deep, "", 0}, {'0', "f", "", 0}}, NULL, {0}, "entry \"*"},
	{"newline", {{'0', "a\nb", "", 0}}, NULL, {0},
		"entry \"a\\x0ab\": its path holds the control byte 0x0a"},
	{"escape sequence", {{'0', "\33[2J", "", 0}}, NULL, {0},
		"entry \"\\x1b[2J\": its path holds the control byte 0x1b"},
	{"delete byte", {{'0', "a\177", "", 0}}, NULL, {0},
		"entry \"a\\x7f\": its path holds the control byte 0x7f"},
	{"the top as a file", {{'0', "./.", "", 0}}, NULL, {0},
		"entry \"./.\": it would replace the target itself"},
	{"link to /etc/shadow", {{'2', "s", "/etc/shadow", 0}}, NULL, {0},
		"entry \"s\": the symlink points to an absolute path"},
	{"pax link", {{'x', "linkpath", "/etc/shadow", 0}, {'2', "s", "f", 0}}, NULL, {0},
		"entry \"s\": the symlink points to an absolute path"},
	{"link above", {{'2', "s", "../victim", 0}}, NULL, {0},
		"entry \"s\": the symlink leads outside"},
	{"link above from below", {{'2', "a/s", "../../victim", 0}}, NULL, {0},
		"entry \"a/s\": the symlink leads outside"},
	{"link with dots hidden", {{'2', "a/s", ".././/../victim", 0}}, NULL, {0},
		"entry \"a/s\": the symlink leads outside"},
	{"link through a link", {{'2', "d/up", "..", 0}, {'2', "s", "d/up/../victim", 0}},
		NULL, {0}, "entry \"s\": the symlink's target has \"..\" in its middle"},
	{"link to nothing", {{'2', "s", "", 0}}, NULL, {0},
		"entry \"s\": the symlink has no target"},
	{"link with newline", {{'2', "s", "a\nb", 0}}, NULL, {0},
		"entry \"s\": the symlink's target holds the control byte 0x0a"},
	{"long link", {{'K', long_name, "", 0}, {'2', "s", "x", 0}}, NULL, {0},
		"entry \"s\": the symlink's target is longer than 4095 bytes"},
	{"file through a link",
		{{'5', "d", "", 0}, {'2', "l", "d", 0}, {'0', "l/f", "", 0}}, NULL, {0},
		"entry \"l/f\": its path goes through a symlink"},
	{"file over a link", {{'2', "l", "d", 0}, {'0', "l", "", 0}}, NULL, {0},
		"entry \"l\": it is there twice"},
	{"directory over a link", {{'2', "l", "d", 0}, {'5', "l", "", 0}}, NULL, {0},
		"entry \"l\": the directory would replace something else"},
	{"path through a file", {{'0', "f", "", 0}, {'0', "f/g", "", 0}}, NULL, {0},
		"entry \"f/g\": its path goes through something that is no directory"},
	{"twice", {{'0', "f", "", 0}, {'0', "./f", "", 0}}, NULL, {0},
		"entry \"./f\": it is there twice"},
	{"file over a directory", {{'5', "d", "", 0}, {'0', "d", "", 0}}, NULL,
		{.overwrite = true}, "entry \"d\": it would replace a directory"},
	{"link over a directory", {{'5', "d", "", 0}, {'2', "d", "x", 0}}, NULL,
		{.overwrite = true, .root = true},
		"entry \"d\": it would replace a directory"},
	{"directory over a file", {{'0', "d", "", 0}, {'5', "d", "", 0}}, NULL,
		{.overwrite = true},
		"entry \"d\": the directory would replace something else"},
	{"hard link above", {{'1', "h", "../victim", 0}}, NULL, {0},
		"entry \"h\": the hard link's target is refused: its path holds \"..\""},
	{"hard link to /etc/passwd", {{'1', "h", "/etc/passwd", 0}}, NULL, {0},
		"entry \"h\": the hard link's target is refused: its path is absolute"},
	{"hard link to nothing", {{'1', "h", "gone", 0}}, NULL, {0},
		"entry \"h\": the hard link's target is no file of this archive"},
	{"hard link to a symlink", {{'2', "s", "x", 0}, {'1', "h", "s", 0}}, NULL, {0},
		"entry \"h\": the hard link's target is no file of this archive"},
	{"hard link to a directory", {{'5', "d", "", 0}, {'1', "h", "d", 0}}, NULL, {0},
		"entry \"h\": the hard link's target is no file of this archive"},
	{"hard link to itself", {{'0', "h", "", 0}, {'1', "h", "h", 0}}, NULL,
		{.overwrite = true}, "entry \"h\": it is a hard link to itself"},
	{"hard link to itself through a link",
		{{'0', "d/h", "", 0}, {'2', "l", "d", 0}, {'1', "l/h", "d/h", 0}}, NULL,
		{.overwrite = true, .root = true},
		"entry \"l/h\": the hard link would replace its target"},
	{"character device", {{'3', "null", "", 0}}, NULL, {0},
		"entry \"null\": it is a character device"},
	{"block device", {{'4', "sda", "", 0}}, NULL, {0},
		"entry \"sda\": it is a block device"},
	{"FIFO", {{'6', "fifo", "", 0}}, NULL, {0}, "entry \"fifo\": it is a FIFO"},
	{"symlink where none may be", {{'2', "s", "x", 0}}, NULL, {.no_links = true},
		"entry \"s\": it is a symlink, and none is expected here"},
	{"hard link where none may be", {{'0', "f", "", 0}, {'1', "h", "f", 0}}, NULL,
		{.no_links = true},
		"entry \"h\": it is a hard link, and none is expected here"},
	{"above what is stripped", {{'0', "f", "", 0}}, NULL, {.strip = 1},
		"entry \"f\": it stands above the 1 leading directory that the others "
		"have"},
	{"hard link above what is stripped", {{'0', "a/f", "", 0}, {'1', "a/h", "f", 0}},
		NULL, {.strip = 1},
		"entry \"a/h\": the hard link's target is refused: it stands above "
		"the 1 leading directory that the others have"},
	{"through a link to nothing", {{'2', "l", "gone", 0}, {'0', "l/f", "", 0}}, NULL,
		{.root = true},
		"entry \"l/f\": its path goes through a symlink to nothing"},
	{"links in a circle",
		{{'2', "a", "b", 0}, {'2', "b", "a", 0}, {'0', "a/f", "", 0}}, NULL,
		{.root = true}, "entry \"a/f\": its path goes through a symlink"},
	{"too many", {{'0', "a", "", 0}, {'0', "b", "", 0}, {'0', "c", "", 0}}, NULL,
		{.max_entries = 2},
		"entry \"c\": it is one more than the limit of 2 entries"},
	{"one too large", {{'0', "f", "", 5ULL << 30}}, NULL, {0},
		"entry \"f\": its size of 5.0 GiB is over the limit of 4.0 GiB"},
	{"all too large", {{'0', "a", "12345", 0}, {'0', "b", "12345", 0}}, NULL,
		{.max_bytes = 9},
		"entry \"b\": with it the archive is over the limit of 9 B"},
	{"negative size", {{'0', "f", "", 0}}, negative_size, {0}, CUT},
	{"a hole of a terabyte", {{'S', "f", "", 0}}, sparse_terabyte, {0},
		"entry \"f\": its size of 1.0 TiB is over the limit of 4.0 GiB"},
	{"bomb", {{0}}, bomb, {0},
		"entry \"bomb\": it unpacks to more than 200 times its size*"},
	{"empty file", {{'0', "f", "", 0}}, nothing, {0}, "the file is empty"},
	{"empty archive", {{'0', "f", "", 0}}, only_zeros, {0},
		"the archive holds nothing"},
	{"cut in the data", {{'0', "f", "0123456789", 2000}}, cut_data, {0},
		"entry \"f\": " CUT},
	{"cut in the header", {{'0', "f", "", 0}}, cut_header, {0}, CUT},
	{"without end", {{'0', "f", "", 0}}, no_end, {0},
		"the archive is cut off: its end marker is missing"},
	{"half an end", {{'0', "f", "", 0}}, one_zero_block, {0},
		"the archive is cut off: its end marker is missing"},
	{"text behind", {{'0', "f", "", 0}}, trailing_text, {0},
		"something follows the archive's end"},
	{"archive behind", {{'0', "f", "", 0}}, second_archive, {0},
		"something follows the archive's end"},
	{"bad checksum", {{'0', "f", "", 0}}, bad_sum, {0}, CUT},
	{"text", {{0}}, text, {0}, CUT},
	{"zip", {{0}}, zip, {0}, CUT},
	{"cpio", {{0}}, newc, {0}, CUT},
	{"text behind gzip", {{'0', "f", "", 0}}, gzip_tail, {0},
		"something follows the compressed stream"},
	{"gzip in gzip", {{'0', "f", "", 0}}, gzip_twice, {0},
		"it is compressed more than once"},
	{"gzip cut", {{'0', "f", "", 0}}, gzip_cut, {0}, "*"},
	{"xz cut", {{'0', "f", "", 0}}, xz_cut, {0}, "*"},
	{"xz flipped", {{'0', "f", long_name, 0}}, xz_flip, {0}, "*"},
	{"zstd cut", {{'0', "f", "", 0}}, zstd_cut, {0}, "*"},
};

static void make_archive(const struct hostile *h, struct buf *tar)
{
	for (size_t i = 0; i < ARRAY_LEN(h->members) && h->members[i].type; i++) {
		const struct member *m = &h->members[i];
		bool data = m->type == '0' && *m->link;
		struct tarmaker_member t = {.type = m->type,
			.name = m->name,
			.link = data ? "" : m->link,
			.data = data ? m->link : "",
			.len = data ? strlen(m->link) : 0,
			.size = m->size};

		if (m->type == 'L' || m->type == 'K')
			tarmaker_long(tar, m->type, m->name);
		else if (m->type == 'x')
			tarmaker_pax(tar, m->name, m->link);
		else
			tarmaker_add(tar, &t);
	}
	tarmaker_end(tar);
	if (h->spoil)
		h->spoil(tar);
}

static bool as_said(const char *got, const char *says)
{
	size_t len = strlen(says);

	if (!len || says[len - 1] != '*')
		return str_eq(got, says);
	return strncmp(got, says, len - 1) == 0;
}

/* Everything beside the target directory, as one digest. */
static void digest_outside(const char *jail, char hex[SHA256_HEX_LEN + 1])
{
	_free_ char *in = test_path("%s/in", jail);
	struct err e = {0};

	ck_ok(fs_remove(AT_FDCWD, in, &e), &e);
	ck_ok(digest_tree(AT_FDCWD, jail, hex, &e), &e);
}

static void attack(const struct hostile *h, const char *jail)
{
	_free_ char *in = test_path("%s/in", jail);
	_free_ char *path = test_path("%s/x.tar", jail);
	_buf_ struct buf tar = {0};
	char before[SHA256_HEX_LEN + 1], after[SHA256_HEX_LEN + 1];
	struct err e = {0};
	_close_ int fd = -1, dir = -1;

	make_archive(h, &tar);
	ck_ok(fs_publish(AT_FDCWD, path, buf_str(&tar), tar.len, 0644, &e), &e);
	digest_outside(jail, before);
	ck_ok(fs_mkdirs(AT_FDCWD, in, 0755, &e), &e);
	dir = fs_open_dir(AT_FDCWD, in, &e);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_msg(archive_unpack(fd, "x.tar", dir, &h->policy, &e) == -1,
		"%s: was unpacked", h->name);
	ck_assert_msg(e.code == ERR_INPUT, "%s: code %d: %s", h->name, e.code, e.msg);
	ck_assert_msg(str_starts(e.msg, "x.tar: ") && as_said(e.msg + 7, h->says),
		"%s: %s", h->name, e.msg);
	digest_outside(jail, after);
	ck_assert_msg(
		str_eq(before, after), "%s: something outside was changed", h->name);
	ck_assert_msg(
		access("/tmp/kiln-evil", F_OK) != 0, "%s: left the target", h->name);
}

static void fill_long_names(void)
{
	memset(long_name, 'a', sizeof(long_name) - 1);
	for (size_t i = 100; i < sizeof(long_name) - 1; i += 100)
		long_name[i] = '/';
	memset(long_part, 'b', sizeof(long_part) - 1);
	for (size_t i = 0; i + 1 < sizeof(deep); i += 2)
		memcpy(deep + i, "c/", 2);
	deep[sizeof(deep) - 2] = 'c';
}

START_TEST(hostile_archives_are_refused)
{
	_free_ char *victim = NULL;
	const char *jail = test_tmpdir();

	fill_long_names();
	victim = test_path("%s/victim", jail);
	test_write(victim, "untouched");
	attack(&hostiles[_i], jail);
}
END_TEST

static void write_map(const char *path, const char *fmt, unsigned id)
{
	_free_ char *line = fmt ? test_path("0 %u 1", id) : xstrdup("deny");
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		_exit(77);
}

/* Check forks each test: the namespace ends with it. */
static bool enter_user_namespace(void)
{
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return false;
	write_map("/proc/self/setgroups", NULL, 0);
	write_map("/proc/self/uid_map", "", uid);
	write_map("/proc/self/gid_map", "", gid);
	return getuid() == 0;
}

START_TEST(hostile_archives_in_a_user_namespace)
{
	_free_ char *victim = NULL;
	const char *jail = test_tmpdir();

	if (!test_need_that(enter_user_namespace(), "user namespaces"))
		return;
	fill_long_names();
	victim = test_path("%s/victim", jail);
	test_write(victim, "untouched");
	for (size_t i = 0; i < ARRAY_LEN(hostiles); i++)
		attack(&hostiles[i], jail);
}
END_TEST

Suite *suite_archive_hostile(void);
Suite *suite_archive_hostile(void)
{
	Suite *s = suite_create("archive_hostile");
	TCase *loop = tcase_create("as the caller");

	tcase_set_timeout(loop, 60);
	tcase_add_loop_test(loop, hostile_archives_are_refused, 0, ARRAY_LEN(hostiles));
	suite_add_tcase(s, loop);
	test_case(s, "as root of a namespace", 120, hostile_archives_in_a_user_namespace);
	return s;
}
