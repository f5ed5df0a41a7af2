#include "orchestrator/missing.h"

static int add_missing(const struct step *step, const struct run_env *env,
	struct str_vec *missing, struct err *e)
{
	struct step_run r = {.stage = step->stage, .recipe = step->recipe, .env = env};
	int ret = 0;

	if (step->wanted && step->stage->missing)
		ret = step->stage->missing(&r, missing, e);
	arena_free(&r.arena);
	return ret;
}

int missing_inputs(const struct session *s, struct err *e)
{
	_str_vec_ struct str_vec missing = {0};
	_buf_ struct buf list = {0};

	for (size_t i = 0; i < s->plan.count; i++) {
		if (add_missing(s->plan.steps[i], &s->env, &missing, e) < 0)
			return -1;
	}
	if (!missing.len)
		return 0;
	str_vec_sort(&missing);
	for (size_t i = 0; i < missing.len; i++)
		if (i == 0 || !str_eq(missing.items[i], missing.items[i - 1]))
			buf_addf(&list, "\n  %s", missing.items[i]);
	/* The sentence has room for some twenty; the count tells of the rest. */
	return err_set(e, ERR_NETWORK,
		"--offline, and these inputs are missing (bring them in with 'kiln "
		"fetch'):%s",
		list.data);
}
