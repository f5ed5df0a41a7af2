/* kiln plan: what a build would run, and what is there already. */
#include <stdio.h>
#include "kernel/config_repro.h"
#include "orchestrator/command.h"
#include "orchestrator/config_target.h"
#include "orchestrator/session.h"

static void print_step(const struct session *s, const struct step *step)
{
	uint64_t ms = store_get_time(&s->store, step->stage->name, step->key);

	printf("  %-5s %-12s %.12s", step->wanted ? "run" : "there", step->stage->name,
		step->key);
	if (ms)
		printf("  %llu.%llu s", (unsigned long long)(ms / 1000),
			(unsigned long long)(ms % 1000 / 100));
	printf("\n");
}

/* Options that make every build another one, and what is done about each. */
static int print_nondeterminism(const struct target *t, struct err *e)
{
	_str_vec_ struct str_vec files = {0}, lines = {0};
	struct config_request request;

	config_target_request(t, &files, &request);
	if (config_nondeterminism(&request, &lines, e) < 0)
		return -1;
	for (size_t i = 0; i < lines.len; i++)
		printf("  note  %s\n", lines.items[i]);
	return 0;
}

/* A step that several targets share stands under the first. */
static int print_plan(const struct session *s, struct err *e)
{
	for (size_t i = 0; i < s->targets.count; i++) {
		const struct target *t = &s->targets.items[i];

		printf("%s  %s\n", t->name, t->tag);
		for (size_t j = 0; j < s->plan.count; j++)
			if (s->plan.steps[j]->recipe == &t->recipe)
				print_step(s, s->plan.steps[j]);
		if (print_nondeterminism(t, e) < 0)
			return -1;
	}
	printf("%zu steps, %zu to run\n", s->plan.count, plan_wanted(&s->plan));
	return 0;
}

int cmd_plan(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};

	(void)status;
	if (session_from_args(&s, global, &selection, argc, argv, e) < 0)
		return -1;
	for (size_t i = 0; i < s.targets.count; i++) {
		plan_want(s.images[i]);
		if (s.perf_images)
			plan_want(s.perf_images[i]);
	}
	return print_plan(&s, e);
}
