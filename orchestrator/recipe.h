/* recipe.h: everything about a target that can change what its steps make, as fields. */
#ifndef KILN_RECIPE_H
#define KILN_RECIPE_H

#include "orchestrator/base/digest.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

enum field {
	FIELD_VERSION,	  /* resolved: never "latest" */
	FIELD_RT_VERSION, /* "" for none */
	FIELD_ORIGIN, /* "kernel.org", "apt" (other bytes, so another key), "either" */
	FIELD_PIN,    /* sha256 the tarball must have, or "" */
	FIELD_SOURCE_URL,   /* KERNEL_SOURCE, or "" */
	FIELD_SOURCE_ID,    /* content of a local tree, or "" */
	FIELD_REQUIRE,	    /* which proofs */
	FIELD_KEYS,	    /* files: keyrings */
	FIELD_PATCHES,	    /* files: the variant's, then the series' */
	FIELD_TOOLS,	    /* sysroot for patch and tar: name and digest */
	FIELD_SYSROOT,	    /* sysroot with the compiler: name and digest */
	FIELD_PERF_SYSROOT, /* the same with perf's libraries */
	FIELD_BUILD_IMAGE,  /* what the workspace asked for: only a label */
	FIELD_ARCH,
	FIELD_TOOLCHAIN,
	FIELD_CONFIG,	    /* files: series, variant, debug */
	FIELD_LOCALVERSION, /* suffix of CONFIG_LOCALVERSION: "-rt-dbg" */
	FIELD_FLAVOR,	    /* "plain" or "dbg" */
	FIELD_DRIFT,	    /* what becomes of an asked symbol that isn't kept */
	FIELD_MODULE_KEY,   /* files: the key's file; its digest is the field */
	FIELD_UCODE,	    /* INTEL_UCODE of a machine that has use for it, or "" */
	FIELD_UCODE_PIN,    /* sha256 it must have, or "" */
	FIELD_UCODE_ID,	    /* content of a local one, or "" */
	FIELD_COMPRESSION,  /* of layers */
	FIELD_REVISION,	    /* git commit of a clean workspace, or "" */
	FIELD_COUNT,
};

struct field_file {
	const char *path;
	char digest[SHA256_HEX_LEN + 1];
};
struct field_value {
	const char *text; /* never NULL */
	struct field_file *files;
	size_t count;
};
struct recipe {
	struct field_value field[FIELD_COUNT];
};

const char *field_name(enum field f);
/* Sets a text field; copies into a. NULL counts as "". */
void recipe_set(struct arena *a, struct recipe *r, enum field f, const char *text);
/* Adds a file to a field: its bytes are digested now. ERR_USAGE if unreadable. */
int recipe_add_file(
	struct arena *a, struct recipe *r, enum field f, const char *path, struct err *e);

#endif
