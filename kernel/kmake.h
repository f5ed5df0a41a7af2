/* kmake.h: programs run over a kernel tree in the box: make above all. */
#ifndef KILN_KMAKE_H
#define KILN_KMAKE_H

#include "kernel/kbuild.h"
#include "orchestrator/base/proc.h"
#include "orchestrator/base/str.h"
#include "sysroot/box.h"

/* The tree is mounted here; its changes lie in <scratch>/linux/upper. */
#define KMAKE_TREE "/linux"

/* One run in the box with the tree at /linux, which is the working directory too. */
struct kmake_run {
	const char *const *argv;
	int (*call)(void *arg, struct err *e); /* or kiln's own code, with arg */
	void *arg;
	const struct box_bind *binds; /* ended by .at == NULL, or NULL */
	int in, out, err;	      /* -1: /dev/null, and k->log for the two outputs */
	bool make;		      /* gets the jobserver */
	bool shell;		      /* instead of argv: for a person, on the terminal */
	bool tty;		      /* interactive: the three fds are a terminal */
};
int kmake_box(const struct kbuild *k, const struct kmake_run *run, struct proc_end *end,
	struct err *e);

/* Adds make itself and what every make of a kernel gets: ARCH, CROSS_COMPILE or LLVM,
 * ccache, -j where there is no jobserver. */
void kmake_args(const struct kbuild *k, struct str_vec *args);
/* The whole environment of every program: fixed, and reproducible by k->date. */
void kmake_env(const struct kbuild *k, struct str_vec *env);
/* make with args; a failure is ERR_BUILD with the first real error in what it printed to
 * the log, or a plain sentence where the log can't be read back. what: "compile". */
int kmake(const struct kbuild *k, const char *what, const char *const *args,
	const struct box_bind *binds, struct err *e);

/* Host path of a file that the box left in the tree: <scratch>/linux/upper/<path>. The
 * caller frees. */
char *kmake_made(const struct kbuild *k, const char *path);
/* Opens what the box left at path: links on the way are resolved inside the tree's
 * changes, never on the host, and one at the end is not followed. fd, or -1 with errno.
 */
int kmake_open_made(const struct kbuild *k, const char *path, int flags);
/* Copies a regular file that the box left. */
int kmake_copy_made(const struct kbuild *k, const char *from, int to_dir, const char *to,
	mode_t mode, struct err *e);
/* Makes scratch/linux and scratch/root, the box's two overlays; harmless twice. */
int kmake_prepare(const struct kbuild *k, struct err *e);

#endif
