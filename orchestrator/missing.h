/* missing.h: which inputs a plan lacks, before anything runs. */
#ifndef KILN_MISSING_H
#define KILN_MISSING_H

#include "orchestrator/session.h"

/* For a build without network: every input that is neither in the store nor in its cache,
 * all in one ERR_NETWORK sentence. Opens no socket. */
int missing_inputs(const struct session *s, struct err *e);

#endif
