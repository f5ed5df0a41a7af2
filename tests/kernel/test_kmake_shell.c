/* kiln build --shell-on-failure: the box of a make that failed, for a person to look. */
#include <stdio.h>
#include "kernel/kmake.h"
#include "tests/kernel/kernel_test.h"
#include "tests/terminal.h"
#include "tests/test.h"

static int fail_in_make(void *arg)
{
	struct tree_test *t = arg;
	static const char *const args[] = {"all", NULL};
	struct err e = {0};

	if (kmake(&t->k, "compile", args, NULL, &e) == 0)
		return 41;
	printf("(%s)\n", e.msg);
	return e.code;
}

START_TEST(shell_opens_where_make_failed)
{
	struct tree_test *t = tree_test_new();
	_buf_ struct buf out = {0};
	int status;

	if (!t)
		return;
	tree_test_write(t, "Makefile", "all:\n\techo as far as here >half\n\tfalse\n");
	t->k.shell = true;
	status = test_on_terminal(fail_in_make, t,
		"echo $(cat half) in $(pwd)\necho by $KBUILD_BUILD_USER\nexit\n", &out);
	tree_test_free(t);
	ck_assert_msg(status == ERR_BUILD, "%d: %s", status, buf_str(&out));
	ck_assert_msg(strstr(buf_str(&out), "compile failed: this is its box"), "%s",
		buf_str(&out));
	ck_assert_msg(strstr(buf_str(&out), "as far as here in /linux\r\n"), "%s",
		buf_str(&out));
	ck_assert_msg(strstr(buf_str(&out), "by kiln\r\n"), "%s", buf_str(&out));
}
END_TEST

Suite *suite_kmake_shell(void);
Suite *suite_kmake_shell(void)
{
	Suite *s = suite_create("kmake_shell");

	test_case(s, "shell", 30, shell_opens_where_make_failed);
	return s;
}
