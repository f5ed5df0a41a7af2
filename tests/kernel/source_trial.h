/* source_trial.h: fetches from a small kernel.org, each with directories of its own. */
#ifndef KILN_TEST_SOURCE_TRIAL_H
#define KILN_TEST_SOURCE_TRIAL_H

#include "kernel/source.h"
#include "tests/kernel/kernel_org.h"

/* The mirror that all tests of a suite share; an unchecked fixture of the suite. */
extern struct kernel_org org;
void source_setup(void);
void source_teardown(void);
/* Whether it could be made: skips, or fails, if not. */
bool source_ready(void);

/* One fetch and unpack with directories of its own; the queue of a spec with rt too. */
struct trial {
	struct source_spec spec;
	const char *mirrors[4];
	bool offline;
	char *cache, *fetched, *unpacked, *queue; /* made where NULL */
	struct err e;
	struct source_info info, queue_info;
};

void trial_free(struct trial *t);
#define _trial_ __attribute__((cleanup(trial_free)))

/* Makes the directories; the others do it themselves. */
void trial_dirs(struct trial *t);
struct source_env trial_env(const struct trial *t);
int trial_queue(struct trial *t);
int trial_fetch(struct trial *t);
/* Fetches and unpacks. */
int trial_run(struct trial *t);

/* file:// and the directory; the caller frees. */
char *mirror_of(const char *dir);
/* A copy of the mirror, spoiled by a piece of shell; the caller frees. */
char *spoiled(const char *how);

#endif
