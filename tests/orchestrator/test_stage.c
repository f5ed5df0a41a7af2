#include <fcntl.h>
#include <signal.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/plan.h"
#include "orchestrator/target_source.h"
#include "tests/test.h"

/* The table is the graph only if it can be run from top to bottom. */
START_TEST(needs_stand_above)
{
	for (const struct stage *s = stages; s->name; s++) {
		ck_assert_ptr_eq(stage_find(s->name), s); /* names are unique */
		ck_assert(s->run && s->noun && s->version > 0 && s->cost > 0);
		for (size_t i = 0; i < STAGE_MAX_NEEDS && s->needs[i]; i++) {
			const struct stage *need = stage_find(s->needs[i]);

			ck_assert_msg(need && need < s,
				"%s needs %s, which is not above it", s->name,
				s->needs[i]);
		}
	}
}
END_TEST

START_TEST(every_field_is_read_by_someone)
{
	for (int f = 0; f < FIELD_COUNT; f++) {
		bool read = false;

		ck_assert_msg(field_name((enum field)f), "field %d has no name", f);
		for (const struct stage *s = stages; s->name; s++)
			for (size_t i = 0; i < STAGE_MAX_FIELDS && s->fields[i]; i++)
				read |= s->fields[i] == f + 1;
		ck_assert_msg(read, "no stage reads %s", field_name((enum field)f));
	}
}
END_TEST

static struct step_run a_run(const struct recipe *r)
{
	return (struct step_run){.stage = stage_find("patch"), .recipe = r};
}

START_TEST(an_undeclared_field_aborts)
{
	struct recipe r = {.field[FIELD_CONFIG].text = "x"};
	struct step_run run = a_run(&r);

	step_text(&run, FIELD_CONFIG);
}
END_TEST

START_TEST(an_undeclared_need_aborts)
{
	struct recipe r = {0};
	struct step_run run = a_run(&r);

	step_need(&run, "compile", NULL);
}
END_TEST

START_TEST(a_declared_field_is_read)
{
	struct recipe r = {.field[FIELD_PATCHES].text = "x"};
	struct step_run run = a_run(&r);

	ck_assert_str_eq(step_text(&run, FIELD_PATCHES), "x");
}
END_TEST

static struct target a_target(const char *name, const char *rt)
{
	struct target t = {.name = name};

	for (int f = 0; f < FIELD_COUNT; f++)
		t.recipe.field[f].text = "";
	t.recipe.field[FIELD_VERSION].text = "6.1.9";
	t.recipe.field[FIELD_RT_VERSION].text = rt;
	return t;
}

static size_t steps_of(const struct plan *p, const char *stage)
{
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		n += str_eq(p->steps[i]->stage->name, stage);
	return n;
}

/* A kernel, and the same with the RT queue: how many steps there are of each stage. */
static const struct {
	const char *stage;
	size_t count;
} shared[] = {{"source", 1}, {"tree", 1}, {"tools", 1}, {"queue", 1}, {"patch", 2},
	{"archive", 2}, {"compile", 2}, {"image", 2}};

START_TEST(a_queue_needs_no_tree_of_its_own)
{
	const struct target plain = a_target("plain", "");
	const struct target rt = a_target("rt", "6.1.9-rt3");
	_store_ struct store s = {.fd = -1, .lock = -1};
	struct arena arena = {0};
	_plan_ struct plan p = {.arena = &arena};
	struct err e = {0};

	ck_ok(store_open(&s, test_tmpdir(), false, &e), &e);
	plan_add(&p, &s, &plain, stage_find("image"));
	ck_assert_uint_eq(steps_of(&p, "queue"), 0);
	plan_add(&p, &s, &rt, stage_find("image"));
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		ck_assert_msg(steps_of(&p, shared[i].stage) == shared[i].count,
			"%zu steps of %s", steps_of(&p, shared[i].stage),
			shared[i].stage);
	arena_free(&arena);
}
END_TEST

/* What a step finds of a need that its target has, and of one that it goes without. */
static void check_queue(const char *rt, bool has)
{
	const struct target t = a_target("x", rt);
	_store_ struct store s = {.fd = -1, .lock = -1};
	struct arena arena = {0};
	_plan_ struct plan p = {.arena = &arena};
	struct err e = {0};
	const struct step *patch;

	ck_ok(store_open(&s, test_tmpdir(), false, &e), &e);
	patch = plan_add(&p, &s, &t, stage_find("patch"));
	const struct run_env env = {.store = &s};
	struct step_run run = {.stage = patch->stage,
		.recipe = patch->recipe,
		.need_keys = patch->need_keys,
		.env = &env};

	ck_assert(has == (step_need(&run, "queue", NULL) != NULL));
	for (size_t i = 0; patch->needs[i]; i++) {
		_free_ char *path = store_result(
			&s, patch->needs[i]->stage->name, patch->needs[i]->key);

		ck_assert_str_eq(
			step_need(&run, patch->needs[i]->stage->name, NULL), path);
	}
	arena_free(&run.arena);
	arena_free(&arena);
}

START_TEST(a_need_is_there_or_not)
{
	check_queue("", false);
	check_queue("6.1.9-rt3", true);
}
END_TEST

/* A source in the store that isn't what its digest says. */
static void false_source(const struct store *s, const struct step *source)
{
	struct store_temp temp;
	struct err e = {0};

	ck_ok(store_begin(s, "source", source->key, &temp, &e), &e);
	_free_ char *out = test_path("%s/%s/out", s->path, temp.name);
	_free_ char *tarball = test_path("%s/linux.tar.xz", out);
	_free_ char *info = test_path("%s/source.json", out);

	test_write(tarball, "not what it was");
	test_write(info, "{\"version\": \"6.1.9\", \"url\": \"https://x/y\", "
			 "\"sha256\": \"00\", \"proof\": \"\"}");
	ck_ok(store_commit(s, "source", source->key, source->text, &temp, &e), &e);
	store_end(s, &temp);
}

/* Else it would stand in the way of every later build, until somebody removed it. */
START_TEST(a_false_source_is_dropped)
{
	struct target t = a_target("x", "");
	_store_ struct store s = {.fd = -1, .lock = -1};
	const char *const none[] = {NULL};
	struct arena arena = {0};
	_plan_ struct plan p = {.arena = &arena};
	struct err e = {0};
	const struct step *tree;

	t.recipe.field[FIELD_REQUIRE].text = "both";
	t.recipe.field[FIELD_ORIGIN].text = "kernel.org";
	ck_ok(store_open(&s, test_tmpdir(), false, &e), &e);
	tree = plan_add(&p, &s, &t, stage_find("tree"));
	false_source(&s, tree->needs[0]);
	ck_assert(store_has(&s, "source", tree->needs[0]->key));
	_close_ int out = fs_open_dir(AT_FDCWD, test_tmpdir(), &e);
	const struct run_env env = {.store = &s, .mirrors = none};
	struct step_run run = {.stage = tree->stage,
		.recipe = tree->recipe,
		.need_keys = tree->need_keys,
		.env = &env,
		.out = out};

	ck_assert_int_eq(tree->stage->run(&run, &e), -1);
	ck_assert_int_eq(e.code, ERR_VERIFY);
	ck_assert(!store_has(&s, "source", tree->needs[0]->key));
	arena_free(&run.arena);
	arena_free(&arena);
}
END_TEST

/* Each architecture's own, and a series that says nothing of it. */
START_TEST(only_a_machine_that_has_use_for_it_gets_microcode)
{
	static const char url[] = "https://microcode.invalid/release.tar.gz";
	static const char pin[] =
		"00000000000000000000000000000000000000000000000000000000000000ff";
	_store_ struct store s = {.fd = -1, .lock = -1};
	struct arena arena = {0};
	struct err e = {0};

	ck_ok(store_open(&s, test_tmpdir(), false, &e), &e);
	for (int given = 0; given < 2; given++) {
		struct series series = {.name = "6.1.x"};

		series.args.value[ARG_INTEL_UCODE].text = given ? url : NULL;
		series.args.value[ARG_INTEL_UCODE_SHA256].text = pin;
		for (const struct arch *const *a = arch_all(); *a; a++) {
			_plan_ struct plan p = {.arena = &arena};
			struct target t = a_target((*a)->name, "");

			t.series = &series;
			t.arch = *a;
			ck_ok(target_set_ucode(&arena, &t, &e), &e);
			plan_add(&p, &s, &t, stage_find("image"));
			ck_assert_uint_eq(steps_of(&p, "ucode"),
				given && str_eq((*a)->name, "x86_64"));
		}
	}
	arena_free(&arena);
}
END_TEST

Suite *suite_stage(void);
Suite *suite_stage(void)
{
	Suite *s = suite_create("stage");
	TCase *t = tcase_create("undeclared");

	test_case(s, "table", 4, needs_stand_above, every_field_is_read_by_someone,
		a_declared_field_is_read, a_queue_needs_no_tree_of_its_own,
		a_need_is_there_or_not, a_false_source_is_dropped,
		only_a_machine_that_has_use_for_it_gets_microcode);
	tcase_add_test_raise_signal(t, an_undeclared_field_aborts, SIGABRT);
	tcase_add_test_raise_signal(t, an_undeclared_need_aborts, SIGABRT);
	suite_add_tcase(s, t);
	return s;
}
