#include <errno.h>
#include <string.h>
#include "tests/test.h"

START_TEST(set_and_wrap)
{
	struct err e = {0};

	ck_fails(err_set(&e, ERR_USAGE, "line %d", 3), &e, ERR_USAGE, "line 3");
	ck_fails(err_wrap(&e, "file %s", "a"), &e, ERR_USAGE, "file a: line 3");
	ck_fails(err_hint(&e, "try b"), &e, ERR_USAGE, "file a: line 3 (try b)");
}
END_TEST

START_TEST(sys_keeps_errno)
{
	struct err e = {0};

	errno = ENOENT;
	ck_fails(err_sys(&e, "can't open x"), &e, ERR_IO,
		"can't open x: No such file or directory");
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(set_may_quote_itself)
{
	struct err e = {0};

	err_set(&e, ERR_IO, "first");
	ck_fails(err_set(&e, ERR_IO, "second after %s", e.msg), &e, ERR_IO,
		"second after first");
}
END_TEST

START_TEST(long_text_is_cut)
{
	char text[5000];
	struct err e = {0};

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	err_set(&e, ERR_IO, "%s", text);
	err_wrap(&e, "%s", text);
	ck_assert_uint_eq(strlen(e.msg), sizeof(e.msg) - 1);
}
END_TEST

Suite *suite_err(void);
Suite *suite_err(void)
{
	Suite *s = suite_create("err");

	test_case(s, "err", 4, set_and_wrap, sys_keeps_errno, set_may_quote_itself,
		long_text_is_cut);
	return s;
}
