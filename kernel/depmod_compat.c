#include <errno.h>
#include <string.h>
#include "kernel/depmod.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

static const char *const config_30[] = {"/etc/depmod.d", "/run/depmod.d",
	"/usr/local/lib/depmod.d", "/lib/depmod.d", NULL};
static const char *const config_34[] = {"/etc/depmod.d", "/run/depmod.d",
	"/usr/local/lib/depmod.d", "/usr/lib/depmod.d", "/lib/depmod.d", NULL};

/* Oldest first: a release is matched by the newest row that is not newer than it. */
static const struct depmod_compat compats[] = {
	{
		.version = 30,
		.no_symbols = ENOENT,
		.config = config_30,
	},
	{
		.version = 34,
		.parents_first = true,
		.weakdep = true,
		.first_order_wins = true,
		.outdir = true,
		.no_symbols = ENODATA,
		.config = config_34,
	},
};

const struct depmod_compat *depmod_compat_find(const char *version)
{
	const struct depmod_compat *found = NULL;
	uint64_t wanted;

	if (!str_to_u64(version, &wanted))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(compats); i++)
		if ((uint64_t)compats[i].version <= wanted)
			found = &compats[i];
	return found;
}

const struct depmod_compat *depmod_compat_default(void)
{
	return &compats[ARRAY_LEN(compats) - 1];
}
