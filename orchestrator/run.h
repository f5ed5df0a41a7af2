/* run.h: one event loop that runs a plan's steps, each in a forked child. */
#ifndef KILN_RUN_H
#define KILN_RUN_H

#include "orchestrator/options.h"
#include "orchestrator/plan.h"

/* Runs every wanted step as soon as its needs are there, longest expected first. kiln is
 * the GNU make jobserver of all of them: each running step and each job of its make holds
 * one of env->jobs tokens. What was finished is kept, whatever happens to the rest. On
 * SIGINT, SIGTERM or SIGHUP everything is killed: ERR_INTERRUPT or ERR_TERMINATED. The
 * first failing step's error is returned, with the path of its log. */
int run_plan(const struct plan *plan, const struct run_env *env, enum progress progress,
	struct err *e);

#endif
