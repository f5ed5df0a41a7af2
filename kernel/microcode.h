/* microcode.h: Intel's processor microcode, from the vendor's files to the archive that a
 * boot loader puts in front of an initrd.
 *
 * The format of an update: Intel's Software Developer's Manual, volume 3, "Microcode
 * Update Facilities". Where the kernel looks for it: Documentation/arch/x86/microcode.rst
 * and lib/earlycpio.c of its tree; the archive: "newc" in its
 * Documentation/driver-api/early-userspace/buffer-format.rst. */
#ifndef KILN_MICROCODE_H
#define KILN_MICROCODE_H

#include <stddef.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

struct microcode; /* opaque: updates, each a copy */
struct microcode *microcode_new(void);
void microcode_free(struct microcode *m); /* NULL is fine */

/* Adds the updates of one of the vendor's files, which may hold several. Each is checked
 * as the kernel does before it loads it: versions, sizes, the checksums. ERR_INPUT with
 * name and offset. */
int microcode_add(struct microcode *m, const char *name, const void *data, size_t len,
	struct err *e);
/* Of two updates for the same processors the newer revision stays. Called once, after the
 * last microcode_add. */
void microcode_settle(struct microcode *m);

size_t microcode_count(const struct microcode *m);
/* The newest update's date, as year * 10000 + month * 100 + day. */
unsigned microcode_newest(const struct microcode *m);
/* The archive, appended: the same bytes for the same updates, however they were named and
 * added. The updates begin at a multiple of 16, as the processor wants them. */
void microcode_cpio(const struct microcode *m, struct buf *out);

#endif
