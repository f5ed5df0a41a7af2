/* git.h: the hash tag of a series and the revision of a workspace, through libgit2. */
#ifndef KILN_GIT_H
#define KILN_GIT_H

#include "orchestrator/workspace.h"

struct git_identity {
	char *hash;	/* LinuxKit's <hash>, "-dirty" behind where it applies; owned */
	char *revision; /* commit of a clean work tree, or ""; owned */
};
void git_identity_free(struct git_identity *id);

/* The hash of a series as LinuxKit's Makefile makes it from git's objects: the git blob
 * hash of "<SHARED>\n" and `git ls-tree --full-tree HEAD -- <ws>/<series>`, where SHARED
 * is that of `git ls-tree -r --full-tree HEAD -- <ws>/Makefile <ws>/common`; a variant
 * adds its own directory's line. Outside git, or before the first commit: a hash over the
 * same files' contents. No process is started. */
int git_identify(const struct workspace *w, const struct series *s,
	struct git_identity *id, struct err *e);

#endif
