/* kiln plan: what a build would run, and what is there already. */
#include <stdio.h>
#include "orchestrator/command.h"
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

/* A step that several targets share stands under the first. */
static void print_plan(const struct session *s)
{
	for (size_t i = 0; i < s->targets.count; i++) {
		const struct target *t = &s->targets.items[i];

		printf("%s  %s\n", t->name, t->tag);
		for (size_t j = 0; j < s->plan.count; j++)
			if (s->plan.steps[j]->recipe == &t->recipe)
				print_step(s, s->plan.steps[j]);
	}
	printf("%zu steps, %zu to run\n", s->plan.count, plan_wanted(&s->plan));
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
	print_plan(&s);
	return 0;
}
