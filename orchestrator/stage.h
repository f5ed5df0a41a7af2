/* stage.h: the stage table, which is the graph, and what a running step sees. */
#ifndef KILN_STAGE_H
#define KILN_STAGE_H

#include <stdbool.h>
#include "orchestrator/recipe.h"
#include "orchestrator/store.h"

#define STAGE_MAX_NEEDS	 6
#define STAGE_MAX_FIELDS 12

struct step_run;

struct stage {
	const char *name;
	int version; /* raised when the code behind it makes other bytes of the same input
		      */
	const char *needs[STAGE_MAX_NEEDS]; /* names of rows above */
	/* Fields it reads, as field + 1 so that 0 ends the list: FIELDS(...) writes it.
	 */
	int fields[STAGE_MAX_FIELDS];
	/* Only targets that have this field have such a step (field + 1; 0: all have it).
	 * Rows that need it go without it elsewhere. */
	int only_with;
	unsigned cost; /* seconds one expects; orders steps until a run has been timed */
	const char *noun; /* for progress: "compiling" */
	int (*run)(struct step_run *r, struct err *e);
	/* Of a stage that brings something in: adds a printable line for each input that
	 * it would need the network for. NULL: it brings nothing in. Of r only stage,
	 * recipe, env and arena are there. */
	int (*missing)(struct step_run *r, struct str_vec *missing, struct err *e);
};

/* Rows stand in the order they run: a row's needs are above it. Ended by .name == NULL.
 */
extern const struct stage stages[];
const struct stage *stage_find(const char *name);
/* Whether a target of that recipe has a step of the stage. */
bool stage_applies(const struct stage *stage, const struct recipe *recipe);

/* What is the same for all steps of a run, and in no key. */
struct run_env {
	const struct store *store;
	const char *const *mirrors;	    /* of kernel sources; NULL-ended */
	const char *const *package_mirrors; /* of sysroots; NULL-ended, or NULL */
	bool offline;
	bool use_ccache;
	bool shell; /* after a failed make: a person's shell in its box */
	unsigned jobs;
	const char *const *sysroot_dirs; /* NULL-ended */
};

/* A step at work, in a process of its own. */
struct step_run {
	const struct stage *stage;
	const struct recipe *recipe;
	const char *const *need_keys; /* parallel to stage->needs; NULL: without it */
	const struct run_env *env;
	int out; /* the fresh directory that becomes the result */
	const char *out_path, *scratch;
	int log;
	int cancel;
	int jobserver[2];
	struct arena arena;
};

/* A field's text, or files. Reading one that the row does not declare is a bug in kiln,
 * and aborts: what isn't in the key must not change the result. */
const char *step_text(const struct step_run *r, enum field f);
const struct field_value *step_files(const struct step_run *r, enum field f);
/* Path of a need's result, or of name below it (arena); NULL where the target goes
 * without that stage; undeclared: aborts likewise. */
const char *step_need(struct step_run *r, const char *stage, const char *name);

/* Takes a need's result out of the store, for it turned out to be false. */
int step_drop_need(struct step_run *r, const char *stage, struct err *e);

/* The stages' own code, orchestrator/step_*.c. */
int step_source(struct step_run *r, struct err *e);
int step_source_missing(struct step_run *r, struct str_vec *missing, struct err *e);
int step_queue(struct step_run *r, struct err *e);
int step_queue_missing(struct step_run *r, struct str_vec *missing, struct err *e);
int step_tree(struct step_run *r, struct err *e);
int step_tools(struct step_run *r, struct err *e);
int step_tools_missing(struct step_run *r, struct str_vec *missing, struct err *e);
int step_sysroot(struct step_run *r, struct err *e);
int step_sysroot_missing(struct step_run *r, struct str_vec *missing, struct err *e);
int step_perf_sysroot(struct step_run *r, struct err *e);
int step_perf_sysroot_missing(struct step_run *r, struct str_vec *missing, struct err *e);
int step_ucode(struct step_run *r, struct err *e);
int step_ucode_missing(struct step_run *r, struct str_vec *missing, struct err *e);
int step_patch(struct step_run *r, struct err *e);
int step_archive(struct step_run *r, struct err *e);
int step_config(struct step_run *r, struct err *e);
int step_compile(struct step_run *r, struct err *e);
int step_pack(struct step_run *r, struct err *e);
int step_perf(struct step_run *r, struct err *e);
int step_image(struct step_run *r, struct err *e);
int step_perf_image(struct step_run *r, struct err *e);

#endif
