/* box_priv.h: what the files of the box share; nobody else includes it. */
#ifndef KILN_BOX_PRIV_H
#define KILN_BOX_PRIV_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/mem.h"
#include "sysroot/box.h"

/* Everything below is made ready before the fork: in the children nothing allocates. */

enum box_mount_kind {
	MOUNT_OVERLAY, /* lower[], upper, work */
	MOUNT_BIND,    /* source, a directory or a file of the host */
	MOUNT_FS,      /* a new file system of type source */
	MOUNT_SEAL,    /* what is at `at` inside already, again, but read-only */
	MOUNT_MASK,    /* source, a path inside, over the file `at`, where there is one */
	MOUNT_LINK,    /* not a mount: a symlink to source */
};

struct box_mount {
	enum box_mount_kind kind;
	const char *at;		   /* absolute path inside */
	const char *source;	   /* see kind */
	const char *const *lower;  /* overlay: host paths, topmost first */
	const char *upper, *work;  /* overlay: host paths */
	const char *const *option; /* file system: key, value, ..., NULL */
	uint64_t attributes;	   /* MOUNT_ATTR_* */
	bool file;		   /* the mount point is a file */
	int fd;			   /* the detached mount, between the two passes */
};

struct box_plan {
	const struct box *box;
	struct arena arena;
	struct box_mount *mounts; /* the root first */
	size_t count;
	const char *mount_point;     /* host directory over which the root is mounted */
	const char *const *programs; /* candidates for argv[0] along PATH */
	char uid_map[32], gid_map[32];
	struct sock_fprog filter;
	bool as_root;	  /* without a user namespace if none can be had */
	bool copy;	  /* no overlayfs: what it would show was copied */
	int report, life; /* pipes' ends in the child */
};

/* Where in the making of a box something failed; box_why.c has a sentence for each. */
enum box_step {
	STEP_FDS,
	STEP_UNSHARE,
	STEP_UID_MAP,
	STEP_GID_MAP,
	STEP_FORK,
	STEP_PRIVATE,
	STEP_HOSTNAME,
	STEP_OPEN,
	STEP_OVERLAY,
	STEP_BIND,
	STEP_PROC,
	STEP_FS,
	STEP_POINT,
	STEP_MOVE,
	STEP_SEAL,
	STEP_PIVOT,
	STEP_PRIVILEGES,
	STEP_SECCOMP,
	STEP_SESSION,
	STEP_CWD,
	STEP_EXEC,
	STEP_COUNT
};

enum box_report_kind {
	REPORT_FAILED, /* step, index (of a mount), number: errno */
	REPORT_ENDED,  /* number: the program's wait status */
	REPORT_KEEPER, /* number: the wait status of pid 1 */
	REPORT_CALL,   /* err: what the call said */
};

/* One message from inside; smaller than PIPE_BUF, so it is written whole. */
struct box_report {
	uint32_t kind, step, index;
	int32_t number;
	struct err err;
};

/* box_plan.c */
int box_plan_make(struct box_plan *plan, const struct box *b, bool copy, struct err *e);
void box_plan_probe(struct box_plan *plan);
void box_plan_free(struct box_plan *plan);

/* box_init.c: in the forked child; does not return. */
void box_keeper(struct box_plan *plan) __attribute__((noreturn));
void box_fail(const struct box_plan *plan, enum box_step step, size_t index)
	__attribute__((noreturn));
/* box_mounts.c: in pid 1. */
void box_mounts_make(struct box_plan *plan);
/* box_drop.c */
void box_drop_privileges(const struct box_plan *plan);
void box_filter_make(struct box_plan *plan);
void box_filter_install(const struct box_plan *plan);

/* box_copy.c: what overlayfs does, by copying. before: merges the lowers into
 * <scratch>/merged. after: leaves what was changed there in <scratch>/upper. */
int box_copy_before(const struct box *b, struct err *e);
int box_copy_after(const struct box *b, struct err *e);

/* box_why.c */
int box_explain(const struct box_plan *plan, const struct box_report *r, struct err *e);
/* Whether this failure only means that there is no overlayfs to be had here. */
bool box_no_overlay(const struct box_report *r);

#endif
