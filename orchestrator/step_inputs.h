/* step_inputs.h: what the stages that bring something in would need the network for. */
#ifndef KILN_STEP_INPUTS_H
#define KILN_STEP_INPUTS_H

#include "orchestrator/stage.h"

/* Adds a printable line for each input of a step that isn't in the cache; nothing for
 * stages that bring nothing in. */
int step_inputs_missing(const struct stage *stage, const struct recipe *recipe,
	const struct run_env *env, struct str_vec *missing, struct err *e);

#endif
