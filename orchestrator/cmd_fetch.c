/* kiln fetch: brings every input in, so that a build without network can run. */
#include <stdio.h>
#include "orchestrator/base/log.h"
#include "orchestrator/command.h"
#include "orchestrator/run.h"
#include "orchestrator/session.h"

int cmd_fetch(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};

	(void)status;
	if (session_from_args(&s, global, &selection, argc, argv, e) < 0)
		return -1;
	for (size_t i = 0; i < s.plan.count; i++)
		if (s.plan.steps[i]->stage->missing) /* it brings something in */
			plan_want(s.plan.steps[i]);
	if (!plan_wanted(&s.plan))
		log_info("every input is there already");
	return run_plan(&s.plan, &s.env, global->progress, e);
}
