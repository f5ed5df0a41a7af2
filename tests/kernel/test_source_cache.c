/* What was fetched and proved once is not asked for again. */
#include <stdlib.h>
#include "tests/base/fault_server.h"
#include "tests/kernel/source_trial.h"
#include "tests/test.h"

static const struct {
	const char *what;
	struct source_spec spec;
	unsigned requests; /* of the first time */
} once[] = {
	{"sums and signature", {.version = "6.1.9", .rt = "6.1.9-rt3"}, 6},
	/* The sums of projects/rt/6.1 don't list it, and it isn't there. */
	{"an older queue", {.version = "6.1.8", .rt = "6.1.8-rt1"}, 7},
	{"sums alone", {.version = "6.1.9", .rt = "6.1.9-rt3", .require = REQUIRE_SUMS},
		4},
	{"signatures alone",
		{.version = "6.1.9", .rt = "6.1.9-rt3", .require = REQUIRE_TARBALL}, 4},
};

/* A second time, with the mirror there or not, nobody is asked for anything. */
START_TEST(never_twice)
{
	if (!source_ready())
		return;
	unsigned port = fault_server_start(org.dir);
	_free_ char *mirror = test_path("http://127.0.0.1:%u/www", port);
	for (size_t i = 0; i < ARRAY_LEN(once); i++) {
		_trial_ struct trial t = {.spec = once[i].spec, .mirrors = {mirror}};
		fault_server_reset();
		ck_ok(trial_run(&t), &t.e);
		ck_assert_msg(fault_server_requests() == once[i].requests,
			"%s: %u requests", once[i].what, fault_server_requests());
		for (int offline = 0; offline < 2; offline++) {
			_trial_ struct trial again = {.spec = t.spec,
				.mirrors = {mirror},
				.offline = offline,
				.cache = xstrdup(t.cache)};
			fault_server_reset();
			ck_ok(trial_run(&again), &again.e);
			ck_assert_msg(fault_server_requests() == 0, "%s: %u requests",
				once[i].what, fault_server_requests());
			ck_assert_str_eq(again.info.proof, t.info.proof);
			ck_assert_str_eq(again.queue_info.proof, t.queue_info.proof);
		}
	}
}
END_TEST

/* What an earlier fetch did not leave is missing, by name, and nobody is asked. */
START_TEST(missing_by_name)
{
	if (!source_ready())
		return;
	unsigned port = fault_server_start(org.dir);
	_free_ char *mirror = test_path("http://127.0.0.1:%u/www", port);
	_trial_ struct trial t = {
		.spec = {.version = "6.1.9", .rt = "6.1.9-rt3"}, .mirrors = {mirror}};
	ck_ok(trial_run(&t), &t.e);
	_trial_ struct trial other = {.spec = {.version = "6.1.8", .rt = "6.1.8-rt1"},
		.mirrors = {mirror},
		.offline = true,
		.cache = xstrdup(t.cache)};
	struct source_env env = {.cache = t.cache, .offline = true};
	_str_vec_ struct str_vec missing = {0};
	fault_server_reset();
	ck_ok(source_missing(&t.spec, &env, &missing, &t.e), &t.e);
	ck_ok(source_queue_missing(&t.spec, &env, &missing, &t.e), &t.e);
	ck_assert_uint_eq(missing.len, 0);
	trial_dirs(&other);
	ck_ok(source_missing(&other.spec, &env, &missing, &other.e), &other.e);
	ck_ok(source_queue_missing(&other.spec, &env, &missing, &other.e), &other.e);
	ck_assert_uint_eq(missing.len, 5);
	ck_assert_str_eq(missing.items[0], "linux-6.1.8.tar.xz");
	ck_assert_str_eq(missing.items[1], "linux-6.1.8.tar.sign");
	ck_assert_str_eq(missing.items[2], "projects/rt/6.1/sha256sums.asc");
	ck_assert_str_eq(missing.items[4], "patches-6.1.8-rt1.tar.sign");
	ck_assert_int_eq(trial_fetch(&other), -1);
	ck_assert_int_eq(other.e.code, ERR_NETWORK);
	ck_assert_uint_eq(fault_server_requests(), 0);
}
END_TEST

/* A signature that proved nothing is not kept: once the mirror has the right one, that
 * one comes, though the tarball is not asked for again. */
START_TEST(false_signature)
{
	static const enum source_require all[] = {REQUIRE_BOTH, REQUIRE_TARBALL};
	if (!source_ready())
		return;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		_free_ char *dir =
			spoiled("cd projects/rt/6.1 && cp ../../../v6.x/*6.1.8.tar.sign "
				"patches-6.1.9-rt3.tar.sign && cd ../../../v6.x && cp "
				"linux-6.1.8.tar.sign linux-6.1.9.tar.sign");
		unsigned port = fault_server_start(dir);
		_free_ char *mirror = test_path("http://127.0.0.1:%u/www", port);
		_trial_ struct trial t = {.spec = {.version = "6.1.9", .require = all[i]},
			.mirrors = {mirror}};
		ck_assert_int_eq(trial_run(&t), -1);
		ck_assert_int_eq(t.e.code, ERR_VERIFY);
		struct source_env env = trial_env(&t);
		source_forget(&t.spec, &env, t.fetched);
		t.spec.rt = "6.1.9-rt3";
		ck_assert_int_eq(trial_queue(&t), -1);
		ck_assert_int_eq(t.e.code, ERR_VERIFY);
		test_sh(NULL, "cp -a '%s/.' '%s'", org.dir, dir);
		_trial_ struct trial again = {
			.spec = t.spec, .mirrors = {mirror}, .cache = xstrdup(t.cache)};
		fault_server_reset();
		ck_ok(trial_run(&again), &again.e);
		ck_assert_uint_eq(
			fault_server_requests(), all[i] == REQUIRE_BOTH ? 2 : 4);
	}
}
END_TEST

Suite *suite_source_cache(void);
Suite *suite_source_cache(void)
{
	Suite *s = suite_create("source_cache");
	const TTest *tests[] = {never_twice, missing_by_name, false_signature};
	TCase *tc = tcase_create("kernel.org");
	tcase_add_unchecked_fixture(tc, source_setup, source_teardown);
	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}
