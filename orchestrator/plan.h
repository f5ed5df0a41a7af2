/* plan.h: the steps that targets need, each once, with all keys known before any runs. */
#ifndef KILN_PLAN_H
#define KILN_PLAN_H

#include "orchestrator/stage.h"
#include "orchestrator/target.h"

struct step {
	const struct stage *stage;
	const struct recipe *recipe; /* of the first target that asked for it */
	const char *label;	     /* that target's name */
	char key[SHA256_HEX_LEN + 1];
	const char *text;			/* what was hashed */
	struct step *needs[STAGE_MAX_NEEDS];	/* those that the target has; NULL ends */
	const char *need_keys[STAGE_MAX_NEEDS]; /* parallel to stage->needs; or NULL */
	bool present; /* in the store when the plan was made, or since */
	bool wanted;  /* has to run */
};
struct plan {
	struct arena *arena; /* the caller's */
	struct step **steps; /* in the table's order within a target */
	size_t count, cap;
};
void plan_free(struct plan *p);
#define _plan_ __attribute__((cleanup(plan_free)))

/* Adds the step of that stage for a target, and all that it needs; returns it. */
struct step *plan_add(struct plan *p, const struct store *s, const struct target *t,
	const struct stage *stage);
/* Marks what has to run so that step is there: nothing if it is present. */
void plan_want(struct step *step);
size_t plan_wanted(const struct plan *p);

/* "stage key" lines of a target's steps, for the store's records. */
void plan_record(const struct step *top, struct buf *out);
/* The key of a stage in such lines, split at " \n"; NULL if it is not there. */
const char *plan_recorded_key(const struct str_vec *record, const char *stage);
/* The step of that stage among top and all that it needs; NULL if there is none. */
const struct step *plan_find(const struct step *top, const char *stage);

#endif
