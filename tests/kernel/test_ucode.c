/* Intel's microcode: updates made here, as the format is published, and iucode_tool,
 * which LinuxKit runs, as the oracle for the archive. */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/source.h"
#include "kernel/ucode.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/kernel/kernel_test.h"
#include "tests/kernel/ucode_release.h"
#include "tests/test.h"

/* The release's one file. */
static void write_file(const char *release, const struct buf *b)
{
	struct err e = {0};

	ck_ok(fs_publish(AT_FDCWD, kept_path("%s/intel-ucode/06-8f-04", release), b->data,
		      b->len, 0644, &e),
		&e);
}

static void write_update(const char *release, const struct ucode_update *u)
{
	_buf_ struct buf b = {0};

	ucode_update_make(&b, u);
	write_file(release, &b);
}

/* One directory for all of a test. */
static const char *home(void)
{
	static const char *dir;

	if (!dir)
		dir = kept_path("%s", test_tmpdir());
	return dir;
}

/* What a plan and a step do; the result stays in *out. */
static int run(const struct given *g, bool offline, const char **out, struct err *e)
{
	static int count;
	const char *dir = kept_path("%s/run-%d", home(), count++);
	const struct ucode_env env = {
		.cache = kept_path("%s/cache", home()),
		.scratch = kept_path("%s/scratch", dir),
		.offline = offline,
	};
	_free_ char *identity = NULL;
	_close_ int to = -1;

	*out = kept_path("%s/out", dir);
	ck_ok(fs_mkdirs(AT_FDCWD, env.scratch, 0755, e), e);
	ck_ok(fs_mkdirs(AT_FDCWD, *out, 0755, e), e);
	to = fs_open_dir(AT_FDCWD, *out, e);
	if (given_check(g, e) || given_identity(g, &identity, NULL, e))
		return -1;
	return ucode_make(g, identity, &env, to, e);
}

/* The processor wants an address that is a multiple of 16; the file begins a page. */
static void check_alignment(const char *out)
{
	static const char name[] = "kernel/x86/microcode/GenuineIntel.bin";
	_buf_ struct buf cpio = {0};
	struct err e = {0};
	char *at, digits[9] = "";
	size_t data;

	ck_ok(fs_read(AT_FDCWD, kept_path("%s/intel-ucode.cpio", out), 1 << 20, &cpio,
		      &e),
		&e);
	at = memmem(cpio.data, cpio.len, name, sizeof(name));
	ck_assert_ptr_nonnull(at);
	memcpy(digits, at - 16, 8); /* the header's last but one: the size of the name */
	data = (size_t)(at - cpio.data) + strtoul(digits, NULL, 16);
	ck_assert_uint_eq(data % 16, 0);
	/* Signature 0xf29, the lowest. */
	ck_assert_int_eq(memcmp(cpio.data + data + 12, "\x29\x0f\0\0", 4), 0);
}

START_TEST(the_archive_is_iucode_tools)
{
	const char *release = ucode_release_make(), *out;
	const struct given g = ucode_given(release, "");
	_source_info_ struct source_info info = {0};
	_buf_ struct buf said = {0};
	struct err e = {0};

	if (!test_need("iucode_tool") || !test_need("cpio"))
		return;
	ck_ok(run(&g, true, &out, &e), &e);
	ck_assert_msg(
		test_sh(&said,
			"cd %s && iucode_tool -q --normal-earlyfw "
			"--write-earlyfw=want.cpio "
			"-tb $(ls -r %s/intel-ucode/0*-[0-9a-f]?) && for f in want "
			"intel-ucode; "
			"do "
			"mkdir $f && (cd $f && cpio -idm --quiet <../$f.cpio); done && "
			"cmp want/kernel/x86/microcode/GenuineIntel.bin "
			"intel-ucode/kernel/x86/microcode/GenuineIntel.bin && "
			"cmp %s/license intel-ucode-license.txt",
			out, release, release) == 0,
		"%s", buf_str(&said));
	check_alignment(out);
	ck_assert_int_eq(
		test_sh(&said, "iucode_tool -tr -L %s/intel-ucode.cpio", out), 0);
	ck_ok(source_info_read(out, &info, &e), &e);
	ck_assert_str_eq(info.proof, "none: local; 5 updates, the newest of 2024-11-12");
}
END_TEST

/* A release as a forge packs it, below a directory of its own. */
static const char *make_tarball(const char *release, char hex[SHA256_HEX_LEN + 1])
{
	const char *path = kept_path("%s/release.tar.gz", test_tmpdir());
	struct err e = {0};

	ck_assert_int_eq(
		test_sh(NULL, "tar -C %s --transform 's|^\\.|Intel-1|' -czf %s .",
			release, path),
		0);
	ck_ok(digest_file(AT_FDCWD, path, hex, NULL, &e), &e);
	return path;
}

START_TEST(every_place_gives_the_same)
{
	char hex[SHA256_HEX_LEN + 1];
	const char *release = ucode_release_make(), *tarball = make_tarball(release, hex);
	const char *url = kept_path("file://%s", tarball), *first = NULL, *out;
	const struct given places[] = {
		ucode_given(release, NULL),
		ucode_given(tarball, NULL),
		ucode_given(tarball, hex),
		ucode_given(url, hex),
	};
	_source_info_ struct source_info info = {0};
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		ck_ok(run(&places[i], false, &out, &e), &e);
		if (!first)
			first = out;
		ck_assert_int_eq(
			test_sh(NULL,
				"cd %s && for f in *.cpio *.txt; do cmp $f %s/$f; done",
				out, first),
			0);
	}
	ck_ok(source_info_read(out, &info, &e), &e);
	ck_assert_str_eq(info.url, url);
	ck_assert_msg(str_starts(info.proof, "sha256 pinned by INTEL_UCODE_SHA256; 5 "),
		"%s", info.proof);
	/* It is in the cache now, and nobody is asked. */
	ck_assert_int_eq(unlink(tarball), 0);
	ck_ok(run(&places[3], true, &out, &e), &e);
}
END_TEST

START_TEST(refuses_what_is_not_what_it_should_be)
{
	char hex[SHA256_HEX_LEN + 1];
	const char *release = ucode_release_make(), *tarball = make_tarball(release, hex),
		   *out;
	const char *url = kept_path("file://%s", tarball);
	struct err e = {0};
	const struct {
		struct given g;
		int code;
		const char *says;
	} cases[] = {
		{ucode_given(url, NULL), ERR_USAGE,
			"needs INTEL_UCODE_SHA256=<sha256 of the file> beside it"},
		{ucode_given(url, "12"), ERR_USAGE, "INTEL_UCODE_SHA256=12 is no sha256"},
		{ucode_given(url, hex), ERR_NETWORK, "--offline forbids fetching it"},
		{ucode_given("/nonexistent/u", NULL), ERR_USAGE,
			"INTEL_UCODE=/nonexistent/u: No such file or directory"},
		{ucode_given("/dev/null", NULL), ERR_USAGE,
			"INTEL_UCODE=/dev/null is neither a tree nor a tarball"},
		{ucode_given(release, hex), ERR_VERIFY, "demands a file"},
		{ucode_given(kept_path("%s/intel-ucode", release), NULL), ERR_INPUT,
			"there is no directory intel-ucode in it"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		e = (struct err){0};
		ck_assert_int_eq(run(&cases[i].g, true, &out, &e), -1);
		ck_assert_msg(e.code == cases[i].code && strstr(e.msg, cases[i].says),
			"%zu: %s (%d)", i, e.msg, e.code);
	}
	hex[0] = hex[0] == '0' ? '1' : '0';
	const struct given other = ucode_given(tarball, hex);
	ck_assert_int_eq(run(&other, true, &out, &e), -1);
	ck_assert_int_eq(e.code, ERR_VERIFY);
}
END_TEST

/* One update of 3 KiB, of which the last 32 bytes are a table, spoiled at a word; where
 * what is said of it. */
static const struct {
	size_t len;
	int word;
	uint32_t value;
	const char *says;
} spoiled[] = {
	{0, -1, 0, "intel-ucode/06-8f-04 is empty"},
	{40, -1, 0, "the update at byte 0: the file ends in a header"},
	{3072 + 8, -1, 0, "the update at byte 3072: the file ends in a header"},
	{3068, -1, 0, "the update at byte 0: the file ends in an update"},
	{3072, 0, 2, "no header of an Intel microcode update"},
	{3072, 5, 0, "no header of an Intel microcode update"},
	{3072, 7, 2002, "its sizes contradict each other"},
	{3072, 7, 0xfffffff0, "its sizes contradict each other"},
	{3072, 8, 3068, "its sizes contradict each other"},
	{3072, 8, 1024, "its sizes contradict each other"},
	{3072, 1, 7, "its checksum is wrong"},
	{3072, 759, 7, "its checksum is wrong"},
	{3072, 760, 0, "its table of signatures has another size than it says"},
	{3072, 760, 0xffffffff, "its table of signatures has another size than it says"},
	{3072, 762, 7, "the checksum of its table of signatures is wrong"},
};

START_TEST(refuses_what_no_processor_would_take)
{
	static const struct ucode_update one = {
		0x806f8, 0x87, 0x2b000603, 0x11122024, 2992, 0x806f7};
	const char *dir = kept_path("%s/bad", test_tmpdir()), *out;
	const struct given g = ucode_given(dir, NULL);
	struct err e = {0};

	ck_assert_int_eq(
		test_sh(NULL, "mkdir -p %s/intel-ucode && echo terms >%s/license", dir,
			dir),
		0);
	ck_fails(run(&g, true, &out, &e), &e, ERR_INPUT,
		kept_path("INTEL_UCODE=%s: intel-ucode holds no file like 06-8f-04: no "
			  "microcode",
			dir));
	for (size_t i = 0; i < ARRAY_LEN(spoiled); i++) {
		_buf_ struct buf b = {0};
		uint32_t value = htole32(spoiled[i].value);

		ucode_update_make(&b, &one);
		buf_add(&b, "\1\0\0\0\1\0\0", 8);
		b.len = spoiled[i].len;
		if (spoiled[i].word >= 0)
			memcpy(b.data + 4 * spoiled[i].word, &value, sizeof(value));
		write_file(dir, &b);
		ck_assert_int_eq(run(&g, true, &out, &e), -1);
		ck_assert_msg(e.code == ERR_INPUT && str_ends(e.msg, spoiled[i].says),
			"%zu: %s (%d)", i, e.msg, e.code);
		ck_assert(!fs_exists(AT_FDCWD, kept_path("%s/intel-ucode.cpio", out)));
	}
	/* Of the table's entry alone: the table as a whole still sums up. */
	_buf_ struct buf b = {0};
	ucode_update_make(&b, &one);
	memset(b.data + 762 * 4, 0xff, 4); /* minus one */
	b.data[765 * 4]++;
	write_file(dir, &b);
	ck_assert_int_eq(run(&g, true, &out, &e), -1);
	ck_assert_msg(str_ends(e.msg, "the checksum of another signature is wrong"), "%s",
		e.msg);
	write_update(dir, &one);
	ck_ok(run(&g, true, &out, &e), &e);
	/* The terms have to go with it. */
	ck_assert_int_eq(unlink(kept_path("%s/license", dir)), 0);
	ck_fails(run(&g, true, &out, &e), &e, ERR_INPUT,
		kept_path("INTEL_UCODE=%s: no license: No such file or directory", dir));
}
END_TEST

Suite *suite_ucode(void);
Suite *suite_ucode(void)
{
	Suite *s = suite_create("ucode");

	test_case(s, "ucode", 60, the_archive_is_iucode_tools, every_place_gives_the_same,
		refuses_what_is_not_what_it_should_be,
		refuses_what_no_processor_would_take);
	return s;
}
