/* gpgv_int.h: between running gpgv (gpgv.c) and judging what it said (gpgv_status.c). */
#ifndef KILN_GPGV_INT_H
#define KILN_GPGV_INT_H

#include <stdbool.h>
#include "orchestrator/base/gpgv.h"
#include "orchestrator/base/pgpkey.h"
#include "orchestrator/base/proc.h"

struct gpgv_question {
	const char *name; /* of the file, for errors */
	const struct gpgv_role *role;
	const struct pgp_ring *ring;
	bool clearsigned;
	const struct proc_end *end; /* only for errors: it decides nothing */
	const char *errors;	    /* gpgv's own words, likewise */
};

/* Whether the status lines (consumed) hold a signature that counts. */
int gpgv_decide(const struct gpgv_question *q, char *status, struct gpgv_result *result,
	struct err *e);
/* Whether a file is one clearsigned block and nothing else. */
int gpgv_check_frame(const char *name, const char *text, size_t len, struct err *e);

#endif
