#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "sysroot/box.h"
#include "tests/e2e.h"

bool e2e_need(void)
{
	struct err e = {0};

	return test_need("apt-get") && test_need_that(box_probe(&e) == 0, "boxes") &&
	       test_need_that(
		       test_sh(NULL, "apt-get indextargets | grep -q Packages") == 0,
		       "a Debian mirror in the host's apt (apt-get update)");
}

const char *e2e_store(void)
{
	const char *given = getenv("KILN_TEST_STORE");
	static char path[4096];

	if (given)
		return given;
	snprintf(path, sizeof(path), "%s/tests/store", test_build_dir());
	return path;
}

const char *e2e_workspace(void)
{
	const char *dir = test_tmpdir();

	ck_assert_int_eq(
		test_sh(NULL, "cp -r %s/tests/data/tiny %s/ws", test_source_dir(), dir),
		0);
	return test_path("%s/ws", dir);
}

int e2e_kiln(struct buf *out, const char *workspace, const char *const *args)
{
	_str_vec_ struct str_vec all = {0};

	str_vec_add(&all, "-C");
	str_vec_add(&all, workspace);
	str_vec_add(&all, "--store");
	str_vec_add(&all, e2e_store());
	str_vec_add(&all, "--mirror");
	str_vec_add(&all, "apt:");
	for (; *args; args++)
		str_vec_add(&all, *args);
	return test_kiln(out, (const char *const *)all.items);
}

int e2e_run(struct buf *out, const char *workspace, const char *fmt, ...)
{
	_str_vec_ struct str_vec words = {0};
	_free_ char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		abort();
	va_end(ap);
	str_split(&words, line, " ");
	return e2e_kiln(out, workspace, (const char *const *)words.items);
}
