/* config_merge.h: the files of a config request as one text, with kiln's own edits. */
#ifndef KILN_CONFIG_MERGE_H
#define KILN_CONFIG_MERGE_H

#include "kernel/config_text.h"
#include "kernel/kbuild.h"

/* Appends the files of the request to text, the suffix put to every CONFIG_LOCALVERSION
 * and PANIC_ON_OOPS unset for debug, and adds what they ask for to asked (files and lines
 * of the originals). A missing file is ERR_USAGE. */
int config_merge(const struct config_request *request, struct buf *text,
	struct config_set *asked, struct err *e);

/* The last two components of a path, "6.1.x/config-x86_64": says enough to a person, and
 * is the same wherever the workspace lies, as a result must be. */
const char *config_label(const char *path);

#endif
