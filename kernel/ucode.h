/* ucode.h: the stage that brings Intel's microcode release in: INTEL_UCODE in build-args,
 * and what of it ships beside an x86_64 kernel. */
#ifndef KILN_UCODE_H
#define KILN_UCODE_H

#include "kernel/given.h"

/* As LinuxKit's image names them. */
#define UCODE_CPIO    "intel-ucode.cpio"
#define UCODE_LICENSE "intel-ucode-license.txt"

/* INTEL_UCODE and INTEL_UCODE_SHA256 as the workspace has them; either may be NULL or "".
 * A directory (a checkout of Intel's repository) or a tarball of one: intel-ucode/ and
 * license at its top, or one directory below, as a forge's tarballs have it. */
struct given ucode_given(const char *place, const char *pin);

struct ucode_env {
	const char *cache; /* directory of downloads */
	const char *scratch;
	bool offline;
};
/* Leaves both files in out, and source.json, which tells of them. identity is what
 * given_identity said when it was planned. */
int ucode_make(const struct given *g, const char *identity, const struct ucode_env *env,
	int out, struct err *e);
/* Adds the URL if it would have to be fetched. */
int ucode_missing(const struct given *g, const struct ucode_env *env,
	struct str_vec *missing, struct err *e);

#endif
