#include "orchestrator/missing.h"
#include "orchestrator/step_inputs.h"

int missing_inputs(const struct session *s, struct err *e)
{
	_str_vec_ struct str_vec missing = {0};
	_buf_ struct buf list = {0};

	for (size_t i = 0; i < s->plan.count; i++) {
		const struct step *step = s->plan.steps[i];

		if (step->wanted && step_inputs_missing(step->stage, step->recipe,
					    &s->env, &missing, e) < 0)
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
