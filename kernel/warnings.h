/* warnings.h: the warnings in a build's log, and which of them another log lacks. */
#ifndef KILN_WARNINGS_H
#define KILN_WARNINGS_H

#include "orchestrator/base/str.h"

/* Adds the warnings of compilers, linkers and modpost in a NUL-terminated log to found,
 * as they were printed, sorted, and each once: a header warns in every file that takes it
 * in. What make says of itself is none. */
void warnings_read(const char *log, struct str_vec *found);

/* Adds to fresh those of now that before lacks, by file and message: a line number, a
 * column or an offset that moved makes none new, but a second one in the same file does.
 * Both are as warnings_read left them. Returns how many of before are gone. */
size_t warnings_compare(
	const struct str_vec *now, const struct str_vec *before, struct str_vec *fresh);

#endif
