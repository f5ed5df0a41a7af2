/* config_diff.h: configurations side by side: what differs, and what is common. */
#ifndef KILN_CONFIG_DIFF_H
#define KILN_CONFIG_DIFF_H

#include "kernel/config_text.h"

/* Appends a line for each symbol that differs, by name: "-CONFIG_X=y" only in a,
 * "+CONFIG_X=y" only in b, " CONFIG_X=y -> m" in both. What is not set and what is not
 * mentioned are the same. Returns how many. */
size_t config_diff(
	const struct config_set *a, const struct config_set *b, struct buf *out);

/* Splits count configurations: common gets what all of them say alike, parts[i] the rest
 * of sets[i]. common followed by parts[i] says what sets[i] says, and nothing else. */
void config_split(const struct config_set *const *sets, size_t count, struct buf *common,
	struct buf *parts);

#endif
