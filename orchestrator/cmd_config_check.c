/* cmd_config_check.c: kiln config check: what became of every asked symbol. */
#include <fcntl.h>
#include <stdio.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/json.h"
#include "orchestrator/config_target.h"
#include "orchestrator/run.h"

struct check {
	const struct options *global;
	bool warn; /* a broken contract is only reported */
	size_t broken;
};

static json_int_t count_of(const json_t *report, const char *group, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(report, group), name));
}

/* Prints a target's report; adds what breaks the contract of a plain kernel. */
static int print_report(struct check *c, struct session *s, const struct target *t,
	const struct step *step, struct err *e)
{
	_free_ char *dir = store_result(&s->store, "config", step->key);
	_free_ char *text_path = fs_join(dir, "report.txt");
	_free_ char *json_path = fs_join(dir, "report.json");
	_buf_ struct buf text = {0}, json = {0};
	_json_ json_t *report = NULL;

	if (fs_read(AT_FDCWD, text_path, 64 << 20, &text, e) < 0 ||
		fs_read(AT_FDCWD, json_path, 64 << 20, &json, e) < 0 ||
		!(report = json_parse(json.data, json.len, json_path, ERR_STORE, e)))
		return -1;
	printf("%s\n%s", t->name, buf_str(&text));
	if (!c->warn && !t->debug && !t->series->base)
		c->broken += (size_t)(count_of(report, "fates", "changed") +
				      count_of(report, "fates", "dropped") -
				      count_of(report, "causes", "toolchain"));
	return 0;
}

static int check_targets(struct session *s, void *arg, struct err *e)
{
	struct check *c = arg;

	for (size_t i = 0; i < s->targets.count; i++)
		plan_want(plan_add(
			&s->plan, &s->store, &s->targets.items[i], stage_find("config")));
	if (run_plan(&s->plan, &s->env, c->global->progress, e) < 0)
		return -1;
	for (size_t i = 0; i < s->targets.count; i++) {
		const struct target *t = &s->targets.items[i];

		if (print_report(c, s, t,
			    plan_add(&s->plan, &s->store, t, stage_find("config")),
			    e) < 0)
			return -1;
	}
	return 0;
}

int config_check(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	const struct option_row rows[] = {SELECTION_ROWS(&selection), {0}};
	struct check c = {.global = global};

	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	c.warn = str_eq(selection.drift, "warn");
	/* The report is wanted even where a build would fail; strict compares bytes, and
	 * that is the step's own business. */
	if (!str_eq(selection.drift, "strict"))
		selection.drift = "warn";
	if (config_each(global, &selection, argc - 1, argv + 1, check_targets, &c, e) < 0)
		return -1;
	*status = c.broken ? ERR_BUILD : 0;
	return 0;
}
