/* unxz.h: the bytes of an .xz stream, decoded on as many cores as it has blocks. */
#ifndef KILN_UNXZ_H
#define KILN_UNXZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/err.h"

struct unxz {
	int fd;		    /* read from here to the end, once */
	const char *name;   /* for errors */
	uint64_t max_bytes; /* decoded; more is ERR_INPUT */
	struct digest
		*digest; /* NULL, or gets the compressed bytes; stays the caller's */
	/* Gets the decoded bytes in order; -1 with e set stops. */
	int (*take)(void *arg, const void *data, size_t len, struct err *e);
	void *arg;
};

/* Damaged, cut or followed by something else: ERR_INPUT. Uses threads of its own. */
int unxz_run(const struct unxz *u, struct err *e);
/* Whether these first bytes of a file (six or more) are an .xz stream's. */
bool unxz_is(const void *data, size_t len);

#endif
