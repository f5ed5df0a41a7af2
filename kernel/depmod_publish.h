/* depmod_publish.h: several files of one directory that appear together. */
#ifndef KILN_DEPMOD_PUBLISH_H
#define KILN_DEPMOD_PUBLISH_H

#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* Starts as {.dir = fd}; what wasn't committed is removed when it ends. */
struct publication {
	int dir;
	struct str_vec names, temps;
	int *fds;
	size_t n_fds;
};
#define _publication_ __attribute__((cleanup(publication_end)))
void publication_end(struct publication *p);

/* Writes a file under a temporary name; its final name sees nothing of it yet. */
int publication_add(
	struct publication *p, const char *name, const struct buf *data, struct err *e);
/* Syncs every file, then gives each its name, then syncs the directory. Nothing is
 * renamed unless every file is on the disk and none of the names is taken by something
 * that a rename can't replace. */
int publication_commit(struct publication *p, struct err *e);

#endif
