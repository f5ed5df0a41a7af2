/* kconf.h: the real kconfig program for tests: Debian's package of a kernel's scripts. */
#ifndef KILN_KCONF_H
#define KILN_KCONF_H

#include <stdbool.h>

/* Path of scripts/kconfig/conf: installed, or unpacked from a package that the host's apt
 * brings; NULL when there is none. Found once for each test process. */
const char *kconf(void);
/* Whether it is here; as test_need. */
bool kconf_need(void);

#endif
