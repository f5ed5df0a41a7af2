/* provider.h: what a provider of sysroots is, and what all of them share. */
#ifndef KILN_SYSROOT_PROVIDER_H
#define KILN_SYSROOT_PROVIDER_H

#include "orchestrator/base/digest.h"
#include "sysroot/conf.h"
#include "sysroot/sysroot.h"

struct provider;

struct sysroot {
	char *name;
	char *stem; /* path of the conf without ".conf"; NULL for inline names */
	char *spec; /* what follows "oci:" in an inline name; else NULL */
	const char *const
		*dirs; /* of the caller, for a base sysroot; only while loading */
	struct conf conf;
	const struct provider *provider;
	const struct sysroot_use *use; /* only while loading */
	char digest[SHA256_HEX_LEN + 1];
	char *describe;
	void *data; /* the provider's own, freed by it */
};

/* A provider fills digest, describe and data in load; each call may be NULL where it has
 * nothing to do. */
struct provider {
	const char *name;
	const char *root;	 /* already there: sysroot_root() */
	const char *const *keys; /* of its conf, NULL-ended, besides provider and image */
	int (*load)(struct sysroot *s, struct err *e);
	void (*free)(struct sysroot *s);
	int (*missing)(const struct sysroot *s, const struct sysroot_env *env,
		struct str_vec *missing, struct err *e);
	int (*fetch)(
		const struct sysroot *s, const struct sysroot_env *env, struct err *e);
	int (*make)(const struct sysroot *s, const struct sysroot_env *env, int dirfd,
		struct err *e);
	/* Here load was not called. */
	int (*lock)(struct sysroot *s, const char *out_dir, const struct sysroot_env *env,
		struct err *e);
};

extern const struct provider provider_debian, provider_oci, provider_tar, provider_host;

/* A sysroot of which only the conf was read; sysroot_free. NULL with e. */
struct sysroot *sysroot_open(const char *const *dirs, const char *name, struct err *e);

/* finish.c: what every root gets whatever it was made of. */

/* merged /usr: bin -> usr/bin and the like, made before anything is unpacked. */
int finish_merge_usr(int dirfd, struct err *e);
/* What maintainer scripts would have made and builds need: passwd, group, alternatives
 * (awk, cc, ...), links of the conf ("usr/bin/x target", pairs), mount points. */
int finish_root(int dirfd, const struct str_vec *links, struct err *e);

#endif
