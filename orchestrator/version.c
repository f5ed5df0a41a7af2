#include "orchestrator/version.h"

const char kiln_version[] = KILN_VERSION;
const char kiln_datadir[] = KILN_DATADIR;
