/* kconfig.h: a model of a tree's Kconfig files: who depends on whom, who selects whom.
 *
 * It answers one question: why did a symbol not get the value it was asked for? The
 * values themselves come from kconfig, in a finished .config; nothing here computes a
 * configuration. What only a compiler can answer ($(cc-option,...) and its like) stays in
 * the expressions as such, so that an answer can name it: kconfig's own data has
 * forgotten it by then. */
#ifndef KILN_KCONFIG_H
#define KILN_KCONFIG_H

#include <stdbool.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"
#include "kernel/config_text.h"

enum kc_type { KC_NONE, KC_BOOL, KC_TRISTATE, KC_STRING, KC_INT, KC_HEX };

enum kc_op {
	KC_SYMBOL,
	KC_CONST,
	KC_MACRO,
	KC_NOT,
	KC_AND,
	KC_OR,
	KC_EQ,
	KC_NE,
	KC_LT,
	KC_LE,
	KC_GT,
	KC_GE
};

struct kc_symbol;
struct kc_expr {
	enum kc_op op;
	const struct kc_expr *left, *right;
	struct kc_symbol *symbol; /* KC_SYMBOL */
	const char *text;	  /* KC_CONST: without quotes; KC_MACRO: "$(...)" */
};

/* One thing that is said about a symbol. when holds the condition behind "if" and all
 * that the place in the tree requires (depends on, enclosing menus and ifs); NULL:
 * always. */
enum kc_prop_kind { KC_PROMPT, KC_DEFAULT, KC_SELECT, KC_IMPLY, KC_RANGE };
struct kc_prop {
	enum kc_prop_kind kind;
	const struct kc_expr *value, *value2; /* default; both ends of a range */
	struct kc_symbol *target;	      /* select, imply */
	const struct kc_expr *when;
	struct kc_prop *next;
};

/* Someone else's select or imply that points here. */
struct kc_select {
	struct kc_symbol *by;
	const struct kc_expr *when;
	bool imply;
	struct kc_select *next;
};

struct kc_choice {
	struct kc_symbol **members;
	size_t len, cap;
	const char *file;
	unsigned line;
};

struct kc_symbol {
	const char *name;
	enum kc_type type;
	bool defined;
	const char *file; /* first definition */
	unsigned line;
	struct kc_prop *props, *last_prop;
	struct kc_select *selected_by;
	const struct kc_expr *depends; /* any definition's conditions; NULL: none */
	struct kc_choice *choice;
	unsigned char toolchain; /* memo of kc_toolchain_decides */
};

/* Everything lives in the arena until kconfig_free. */
struct kconfig {
	struct arena arena;
	struct kc_symbol **symbols;
	size_t len, cap;
	size_t *slots;
	size_t slot_count;
	struct kc_choice **choices;
	size_t choice_count;
	unsigned unread; /* source lines whose path only a compiler could tell */
};
#define _kconfig_ __attribute__((cleanup(kconfig_free)))
void kconfig_free(struct kconfig *kc);

/* What $(NAME) in the tree stands for. */
struct kc_var {
	const char *name, *value;
};

/* Reads the file `top` ("Kconfig") and what it sources from the layers of a tree (host
 * directories, topmost first, NULL-ended), with vars ended by .name == NULL. Files that
 * kconfig would refuse are ERR_INPUT with file and line. */
int kconfig_read(struct kconfig *kc, const char *const *layers, const char *top,
	const struct kc_var *vars, struct err *e);

/* NULL when the tree does not mention it. */
struct kc_symbol *kconfig_find(const struct kconfig *kc, const char *name);
/* The same, made where it is missing. */
struct kc_symbol *kconfig_symbol(struct kconfig *kc, const char *name);

/* y, m, n, and what only the compiler knows. */
enum kc_tri { KC_N, KC_M, KC_Y, KC_UNKNOWN };
/* Under the values of a finished .config. NULL is true. */
enum kc_tri kc_eval(const struct kc_expr *expr, const struct config_set *values);
enum kc_tri kc_tri_of(const char *value);
/* The string value of one operand of a comparison, without quotes. */
const char *kc_operand(
	const struct kc_expr *expr, const struct config_set *values, struct buf *scratch);
/* Whether expr itself holds something that only a compiler can answer. */
bool kc_asks_compiler(const struct kc_expr *expr);
/* Whether the tree computes the symbol, and a compiler's answer is part of it: directly,
 * or through other symbols that nobody can set. */
bool kc_toolchain_decides(struct kc_symbol *symbol);
bool kc_has_prompt(const struct kc_symbol *symbol);
/* Appends the expression as Kconfig writes it. */
void kc_print(const struct kc_expr *expr, struct buf *out);

#endif
