/* test.h: what every suite needs: oracles, scratch directories, running kiln. */
#ifndef KILN_TEST_H
#define KILN_TEST_H

#include <check.h>
#include <stdbool.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/proc.h"
#include "orchestrator/base/str.h"

/* Whether the program `name` is here. If not: prints what is skipped and returns false,
 * and with KILN_MUST_RUN=1 fails the test. Notes the program for the closing list. */
bool test_need(const char *name);
/* The same for a condition that isn't a program: "user namespaces", "a deb mirror". */
bool test_need_that(bool holds, const char *what);

/* A fresh directory below $TMPDIR, removed when the test program ends. The path is valid
 * until then. */
const char *test_tmpdir(void);

/* Runs argv (NULL-ended) and captures both outputs together. Returns the exit status, or
 * 128 + signal. out may be NULL. */
int test_run(struct buf *out, const char *const *argv);
/* The same for a shell command line; the format's result is given to sh -c. */
int test_sh(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Runs the kiln under test with these arguments (NULL-ended, without argv[0]). */
int test_kiln(struct buf *out, const char *const *args);

/* Directories of the kiln source tree and of its build. */
const char *test_source_dir(void);
const char *test_build_dir(void);

void test_write(const char *path, const char *text);
char *test_read(const char *path); /* the caller frees; fails the test if unreadable */
char *test_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One statement for "this call succeeds": shows the error's sentence if not. */
#define ck_ok(call, e)                                                                   \
	ck_assert_msg((call) >= 0, "%s: %s (code %d)", #call, (e)->msg, (e)->code)
/* "This call fails with this code and exactly this sentence." */
#define ck_fails(call, e, want_code, want_msg)                                           \
	do {                                                                             \
		ck_assert_int_eq((call), -1);                                            \
		ck_assert_str_eq((e)->msg, (want_msg));                                  \
		ck_assert_int_eq((e)->code, (want_code));                                \
	} while (0)

/* Adds one test case with its tests and a timeout in seconds. */
#define test_case(suite, name, seconds, ...)                                             \
	do {                                                                             \
		TCase *tc_ = tcase_create(name);                                         \
		const TTest *tests_[] = {__VA_ARGS__};                                   \
		tcase_set_timeout(tc_, seconds);                                         \
		for (size_t i_ = 0; i_ < sizeof(tests_) / sizeof(tests_[0]); i_++)       \
			tcase_add_test(tc_, tests_[i_]);                                 \
		suite_add_tcase(suite, tc_);                                             \
	} while (0)

#endif
