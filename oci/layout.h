/* layout.h: an OCI image layout as a directory: made whole, locked, its index replaced.
 */
#ifndef KILN_OCI_LAYOUT_H
#define KILN_OCI_LAYOUT_H

#include <stdbool.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/json.h"

/* Closing it (the declaration does) also gives up the lock. */
struct oci_layout {
	int dir;    /* -1: closed */
	char *path; /* as the user wrote it, for errors; owned */
};
#define OCI_LAYOUT_CLOSED                                                                \
	{                                                                                \
		.dir = -1                                                                \
	}
void oci_layout_close(struct oci_layout *l);
#define _layout_ __attribute__((cleanup(oci_layout_close)))

/* Opens a directory that holds blobs, without asking what else it has. */
int oci_layout_open_dir(struct oci_layout *l, const char *path, struct err *e);
/* Opens a layout and checks its oci-layout file. What is no directory is ERR_USAGE, a
 * directory that is no layout is ERR_STORE. */
int oci_layout_open(struct oci_layout *l, const char *path, struct err *e);
/* The same, after making an empty one where nothing or an empty directory is. */
int oci_layout_make(struct oci_layout *l, const char *path, struct err *e);
/* Waits for the lock: exclusive to publish or remove, shared to read. */
int oci_layout_lock(const struct oci_layout *l, bool exclusive, struct err *e);

/* index.json, its form checked; the caller owns it. NULL with ERR_STORE. */
json_t *oci_layout_index(const struct oci_layout *l, struct err *e);
/* Replaces index.json at once. The exclusive lock is held. */
int oci_layout_set_index(const struct oci_layout *l, const json_t *index, struct err *e);
/* Removes what a killed writer left. The exclusive lock is held. */
int oci_layout_sweep(const struct oci_layout *l, struct err *e);

#endif
