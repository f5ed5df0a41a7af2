#include <errno.h>
#include <stdlib.h>
#include "kernel/kconfig_int.h"

enum kc_tri kc_tri_of(const char *value)
{
	return str_eq(value, "y") ? KC_Y : str_eq(value, "m") ? KC_M : KC_N;
}

/* A string value as .config writes it, without its quotes and escapes. */
static const char *unquote(const char *value, struct buf *scratch)
{
	if (value[0] != '"')
		return value;
	buf_clear(scratch);
	for (value++; *value && *value != '"'; value++) {
		value += value[0] == '\\' && value[1];
		buf_addc(scratch, *value);
	}
	return buf_str(scratch);
}

const char *kc_operand(
	const struct kc_expr *expr, const struct config_set *values, struct buf *scratch)
{
	if (expr->op != KC_SYMBOL)
		return expr->text;
	const struct config_entry *entry = config_find(values, expr->symbol->name);
	if (entry)
		return unquote(entry->value, scratch);
	/* A name that nobody defines stands for itself; a symbol without a value is n, or
	 * empty where it is no y/m/n symbol. */
	if (!expr->symbol->defined)
		return expr->symbol->name;
	return expr->symbol->type == KC_BOOL || expr->symbol->type == KC_TRISTATE ? "n"
										  : "";
}

static bool to_number(const char *s, long long *out)
{
	char *end;

	errno = 0;
	*out = strtoll(s, &end, s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10);
	return *s && !*end && !errno;
}

static bool compare(enum kc_op op, const char *a, const char *b)
{
	long long x, y;
	int order =
		to_number(a, &x) && to_number(b, &y) ? (x > y) - (x < y) : strcmp(a, b);

	switch (op) {
	case KC_EQ:
		return order == 0;
	case KC_NE:
		return order != 0;
	case KC_LT:
		return order < 0;
	case KC_LE:
		return order <= 0;
	case KC_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

static enum kc_tri eval_compare(
	const struct kc_expr *expr, const struct config_set *values)
{
	_buf_ struct buf left = {0}, right = {0};

	if (kc_asks_compiler(expr))
		return KC_UNKNOWN;
	return compare(expr->op, kc_operand(expr->left, values, &left),
		       kc_operand(expr->right, values, &right))
		       ? KC_Y
		       : KC_N;
}

static enum kc_tri eval_const(const char *text, const struct config_set *values)
{
	/* "depends on m" can hold only where there are modules at all. */
	if (str_eq(text, "m") && !str_eq(config_value(values, "MODULES"), "y"))
		return KC_N;
	return kc_tri_of(text);
}

static enum kc_tri eval_and(enum kc_tri a, enum kc_tri b)
{
	if (a == KC_N || b == KC_N)
		return KC_N;
	if (a == KC_UNKNOWN || b == KC_UNKNOWN)
		return KC_UNKNOWN;
	return a < b ? a : b;
}

static enum kc_tri eval_or(enum kc_tri a, enum kc_tri b)
{
	if (a == KC_Y || b == KC_Y)
		return KC_Y;
	if (a == KC_UNKNOWN || b == KC_UNKNOWN)
		return KC_UNKNOWN;
	return a > b ? a : b;
}

enum kc_tri kc_eval(const struct kc_expr *expr, const struct config_set *values)
{
	enum kc_tri left;

	if (!expr)
		return KC_Y;
	switch (expr->op) {
	case KC_SYMBOL:
		return kc_tri_of(config_value(values, expr->symbol->name));
	case KC_CONST:
		return eval_const(expr->text, values);
	case KC_MACRO:
		return KC_UNKNOWN;
	case KC_NOT:
		left = kc_eval(expr->left, values);
		return left == KC_UNKNOWN ? left : KC_Y - left;
	case KC_AND:
		return eval_and(
			kc_eval(expr->left, values), kc_eval(expr->right, values));
	case KC_OR:
		return eval_or(kc_eval(expr->left, values), kc_eval(expr->right, values));
	default:
		return eval_compare(expr, values);
	}
}

bool kc_has_prompt(const struct kc_symbol *symbol)
{
	for (const struct kc_prop *p = symbol->props; p; p = p->next)
		if (p->kind == KC_PROMPT)
			return true;
	return false;
}

enum { MEMO_UNKNOWN, MEMO_NO, MEMO_YES, MEMO_ASKING };

static bool toolchain_in(const struct kc_expr *expr)
{
	if (!expr)
		return false;
	if (expr->op == KC_SYMBOL)
		return kc_toolchain_decides(expr->symbol);
	return expr->op == KC_MACRO || toolchain_in(expr->left) ||
	       toolchain_in(expr->right);
}

static bool computed_by_toolchain(const struct kc_symbol *symbol)
{
	if (kc_has_prompt(symbol))
		return false;
	for (const struct kc_prop *p = symbol->props; p; p = p->next)
		if (p->kind == KC_DEFAULT &&
			(toolchain_in(p->value) || toolchain_in(p->when)))
			return true;
	for (const struct kc_select *s = symbol->selected_by; s; s = s->next)
		if (toolchain_in(s->when))
			return true;
	return toolchain_in(symbol->depends);
}

bool kc_toolchain_decides(struct kc_symbol *symbol)
{
	if (symbol->toolchain == MEMO_UNKNOWN) {
		symbol->toolchain =
			MEMO_ASKING; /* symbols may refer to each other in circles */
		symbol->toolchain = computed_by_toolchain(symbol) ? MEMO_YES : MEMO_NO;
	}
	return symbol->toolchain == MEMO_YES;
}
