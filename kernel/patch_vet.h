/* patch_vet.h: what a patch may be before GNU patch sees it: a unified diff inside the
 * tree. */
#ifndef KILN_PATCH_VET_H
#define KILN_PATCH_VET_H

#include <stddef.h>
#include "orchestrator/base/err.h"

/* Refuses (ERR_INPUT: patch, line, file, hunk) what is not a plain unified diff for -p1:
 * empty, cut short, binary, an ed script, a context diff, CRLF headers, a name or a link
 * that leaves the tree. name is for the sentence; text is followed by a NUL. */
int patch_vet(const char *name, const char *text, size_t len, struct err *e);

#endif
