/* box.h: the namespaces, mounts and chroot in which every foreign program runs. */
#ifndef KILN_BOX_H
#define KILN_BOX_H

#include <stdbool.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/proc.h"

/* An overlay mounted at a path inside: lower directories, topmost first (NULL-ended),
 * never written; what the program writes lands in <scratch>/upper. */
struct box_overlay {
	const char *at; /* absolute path inside, e.g. "/linux" */
	const char *const *lower;
	const char
		*scratch; /* host directory, writable; upper/ and work/ are made in it */
};

/* A host directory or file that is visible inside, at an absolute path. */
struct box_bind {
	const char *from, *at;
	bool writable;
};

struct box {
	const char *root;    /* sysroot directory: the lower of /; "/": see BOX.md */
	const char *scratch; /* host directory: upper and work of / */
	const struct box_overlay *overlays; /* ended by .at == NULL; may be NULL */
	const struct box_bind *binds;	    /* ended by .at == NULL; may be NULL */
	const char *cwd;		    /* inside; NULL: / */
	const char *const *argv; /* argv[0] is looked up in the PATH given by envp */
	/* Instead of argv: kiln's own code, run in the box as its only process (copying
	 * results out with every link resolved inside). Its error comes back through e.
	 */
	int (*call)(void *arg, struct err *e);
	void *call_arg;
	const char *const *envp; /* the whole environment inside */
	int in, out, err;	 /* -1: /dev/null */
	int jobserver[2];	 /* read and write end, kept open as 3 and 4; or -1, -1 */
	bool tty;		 /* interactive: keep the terminal and the session */
	int cancel;		 /* when readable, the box is killed; -1: none */
	bool copy;		 /* do as if the kernel had no overlayfs */
};
/* For a designated initialiser: no fd of the caller goes in unless it is assigned later.
 */
#define BOX_NO_FDS .in = -1, .out = -1, .err = -1, .jobserver = {-1, -1}, .cancel = -1

/* Runs argv inside and waits; everything that is left inside is dead on return. -1 only
 * if the box could not be made (ERR_BOX names the knob) or was cancelled
 * (ERR_INTERRUPT); how the program ended is in *end. */
int box_run(const struct box *b, struct proc_end *end, struct err *e);
/* A person's shell in it, on the terminal; with command (NULL-ended), that one instead,
 * with kiln's own three fds. frame says root, scratch, overlays, binds, cwd and envp;
 * *status becomes the exit status (128 + signal). ERR_USAGE without a terminal. */
int box_shell(const struct box *frame, const char *const *command, int *status,
	struct err *e);
/* Whether a box can be made here: 0, or -1 with ERR_BOX naming the knob. Milliseconds. */
int box_probe(struct err *e);

#endif
