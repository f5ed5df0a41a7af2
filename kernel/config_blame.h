/* config_blame.h: which parts of a condition fail, whose doing that is, and in words. */
#ifndef KILN_CONFIG_BLAME_H
#define KILN_CONFIG_BLAME_H

#include "kernel/config_report.h"

/* Who could change it, from the least to the most that a user can do. */
enum blame { BLAME_FIXED, BLAME_TOOLCHAIN, BLAME_USER };

struct blamer {
	struct config_report *report;
	struct kconfig *kc;
	unsigned depth; /* of reasons within reasons */
	bool follows;	/* a symbol was named that was itself not kept */
};

/* expr is below need (or only the compiler knows): says which of its terms fail. */
enum blame config_blame(struct blamer *b, const struct kc_expr *expr, enum kc_tri need,
	struct buf *words);
/* symbol is below need: whose doing is that? */
enum blame config_blame_symbol(
	struct blamer *b, struct kc_symbol *symbol, enum kc_tri need, struct buf *words);
/* The same for a symbol that nobody can set and that a compiler has no part in; the words
 * go on after the symbol's name. */
enum blame config_blame_computed(
	struct blamer *b, struct kc_symbol *symbol, struct buf *words);

#endif
