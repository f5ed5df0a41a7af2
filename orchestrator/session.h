/* session.h: what every command on targets opens: workspace, store, targets, plan. */
#ifndef KILN_SESSION_H
#define KILN_SESSION_H

#include "orchestrator/plan.h"
#include "orchestrator/target.h"

struct session {
	struct store store;
	struct workspace workspace;
	struct targets targets;
	struct plan plan;
	struct step **images;	   /* one per target */
	struct step **perf_images; /* one per target, or NULL without perf */
	struct str_vec sysroot_dirs;
	struct run_env env;
};

/* Everything that a plan needs, and the plan itself, with nothing wanted yet. words are
 * the targets' names. Close it also after a failure. */
int session_open(struct session *s, const struct options *global,
	const struct selection *selection, int word_count, char **words, struct err *e);
/* The same for a command whose options are those of a selection, and whose operands are
 * targets; selection is filled and stays the caller's. */
int session_from_args(struct session *s, const struct options *global,
	struct selection *selection, int argc, char **argv, struct err *e);
void session_close(struct session *s);
#define _session_ __attribute__((cleanup(session_close)))

/* Where the workspace is: -C, ".", kernel/series, kiln's own series. NULL on error; the
 * caller frees. */
char *session_workspace(const struct options *global, struct err *e);

/* The options by which commands select targets; a command adds its own behind them. */
#define SELECTION_ROWS(s)                                                                \
	{"--arch", "ARCH", "x86_64, aarch64 or riscv64; may be given several times",     \
		&(s)->archs, true},                                                      \
		{"--flavor", "FLAVOR", "plain or dbg; may be given several times",       \
			&(s)->flavors, true},                                            \
		{"--tools", "TOOL", "perf: its image as well", &(s)->tools, true},       \
		{"--toolchain", "NAME", "gcc or clang", &(s)->toolchain, false},         \
		{"--sysroot", "NAME", "the root to build in", &(s)->sysroot, false},     \
		{"--require", "PROOFS", "both, sums or tarball", &(s)->require, false},  \
		{"--config-drift", "HOW", "contract, strict or warn", &(s)->drift,       \
			false},                                                          \
		{"--compression", "HOW", "gzip, zstd or none", &(s)->compression,        \
			false},                                                          \
		{"--module-key", "PEM", "signs modules", &(s)->module_key, false},       \
	{                                                                                \
		"--relock", NULL, "lock anew what the mirror lost", &(s)->relock, false  \
	}

#endif
