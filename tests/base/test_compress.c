/* Compression: the real programs read what the sinks write, and the way back. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/compress.h"
#include "orchestrator/base/compress_codec.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/test.h"

#define MIB (1 << 20)

static const struct {
	enum compression how;
	const char *program, *unpack, *test;
} formats[] = {
	{COMPRESS_GZIP, "gzip", "gzip -dc", "gzip -t"},
	{COMPRESS_ZSTD, "zstd", "zstd -qdc", "zstd -qt"},
	{COMPRESS_XZ, "xz", "xz -dc", "xz -t"},
};

/* Text at first, then bytes that can't be compressed, from a small generator. */
static char *make_data(size_t len)
{
	char *data = xmalloc(len + 1);
	uint32_t x = 2463534242u;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		data[i] = i < len / 2 ? "kernel module tree "[x % 19] : (char)(x >> 11);
	}
	return data;
}

/* Compresses data into path and returns the file's sha256. Odd pieces are written, so
 * that block borders never fall on write borders. */
static void write_compressed(const char *path, enum compression how, int threads,
	const char *data, size_t len, char hex[65])
{
	_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct err e = {0};
	uint64_t count;
	struct sink *s = compress_sink(
		sink_sha256(sink_fd(fd, path, NULL), hex, &count), how, 0, threads);
	struct stat st;

	for (size_t at = 0; at < len; at += 99991)
		ck_ok(sink_write(s, data + at, len - at < 99991 ? len - at : 99991, &e),
			&e);
	ck_ok(sink_close(s, &e), &e);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(count, (uint64_t)st.st_size);
}

START_TEST(real_programs_read_it)
{
	static const size_t sizes[] = {
		0, 1, 70000, MIB - 1, MIB, MIB + 1, 4 * MIB + 1, 9 * MIB + 7};
	const char *dir = test_tmpdir();

	if (!test_need(formats[_i].program))
		return;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		_free_ char *data = make_data(sizes[i]);
		_free_ char *packed = test_path("%s/packed", dir);
		_free_ char *plain = test_path("%s/plain", dir);
		char hex[65], want[65], got[65];
		struct err e = {0};

		write_compressed(packed, formats[_i].how, 2, data, sizes[i], hex);
		ck_assert_int_eq(
			test_sh(NULL, "%s <%s >%s", formats[_i].unpack, packed, plain),
			0);
		digest_sha256(data, sizes[i], want);
		ck_ok(digest_file(AT_FDCWD, plain, got, NULL, &e), &e);
		ck_assert_msg(str_eq(want, got), "%s of %zu bytes came back otherwise",
			formats[_i].program, sizes[i]);
	}
}
END_TEST

START_TEST(same_bytes_for_any_threads)
{
	_free_ char *data = make_data(9 * MIB + 5);
	_free_ char *path = test_path("%s/packed", test_tmpdir());
	char one[65], many[65];

	write_compressed(path, formats[_i].how, 1, data, 9 * MIB + 5, one);
	for (int threads = 2; threads <= 9; threads += 7) {
		write_compressed(path, formats[_i].how, threads, data, 9 * MIB + 5, many);
		ck_assert_str_eq(one, many);
	}
}
END_TEST

/* What is dense is stored: hardly longer, and never compressed in vain. */
START_TEST(dense_data_is_stored)
{
	const size_t len = 8 * MIB;
	_free_ char *data = make_data(2 * len);
	_free_ char *path = test_path("%s/packed", test_tmpdir());
	_buf_ struct buf packed = {0};
	struct err e = {0};
	char hex[65];

	write_compressed(path, COMPRESS_GZIP, 2, data + len, len, hex);
	ck_ok(fs_read(AT_FDCWD, path, 2 * len, &packed, &e), &e);
	ck_assert_uint_gt(packed.len, len);
	ck_assert_uint_lt(packed.len, len + len / 1000);
	/* The first block is a stored one with the data itself in it. */
	ck_assert_int_eq(packed.data[10], 0);
	ck_assert_int_eq(memcmp(packed.data + 15, data + len, 65535), 0);
}
END_TEST

/* What decides is the bytes alone: text and zeros are not dense, noise is. */
START_TEST(density)
{
	_free_ char *data = make_data(4 * MIB);
	_free_ uint8_t *zeros = xcalloc(1, MIB);

	ck_assert(!compress_is_dense((uint8_t *)data, MIB));
	ck_assert(compress_is_dense((uint8_t *)data + 3 * MIB, MIB));
	ck_assert(!compress_is_dense(zeros, MIB));
	ck_assert(!compress_is_dense((uint8_t *)data + 3 * MIB, 100));
}
END_TEST

struct memory {
	struct sink sink;
	struct buf got;
};

static int memory_write(struct sink *s, const void *data, size_t len, struct err *e)
{
	(void)e;
	buf_add(&((struct memory *)s)->got, data, len);
	return 0;
}

static int expand(const char *path, uint64_t max, struct buf *out, struct err *e)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct memory m = {.sink = {.write = memory_write}};
	int ret;

	ck_assert_int_ge(fd, 0);
	ret = compress_expand(fd, "input", &m.sink, max, NULL, e);
	buf_free(out);
	*out = m.got;
	return ret;
}

START_TEST(expand_reads_real_programs)
{
	static const char *const makers[] = {"cat", "gzip -1", "gzip -9", "zstd -q -9",
		"zstd -q --no-check", "xz -0", "xz -1 --check=sha256",
		"sh -c 'cat >a; gzip <a; gzip <a'", "sh -c 'cat >a; xz <a; xz <a'",
		"sh -c 'cat >a; zstd -q <a; zstd -q <a'"};
	const char *dir = test_tmpdir();
	_free_ char *data = make_data(2 * MIB + 1);
	_free_ char *plain = test_path("%s/plain", dir), *packed = test_path("%s/p", dir);
	_buf_ struct buf got = {0};
	struct err e = {0};

	if (!test_need("gzip") || !test_need("zstd") || !test_need("xz"))
		return;
	ck_ok(fs_publish(AT_FDCWD, plain, data, 2 * MIB + 1, 0644, &e), &e);
	ck_assert_int_eq(test_sh(NULL, "cd %s && %s <plain >p", dir, makers[_i]), 0);
	ck_ok(expand(packed, 0, &got, &e), &e);
	ck_assert_uint_eq(got.len % (2 * MIB + 1), 0);
	ck_assert_uint_eq(got.len / (2 * MIB + 1), _i < 7 ? 1 : 2);
	for (size_t at = 0; at < got.len; at += 2 * MIB + 1)
		ck_assert_int_eq(memcmp(got.data + at, data, 2 * MIB + 1), 0);
}
END_TEST

static const struct {
	const char *spoil, *sentence;
} spoilt[] = {
	{"truncate -s -1 p", "input: the compressed data ends too early after "},
	{"truncate -s 300000 p", "input: the compressed data ends too early after "},
	{"truncate -s 7 p", "input: the compressed data ends too early after "},
	{"printf x >>p", "input: the compressed data is followed by other bytes after "},
	{"printf '\\377\\377\\377' | dd of=p bs=1 seek=200000 conv=notrunc",
		"input: the compressed data is damaged after "},
};

START_TEST(expand_refuses_damage)
{
	const char *dir = test_tmpdir();
	_free_ char *packed = test_path("%s/p", dir);
	_free_ char *data = make_data(2 * MIB);
	_buf_ struct buf got = {0};
	char hex[65];

	if (!test_need(formats[_i].program))
		return;
	for (size_t i = 0; i < ARRAY_LEN(spoilt); i++) {
		struct err e = {0};

		/* A checksum is what finds a flipped bit in stored data. */
		write_compressed(packed, COMPRESS_NONE, 1, data, 2 * MIB, hex);
		ck_assert_int_eq(test_sh(NULL, "cd %s && %s -c p >q && mv q p && %s", dir,
					 formats[_i].program, spoilt[i].spoil),
			0);
		ck_assert_int_eq(expand(packed, 0, &got, &e), -1);
		ck_assert_int_eq(e.code, ERR_INPUT);
		ck_assert_msg(str_starts(e.msg, spoilt[i].sentence), "%s, %s: %s",
			formats[_i].program, spoilt[i].spoil, e.msg);
	}
}
END_TEST

START_TEST(expand_stops_at_the_limit)
{
	_free_ char *packed = test_path("%s/p", test_tmpdir());
	_buf_ struct buf got = {0};
	struct err e = {0};

	ck_assert_int_eq(
		test_sh(NULL, "head -c 100M /dev/zero | gzip -9 >%s", packed), 0);
	ck_fails(expand(packed, 10 * MIB, &got, &e), &e, ERR_INPUT,
		"input: expands to more than the 10485760 bytes allowed");
	ck_assert_uint_le(got.len, 10 * MIB);
}
END_TEST

/* A full disk is an error from close or write, with the file's name. */
START_TEST(a_full_disk_is_told)
{
	_close_ int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	_free_ char *data = make_data(9 * MIB);
	struct err e = {0};
	struct sink *s =
		compress_sink(sink_fd(fd, "the blob", NULL), formats[_i].how, 0, 2);
	int ret = sink_write(s, data, 9 * MIB, &e);

	ck_assert_int_eq(sink_close(s, &e), -1);
	ck_assert_int_eq(e.code, ERR_IO);
	ck_assert_msg(str_starts(e.msg, "the blob"), "%d %s", ret, e.msg);
}
END_TEST

START_TEST(names)
{
	enum compression how;
	struct err e = {0};

	for (int i = COMPRESS_NONE; i <= COMPRESS_XZ; i++) {
		ck_ok(compress_by_name(compress_name((enum compression)i), &how, &e), &e);
		ck_assert_int_eq(how, i);
	}
	ck_fails(compress_by_name("lzip", &how, &e), &e, ERR_USAGE,
		"'lzip' is no compression: it is one of gzip, zstd, none and xz");
}
END_TEST

Suite *suite_compress(void);
Suite *suite_compress(void)
{
	Suite *s = suite_create("compress");
	TCase *each = tcase_create("formats");

	tcase_set_timeout(each, 120);
	tcase_add_loop_test(each, real_programs_read_it, 0, 3);
	tcase_add_loop_test(each, same_bytes_for_any_threads, 0, 3);
	tcase_add_loop_test(each, expand_refuses_damage, 0, 3);
	tcase_add_loop_test(each, expand_reads_real_programs, 0, 10);
	tcase_add_loop_test(each, a_full_disk_is_told, 0, 3);
	suite_add_tcase(s, each);
	test_case(s, "one", 60, density, dense_data_is_stored, expand_stops_at_the_limit,
		names);
	return s;
}
