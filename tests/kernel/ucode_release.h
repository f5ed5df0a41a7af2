/* ucode_release.h: microcode updates as the format is published, with nothing for a
 * processor in them. */
#ifndef KILN_UCODE_RELEASE_H
#define KILN_UCODE_RELEASE_H

#include <stdint.h>
#include "orchestrator/base/str.h"

struct ucode_update {
	uint32_t signature, flags, revision, date;
	uint32_t data; /* bytes; 0: an old header, which doesn't say it */
	uint32_t more; /* another signature, in a table; 0: no table */
};
/* Appends one, with its checksums. */
void ucode_update_make(struct buf *b, const struct ucode_update *u);

/* A release as Intel's repository has it, of five updates that a kernel would take:
 * several in one file, an old revision, one that is not for customers, a header of old, a
 * table of further signatures; and files beside them. Returns its directory. */
const char *ucode_release_make(void);

#endif
