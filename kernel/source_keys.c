/* source_keys.c: who may sign what. The autosigner signs sums and nothing else;
 * developers sign tarballs and nothing else. */
#include <fcntl.h>
#include <stdlib.h>
#include "kernel/source_int.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/pgpkey.h"

/* Kernel.org checksum autosigner. */
static const char autosigner[] = "B8868C80BA62A1FFFAF5FDA9632D3A06589DA6B1";

static void set_roles(struct source_keys *k, bool by_fingerprint)
{
	const char *const *sums = (const char *const *)k->sums_prints.items;
	const char *const *developers = (const char *const *)k->developers_prints.items;
	k->sums = (struct gpgv_role){
		.name = "autosigner of the sums",
		.keyring = k->sums_ring,
		.fingerprints = by_fingerprint ? sums : NULL,
	};
	k->developers = (struct gpgv_role){
		.name = "developer of the tarball",
		.keyring = k->developers_ring,
		.fingerprints = by_fingerprint ? developers : NULL,
	};
}

/* One ring for both, as LinuxKit has it: the autosigner by its fingerprint, all others
 * are developers. */
static int load_single(const char *path, struct source_keys *k, struct err *e)
{
	_pgp_ring_ struct pgp_ring ring = {0};
	if (pgp_ring_read(path, &ring, e))
		return -1;
	k->sums_ring = xstrdup(path);
	k->developers_ring = xstrdup(path);
	str_vec_add(&k->sums_prints, autosigner);
	for (size_t i = 0; i < ring.count; i++)
		if (!str_eq(ring.keys[i].primary, autosigner) &&
			str_eq(ring.keys[i].primary, ring.keys[i].fingerprint))
			str_vec_add(&k->developers_prints, ring.keys[i].fingerprint);
	if (!k->developers_prints.len) /* an empty list, not "every key" */
		str_vec_add(&k->developers_prints, "");
	set_roles(k, true);
	return 0;
}

int source_keys_load(const char *path, struct source_keys *k, struct err *e)
{
	*k = (struct source_keys){0};
	if (str_is_empty(path))
		return err_set(
			e, ERR_USAGE, "no keys are given to prove kernel sources with");
	if (!fs_is_dir(AT_FDCWD, path))
		return load_single(path, k, e);
	k->sums_ring = fs_join(path, "sums.asc");
	k->developers_ring = fs_join(path, "developers.asc");
	set_roles(k, false);
	return 0;
}

void source_keys_free(struct source_keys *k)
{
	str_vec_free(&k->sums_prints);
	str_vec_free(&k->developers_prints);
	free(k->sums_ring);
	free(k->developers_ring);
	*k = (struct source_keys){0};
}
