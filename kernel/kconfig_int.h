/* kconfig_int.h: what the parts of the Kconfig reader share; kernel/kconfig*.c only. */
#ifndef KILN_KCONFIG_INT_H
#define KILN_KCONFIG_INT_H

#include "kernel/kconfig.h"

enum kc_token_kind {
	KC_TOKEN_END,
	KC_TOKEN_WORD,
	KC_TOKEN_STRING,
	KC_TOKEN_MACRO,
	KC_TOKEN_OP
};
struct kc_token {
	enum kc_token_kind kind;
	const char *text; /* in the arena; a macro as "$(...)" */
};

/* One logical line: continuation lines joined, comments gone. */
struct kc_line {
	const struct kc_token *tokens; /* ended by KC_TOKEN_END */
	unsigned number;	       /* of its first physical line */
};

/* One open file. text is its content, which stays unchanged. */
struct kc_reader {
	struct kconfig *kc;
	const struct kc_var *vars;
	const char *file;
	const char *pos;
	unsigned line; /* of the last physical line read */
};

/* The next line that holds tokens. 0 at the end of the file, 1 otherwise, -1 on error. */
int kc_next_line(struct kc_reader *r, struct kc_line *line, struct err *e);
/* Skips the text below a "help" line. */
void kc_skip_help(struct kc_reader *r);
/* Replaces each $(VAR) that vars knows; *left tells whether some $(...) stayed. */
char *kc_expand(struct kc_reader *r, const char *text, bool *left);

/* Parses an expression at *t, which moves behind it. NULL with e set on error. */
const struct kc_expr *kc_parse_expr(
	struct kconfig *kc, const struct kc_token **t, struct err *e);
bool kc_token_is(const struct kc_token *t, const char *text); /* word or operator */

/* NULL stands for true. */
const struct kc_expr *kc_and(
	struct kconfig *kc, const struct kc_expr *a, const struct kc_expr *b);
const struct kc_expr *kc_or(
	struct kconfig *kc, const struct kc_expr *a, const struct kc_expr *b);
const struct kc_expr *kc_symbol_expr(struct kconfig *kc, struct kc_symbol *symbol);

/* Reads a file of the tree: 1, or 0 when no layer has it. */
int kc_open(const char *const *layers, const char *path, struct buf *text, struct err *e);

#endif
