/* What is said of the RT queue, a stage that only some targets have, before anything
 * runs: by why, when it came or went, and by the list of what a build without network
 * lacks. */
#include <stdlib.h>
#include "orchestrator/missing.h"
#include "orchestrator/why.h"
#include "tests/test.h"

static const char *make_workspace(void)
{
	const char *dir = test_tmpdir();

	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s && mkdir 6.1.x 6.1.x-rt && echo CONFIG_A=y > "
			"6.1.x/config-x86_64 && echo CONFIG_B=y > 6.1.x-rt/config-x86_64 "
			"&& echo KERNEL_VERSION=6.1.176 > 6.1.x/build-args",
			dir),
		0);
	return dir;
}

static void set_rt(const char *dir, const char *line)
{
	_free_ char *path = test_path("%s/6.1.x-rt/build-args", dir);

	test_write(path, line);
}

static void open_session(struct session *s, const char *dir)
{
	_free_ char *store = test_path("%s/store", dir);
	char *words[] = {"6.1.x-rt"}, *arch = "x86_64";
	static struct options global;
	struct selection selection = {.archs = {.items = &arch, .len = 1}};
	struct err e = {0};

	setenv("KILN_DATA", test_source_dir(), 1); /* keys and sysroots */
	free(global.store);
	global = (struct options){.workspace = dir, .store = steal(store)};
	ck_ok(session_open(s, &global, &selection, 1, words, &e), &e);
}

/* As if all of it had been built: the recipes are kept, and the record. */
static void pretend_built(const char *dir)
{
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	_buf_ struct buf record = {0};
	struct err e = {0};

	open_session(&s, dir);
	for (size_t i = 0; i < s.plan.count; i++) {
		const struct step *step = s.plan.steps[i];
		struct store_temp temp;

		ck_ok(store_begin(&s.store, step->stage->name, step->key, &temp, &e), &e);
		ck_ok(store_commit(&s.store, step->stage->name, step->key, step->text,
			      &temp, &e),
			&e);
		store_end(&s.store, &temp);
	}
	plan_record(s.images[0], &record);
	ck_ok(store_put_record(
		      &s.store, s.targets.items[0].name, "done", record.data, &e),
		&e);
}

static const struct {
	const char *before, *after, *said;
} changes[] = {
	{"", "", "  nothing changed since the last build\n"},
	{"", "RT_VERSION=6.1.176-rt64\n",
		"  rt-version: (none) -> 6.1.176-rt64\n"
		"  to run again: queue, patch, archive, config, compile, pack, image\n"},
	{"RT_VERSION=6.1.176-rt64\n", "",
		"  rt-version: 6.1.176-rt64 -> (none)\n"
		"  to run again: patch, archive, config, compile, pack, image\n"},
	{"RT_VERSION=6.1.176-rt64\n", "RT_VERSION=6.1.176-rt65\n",
		"  rt-version: 6.1.176-rt64 -> 6.1.176-rt65\n"
		"  to run again: queue, patch, archive, config, compile, pack, image\n"},
};

START_TEST(a_queue_comes_and_goes)
{
	const char *dir = make_workspace();
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	_free_ char *want = test_path("6.1.x-rt/x86_64/plain/gcc\n%s", changes[_i].said);
	_buf_ struct buf out = {0};

	set_rt(dir, changes[_i].before);
	pretend_built(dir);
	set_rt(dir, changes[_i].after);
	open_session(&s, dir);
	why_target(&s, 0, &out);
	ck_assert_str_eq(out.data, want);
}
END_TEST

START_TEST(a_missing_queue_is_named)
{
	const char *dir = make_workspace();
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	struct err e = {0};

	set_rt(dir, "RT_VERSION=6.1.176-rt64\n");
	open_session(&s, dir);
	for (size_t i = 0; i < s.plan.count; i++)
		if (str_eq(s.plan.steps[i]->stage->name, "queue"))
			plan_want(s.plan.steps[i]);
	ck_fails(missing_inputs(&s, &e), &e, ERR_NETWORK,
		"--offline, and these inputs are missing (bring them in with 'kiln "
		"fetch'):\n  patches-6.1.176-rt64.tar.sign\n"
		"  patches-6.1.176-rt64.tar.xz\n  projects/rt/6.1/sha256sums.asc");
}
END_TEST

Suite *suite_queue(void);
Suite *suite_queue(void)
{
	Suite *s = suite_create("queue");
	TCase *t = tcase_create("why");

	tcase_add_loop_test(t, a_queue_comes_and_goes, 0, ARRAY_LEN(changes));
	suite_add_tcase(s, t);
	test_case(s, "offline", 4, a_missing_queue_is_named);
	return s;
}
