/* workspace.h: a directory of series, as LinuxKit's kernel/ has it. */
#ifndef KILN_WORKSPACE_H
#define KILN_WORKSPACE_H

#include <stdbool.h>
#include "orchestrator/base/str.h"
#include "orchestrator/build_args.h"
#include "toolchains/arch.h"

/* A series ("6.12.x") or a variant of one ("6.1.x-rt"). */
struct series {
	const char *name;    /* directory name */
	const char *variant; /* "rt"; "" for a plain series */
	const char *dir; /* path; NULL for a variant that is only config files beside */
	const struct series
		*base; /* the plain series of a variant; NULL for a plain one */
	bool deprecated;
	struct build_args args; /* the series' own, then the variant's */
};

struct workspace {
	struct arena arena;
	const char *path; /* as given */
	struct series *series;
	size_t count; /* sorted: versions ascending, a series before its variants */
};

/* Reads and checks everything but configs and patches. ERR_USAGE with file and line. */
int workspace_read(const char *path, struct workspace *w, struct err *e);
void workspace_free(struct workspace *w);
#define _workspace_ __attribute__((cleanup(workspace_free)))

/* Whether the directory holds at least one series, without reading it. */
bool workspace_is_one(const char *path);
/* By directory name ("6.1.x-rt"); NULL if there is none. */
const struct series *workspace_find(const struct workspace *w, const char *name);

/* Path of a series' own config for arch (arena of w), whether it exists or not. */
const char *series_config(
	struct workspace *w, const struct series *s, const struct arch *arch);
/* Adds the paths of its own patches/ *.patch, in byte order. */
int series_patches(const struct series *s, struct str_vec *paths, struct err *e);
/* "6.12" of "6.12.x-rt". */
const char *series_release(struct workspace *w, const struct series *s);

#endif
