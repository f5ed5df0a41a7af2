#include "kernel/config_blame.h"

#define MAX_DEPTH 3 /* reasons within reasons that a person still reads */

static enum blame symbol_below(
	struct blamer *b, struct kc_symbol *symbol, struct buf *words);

static enum kc_tri value_of(struct blamer *b, const struct kc_expr *expr)
{
	return kc_eval(expr, b->report->got);
}

/* "depends on y, y and n": only terms that hold it down count. Where none is certain,
 * those count that only the compiler knows. */
static bool holds_down(
	struct blamer *b, const struct kc_expr *expr, enum kc_tri need, bool certain)
{
	enum kc_tri v = value_of(b, expr);

	return certain ? v < need : v == KC_UNKNOWN;
}

struct terms {
	const struct kc_expr *items[64];
	size_t len;
};

static void collect(const struct kc_expr *expr, enum kc_op op, struct terms *terms)
{
	if (expr->op == op) {
		collect(expr->left, op, terms);
		collect(expr->right, op, terms);
	} else if (terms->len < ARRAY_LEN(terms->items)) {
		terms->items[terms->len++] = expr;
	}
}

/* All failing terms must come true: a user's part is named even beside a compiler's. */
static enum blame blame_and(
	struct blamer *b, const struct kc_expr *expr, enum kc_tri need, struct buf *words)
{
	struct terms terms = {.len = 0};
	enum blame worst = BLAME_FIXED;
	_str_vec_ struct str_vec said = {0};
	bool certain = value_of(b, expr) != KC_UNKNOWN;

	collect(expr, KC_AND, &terms);
	for (size_t i = 0; i < terms.len; i++) {
		_buf_ struct buf one = {0};

		if (!holds_down(b, terms.items[i], need, certain))
			continue;
		enum blame who = config_blame(b, terms.items[i], need, &one);
		worst = who > worst ? who : worst;
		if (str_vec_has(&said, buf_str(&one)))
			continue;
		str_vec_add(&said, buf_str(&one));
		buf_addf(words, "%s%s", said.len > 1 ? ", and " : "", buf_str(&one));
	}
	return worst;
}

/* One term is enough: terms that nobody can change are only named when all are such. */
static enum blame blame_or(
	struct blamer *b, const struct kc_expr *expr, enum kc_tri need, struct buf *words)
{
	struct terms terms = {.len = 0};
	enum blame best = BLAME_FIXED;
	size_t said = 0;

	collect(expr, KC_OR, &terms);
	for (int all = 0; all < 2 && !said; all++)
		for (size_t i = 0; i < terms.len; i++) {
			_buf_ struct buf one = {0};
			enum blame who = config_blame(b, terms.items[i], need, &one);

			best = who > best ? who : best;
			if (who == BLAME_FIXED && !all)
				continue;
			buf_addf(words, "%s%s", said++ ? ", or " : "", buf_str(&one));
		}
	return best;
}

static bool toolchain_in(const struct kc_expr *expr)
{
	if (!expr)
		return false;
	if (expr->op == KC_MACRO)
		return true;
	if (expr->op == KC_SYMBOL)
		return kc_toolchain_decides(expr->symbol);
	return toolchain_in(expr->left) || toolchain_in(expr->right);
}

static bool user_in(const struct kc_expr *expr)
{
	if (!expr)
		return false;
	if (expr->op == KC_SYMBOL)
		return kc_has_prompt(expr->symbol);
	return user_in(expr->left) || user_in(expr->right);
}

static void values_of(
	struct blamer *b, const struct kc_expr *expr, struct buf *words, size_t *said)
{
	if (!expr)
		return;
	if (expr->op == KC_SYMBOL)
		buf_addf(words, "%s%s is %s", (*said)++ ? ", " : " (", expr->symbol->name,
			expr->symbol->defined
				? config_value(b->report->got, expr->symbol->name)
				: "not in this tree");
	values_of(b, expr->left, words, said);
	values_of(b, expr->right, words, said);
}

/* A negation or a comparison: named whole, with the values of its symbols. */
static enum blame blame_whole(
	struct blamer *b, const struct kc_expr *expr, struct buf *words)
{
	size_t said = 0;

	kc_print(expr, words);
	values_of(b, expr, words, &said);
	buf_adds(words, said ? ")" : "");
	if (toolchain_in(expr))
		return BLAME_TOOLCHAIN;
	return user_in(expr) ? BLAME_USER : BLAME_FIXED;
}

enum blame config_blame(
	struct blamer *b, const struct kc_expr *expr, enum kc_tri need, struct buf *words)
{
	switch (expr->op) {
	case KC_AND:
		return blame_and(b, expr, need, words);
	case KC_OR:
		return blame_or(b, expr, need, words);
	case KC_SYMBOL:
		return config_blame_symbol(b, expr->symbol, need, words);
	default:
		return blame_whole(b, expr, words);
	}
}

static void where(const struct config_entry *asked, struct buf *words)
{
	if (asked && asked->line)
		buf_addf(words, " (%s:%u)", asked->file, asked->line);
}

/* One select that did not happen: its owner is off, or its condition fails. */
static enum blame blame_select(
	struct blamer *b, const struct kc_select *s, struct buf *words)
{
	_buf_ struct buf ignored = {0};

	buf_adds(words, s->by->name);
	if (kc_tri_of(config_value(b->report->got, s->by->name)) == KC_N || !s->when)
		return symbol_below(b, s->by, &ignored);
	buf_adds(words, " where ");
	return config_blame(b, s->when, KC_M, words);
}

static enum blame blame_selects(
	struct blamer *b, struct kc_symbol *symbol, struct buf *words, size_t *said)
{
	enum blame best = BLAME_FIXED;

	/* Who was asked for stands first: that is where a user can look. */
	for (int asked = 1; asked >= 0; asked--)
		for (const struct kc_select *s = symbol->selected_by; s && *said < 4;
			s = s->next) {
			if (s->imply || !s->by->defined ||
				asked != !!config_find(b->report->asked, s->by->name))
				continue;
			buf_adds(words, (*said)++ ? ", " : ", selected only by ");
			enum blame one = blame_select(b, s, words);
			best = one > best ? one : best;
		}
	return best;
}

/* A default that would have set it: its condition fails, or what it says. */
static enum blame blame_default(
	struct blamer *b, struct kc_symbol *symbol, struct buf *words)
{
	for (const struct kc_prop *p = symbol->props; p; p = p->next) {
		bool off = p->when && value_of(b, p->when) == KC_N;

		if (p->kind != KC_DEFAULT || (!off && value_of(b, p->value) >= KC_M))
			continue;
		buf_adds(words, ", y by default only where ");
		return config_blame(b, off ? p->when : p->value, KC_M, words);
	}
	return BLAME_FIXED;
}

/* Whoever could set it is to blame, else whatever its place demands. */
enum blame config_blame_computed(
	struct blamer *b, struct kc_symbol *symbol, struct buf *words)
{
	size_t said = 0;

	if (symbol->depends && value_of(b, symbol->depends) == KC_N) {
		buf_adds(words, ", as ");
		return config_blame(b, symbol->depends, KC_M, words);
	}
	enum blame by_default = blame_default(b, symbol, words);
	enum blame by_select = blame_selects(b, symbol, words, &said);
	return by_default > by_select ? by_default : by_select;
}

static enum blame asked_below(struct blamer *b, struct config_row *row, struct buf *words)
{
	b->follows = true;
	config_explain(b->report, b->kc, row);
	buf_addf(words, ", itself %s", config_fate_name(row->fate));
	where(row->asked, words);
	return row->cause == CAUSE_TOOLCHAIN ? BLAME_TOOLCHAIN : BLAME_USER;
}

static enum blame symbol_below(
	struct blamer *b, struct kc_symbol *symbol, struct buf *words)
{
	struct config_row *row = config_row_of(b->report, symbol->name);
	enum blame who = BLAME_FIXED;

	if (row && row->fate != FATE_KEPT && !row->explaining)
		return asked_below(b, row, words);
	if (kc_toolchain_decides(symbol)) {
		buf_adds(words, ", which the toolchain decides");
		return BLAME_TOOLCHAIN;
	}
	if (kc_has_prompt(symbol)) {
		where(row ? row->asked : NULL, words);
		return BLAME_USER;
	}
	if (b->depth < MAX_DEPTH) {
		b->depth++;
		who = config_blame_computed(b, symbol, words);
		b->depth--;
	}
	return who;
}

enum blame config_blame_symbol(
	struct blamer *b, struct kc_symbol *symbol, enum kc_tri need, struct buf *words)
{
	if (!symbol->defined) {
		buf_addf(words, "%s is not in this tree", symbol->name);
		return BLAME_FIXED;
	}
	buf_addf(words, "%s is %s", symbol->name,
		config_value(b->report->got, symbol->name));
	if (kc_tri_of(config_value(b->report->got, symbol->name)) >= need)
		return BLAME_FIXED;
	return symbol_below(b, symbol, words);
}
