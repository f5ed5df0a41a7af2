#include <stdlib.h>
#include "orchestrator/options.h"
#include "tests/test.h"

START_TEST(globals_are_taken_from_anywhere)
{
	char *argv[] = {"kiln", "-C", "ws", "build", "--mirror=a", "6.1.x", "--mirror",
		"b", "--offline", "--store", "/s", "--arch", "x86_64", NULL};
	struct options o = {0};
	struct err e = {0};
	int argc = options_parse(&o, (int)ARRAY_LEN(argv) - 1, argv, &e);

	ck_assert_int_eq(argc, 5);
	ck_assert_str_eq(argv[1], "build");
	ck_assert_str_eq(argv[2], "6.1.x");
	ck_assert_str_eq(argv[4], "x86_64");
	ck_assert_ptr_null(argv[5]);
	ck_assert_str_eq(o.workspace, "ws");
	ck_assert_str_eq(o.store, "/s");
	ck_assert_uint_eq(o.mirrors.len, 2);
	ck_assert_str_eq(o.mirrors.items[1], "b");
	ck_assert(o.offline);
	options_free(&o);
}
END_TEST

START_TEST(rows)
{
	struct str_vec many = {0};
	const char *layout = NULL;
	bool flag = false;
	const struct option_row table[] = {
		{"--arch", "ARCH", "", &many, true},
		{"-o", "LAYOUT", "", &layout, false},
		{"--relock", NULL, "", &flag, false},
		{0},
	};
	char *good[] = {"build", "-oout", "--arch=a", "x", "--arch", "b", "--relock",
		"--", "--y", NULL};
	char *unknown[] = {"build", "--colour", NULL};
	char *bare[] = {"build", "-o", NULL};
	struct err e = {0};

	ck_assert_int_eq(options_rows(table, 9, good, &e), 3);
	ck_assert_str_eq(good[1], "x");
	ck_assert_str_eq(good[2], "--y");
	ck_assert_str_eq(layout, "out");
	ck_assert_uint_eq(many.len, 2);
	ck_assert(flag);
	ck_fails(options_rows(table, 2, unknown, &e), &e, ERR_USAGE,
		"unknown option '--colour' for 'kiln build': see 'kiln help'");
	ck_fails(options_rows(table, 2, bare, &e), &e, ERR_USAGE,
		"-o needs a value: -o LAYOUT");
	str_vec_free(&many);
}
END_TEST

Suite *suite_options(void);
Suite *suite_options(void)
{
	Suite *s = suite_create("options");

	test_case(s, "options", 4, globals_are_taken_from_anywhere, rows);
	return s;
}
