#include <signal.h>
#include "orchestrator/stage.h"
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

Suite *suite_stage(void);
Suite *suite_stage(void)
{
	Suite *s = suite_create("stage");
	TCase *t = tcase_create("undeclared");

	test_case(s, "table", 4, needs_stand_above, every_field_is_read_by_someone,
		a_declared_field_is_read);
	tcase_add_test_raise_signal(t, an_undeclared_field_aborts, SIGABRT);
	tcase_add_test_raise_signal(t, an_undeclared_need_aborts, SIGABRT);
	suite_add_tcase(s, t);
	return s;
}
