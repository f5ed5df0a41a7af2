/* config_edit.h: config files renewed for another version, or changed by hand in a menu.
 */
#ifndef KILN_CONFIG_EDIT_H
#define KILN_CONFIG_EDIT_H

#include "kernel/config_text.h"
#include "kernel/kbuild.h"

/* Rewrites a config file's text: symbols that differ between before and after get their
 * value of after, in their line; those that after lacks lose their line; with append, new
 * ones go to the end. Comments and order stay. Returns how many symbols it touched. */
size_t config_apply(const char *text, const struct config_set *before,
	const struct config_set *after, bool append, struct buf *out);

/* Runs olddefconfig over the file `config` (host path) on the tree of k. renewed gets the
 * file's new text: a complete configuration as kconfig writes it, or, where the file is
 * only a list of requests, the same list without what the tree no longer takes. summary
 * gets what changed and why, grouped by cause. The scratch directory must be empty. */
int kbuild_config_refresh(const struct kbuild *k, const char *config, struct buf *renewed,
	struct buf *summary, struct err *e);

/* Runs make's goal (NULL: "menuconfig") on the terminal over the request's configuration;
 * edited gets the new text of the request's last file. 1, or 0 when nothing was changed.
 */
int kbuild_config_menu(const struct kbuild *k, const struct config_request *request,
	const char *goal, struct buf *edited, struct err *e);

#endif
