#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/digest.h"
#include "tests/test.h"

START_TEST(as_sha256sum)
{
	_free_ char *path = test_path("%s/f", test_tmpdir());
	_buf_ struct buf out = {0};
	char hex[65];
	uint64_t size = 0;
	struct err e = {0};

	if (!test_need("sha256sum"))
		return;
	test_sh(NULL, "head -c 1234567 /dev/urandom > %s", path);
	ck_ok(digest_file(AT_FDCWD, path, hex, &size, &e), &e);
	ck_assert_uint_eq(size, 1234567);
	test_sh(&out, "sha256sum < %s", path);
	ck_assert_int_eq(strncmp(out.data, hex, 64), 0);
}
END_TEST

START_TEST(as_git_hash_object)
{
	_buf_ struct buf out = {0};
	char hex[41];

	if (!test_need("git"))
		return;
	test_sh(&out, "printf 'some text\\n' | git hash-object --stdin");
	digest_git_blob("some text\n", 10, hex);
	ck_assert_int_eq(strncmp(out.data, hex, 40), 0);
}
END_TEST

START_TEST(form)
{
	char hex[65];

	digest_sha256("", 0, hex);
	ck_assert(digest_is_sha256(hex));
	hex[0] = 'E';
	ck_assert(!digest_is_sha256(hex));
	ck_assert(!digest_is_sha256("e3b0"));
}
END_TEST

Suite *suite_digest(void);
Suite *suite_digest(void)
{
	Suite *s = suite_create("digest");

	test_case(s, "digest", 10, as_sha256sum, as_git_hash_object, form);
	return s;
}
