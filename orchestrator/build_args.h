/* build_args.h: the KEY=value files of a series, each value with the place that said it.
 */
#ifndef KILN_BUILD_ARGS_H
#define KILN_BUILD_ARGS_H

#include "orchestrator/base/err.h"
#include "orchestrator/base/mem.h"

enum build_arg {
	ARG_KERNEL_VERSION,	/* "6.12.59", "6.13-rc2" or "latest" */
	ARG_KERNEL_SERIES,	/* must agree with the directory */
	ARG_BUILD_IMAGE,	/* LinuxKit's builder image: maps to a sysroot */
	ARG_KERNEL_SHA256,	/* pin of the .tar.xz */
	ARG_KERNEL_SOURCE,	/* a URL or a local tree instead of kernel.org */
	ARG_RT_VERSION,		/* "6.1.176-rt64" */
	ARG_DEBUG,		/* "-dbg": LinuxKit's common/build-args-debug */
	ARG_EXTRA,		/* "-foo" */
	ARG_INTEL_UCODE,	/* a release of Intel's microcode: a URL, or a path */
	ARG_INTEL_UCODE_SHA256, /* its pin */
	ARG_COUNT,
};

struct build_arg_value {
	const char *text; /* NULL: not said */
	const char *file; /* path as opened, for sentences */
	int line;
};
struct build_args {
	struct build_arg_value value[ARG_COUNT];
};

/* Reads one file over what is in args already (later files win). Strings live in a.
 * Every fault is ERR_USAGE "<path>:<line>: ...". */
int build_args_read(
	struct arena *a, const char *path, struct build_args *args, struct err *e);
const char *build_arg_name(enum build_arg arg);

/* Text that people edit (build-args, configs): whole lines that end in "\n", without
 * "\r" or NUL bytes; anything else is ERR_USAGE with file and line. */
int text_file_check(const char *path, const char *text, size_t len, struct err *e);

#endif
