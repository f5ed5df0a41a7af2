/* kbuild.h: what is done to a kernel tree in a box: patch, configure, compile, perf. */
#ifndef KILN_KBUILD_H
#define KILN_KBUILD_H

#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "toolchains/arch.h"
#include "toolchains/toolchain.h"

/* Where and with what. */
struct kbuild {
	const struct arch *arch;
	const struct toolchain *toolchain;
	const char *root;	   /* sysroot directory */
	const char *const *source; /* layers of /linux, topmost first, NULL-ended */
	const char *scratch; /* host directory for this step, thrown away by the caller */
	int64_t date;	     /* seconds: every timestamp in the product */
	int log;	     /* fd for what the programs print */
	int jobserver[2];    /* or -1, -1: then make gets -j<jobs> */
	unsigned jobs;
	int cancel;	    /* readable: stop; -1: none */
	const char *ccache; /* host directory for ccache, or NULL: none */
	bool shell;	    /* after a failed make: a person's shell in the same box */
};

/* Applies patches (host paths, in order, NULL-ended) with -t -F0 -N -u -p1, each vetted
 * first; leaves out/layer: what the patches changed, an overlay layer. ERR_INPUT names
 * patch, file and hunk. */
int kbuild_patch(
	const struct kbuild *k, const char *const *patches, int out, struct err *e);

enum config_drift { DRIFT_CONTRACT, DRIFT_STRICT, DRIFT_WARN };

/* A request for a configuration: the files in the order in which they are appended. */
struct config_request {
	const char *const *files; /* host paths, NULL-ended; the last assignment wins */
	const char *localversion_suffix; /* "-rt-dbg", "" */
	bool debug; /* PANIC_ON_OOPS is unset (before the last file) */
	enum config_drift drift;
};
/* Leaves out/config, out/report.json (every asked symbol: kept, changed, dropped, and
 * why) and out/report.txt (the same for people: what was not kept). */
int kbuild_config(const struct kbuild *k, const struct config_request *request, int out,
	struct err *e);

struct compile_request {
	const char *config;	/* host path of the .config */
	const char *module_key; /* host path of a PEM, or NULL */
	bool debug;		/* vmlinux is kept */
};
/* Leaves in out: kernel, System.map, config, vmlinux (debug only), release (text),
 * modules/ (what modules_install made, lib/modules/<release>/...), boot/dtb (where the
 * arch has it), headers/ (usr/include), devkit/ (the files of kernel-dev.tar),
 * toolchain.json. */
int kbuild_compile(const struct kbuild *k, const struct compile_request *request, int out,
	struct err *e);

/* From a compile result dir: out/kernel.tar (with depmod's files), kernel-headers.tar,
 * kernel-dev.tar. No box needed. */
int kernel_pack(const char *compiled, int64_t date, int out, struct err *e);
/* out/linux.tar.xz: the patched tree, members linux/... */
int kernel_archive(const struct kbuild *k, int out, struct err *e);
/* out/perf: static, stripped; out/features: one line each. */
int kbuild_perf(const struct kbuild *k, int out, struct err *e);

/* depmod over <root>/lib/modules/<release>: the index files go to out (a directory fd)
 * and appear together or not at all. kernel/depmod.h has the whole tool. */
int kernel_depmod(const char *root, const char *release, int out, struct err *e);

#endif
