#include <ctype.h>
#include <stdlib.h>
#include "kernel/kconfig_int.h"

static struct kc_expr *expr_new(struct kconfig *kc, enum kc_op op)
{
	struct kc_expr *expr = arena_alloc(&kc->arena, sizeof(*expr));

	expr->op = op;
	return expr;
}

static const struct kc_expr *expr_two(struct kconfig *kc, enum kc_op op,
	const struct kc_expr *left, const struct kc_expr *right)
{
	struct kc_expr *expr = expr_new(kc, op);

	expr->left = left;
	expr->right = right;
	return expr;
}

const struct kc_expr *kc_and(
	struct kconfig *kc, const struct kc_expr *a, const struct kc_expr *b)
{
	if (!a || !b)
		return a ? a : b;
	return expr_two(kc, KC_AND, a, b);
}

const struct kc_expr *kc_or(
	struct kconfig *kc, const struct kc_expr *a, const struct kc_expr *b)
{
	return a && b ? expr_two(kc, KC_OR, a, b) : NULL;
}

const struct kc_expr *kc_symbol_expr(struct kconfig *kc, struct kc_symbol *symbol)
{
	struct kc_expr *expr = expr_new(kc, KC_SYMBOL);

	expr->symbol = symbol;
	return expr;
}

bool kc_token_is(const struct kc_token *t, const char *text)
{
	return (t->kind == KC_TOKEN_WORD || t->kind == KC_TOKEN_OP) &&
	       str_eq(t->text, text);
}

/* Words that are values, not names. */
static bool is_literal(const char *s)
{
	if (str_eq(s, "y") || str_eq(s, "m") || str_eq(s, "n"))
		return true;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return true;
	s += s[0] == '-';
	return *s && s[strspn(s, "0123456789")] == '\0';
}

static const struct kc_expr *parse_operand(
	struct kconfig *kc, const struct kc_token **t, struct err *e)
{
	const struct kc_token *token = *t;
	struct kc_expr *expr;

	if (token->kind == KC_TOKEN_END || token->kind == KC_TOKEN_OP) {
		err_set(e, ERR_INPUT, "a symbol or a value is missing%s%s",
			token->kind == KC_TOKEN_OP ? " before " : "", token->text);
		return NULL;
	}
	(*t)++;
	if (token->kind == KC_TOKEN_WORD && !is_literal(token->text))
		return kc_symbol_expr(kc, kconfig_symbol(kc, token->text));
	expr = expr_new(kc, token->kind == KC_TOKEN_MACRO ? KC_MACRO : KC_CONST);
	expr->text = token->text;
	return expr;
}

static const struct {
	const char *text;
	enum kc_op op;
} comparisons[] = {{"=", KC_EQ}, {"!=", KC_NE}, {"<", KC_LT}, {"<=", KC_LE}, {">", KC_GT},
	{">=", KC_GE}};

static const struct kc_expr *parse_or(
	struct kconfig *kc, const struct kc_token **t, unsigned depth, struct err *e);

static const struct kc_expr *parse_not(
	struct kconfig *kc, const struct kc_token **t, unsigned depth, struct err *e)
{
	const struct kc_expr *left;

	if (depth > 200) {
		err_set(e, ERR_INPUT, "the expression is nested too deeply");
		return NULL;
	}
	if (kc_token_is(*t, "!")) {
		(*t)++;
		left = parse_not(kc, t, depth + 1, e);
		return left ? expr_two(kc, KC_NOT, left, NULL) : NULL;
	}
	if (kc_token_is(*t, "(")) {
		(*t)++;
		left = parse_or(kc, t, depth + 1, e);
		if (left && !kc_token_is(*t, ")")) {
			err_set(e, ERR_INPUT, "a ')' is missing");
			return NULL;
		}
		(*t)++;
		return left;
	}
	left = parse_operand(kc, t, e);
	for (size_t i = 0; left && i < ARRAY_LEN(comparisons); i++)
		if (kc_token_is(*t, comparisons[i].text)) {
			(*t)++;
			const struct kc_expr *right = parse_operand(kc, t, e);
			return right ? expr_two(kc, comparisons[i].op, left, right)
				     : NULL;
		}
	return left;
}

static const struct kc_expr *parse_and(
	struct kconfig *kc, const struct kc_token **t, unsigned depth, struct err *e)
{
	const struct kc_expr *left = parse_not(kc, t, depth, e);

	while (left && kc_token_is(*t, "&&")) {
		(*t)++;
		const struct kc_expr *right = parse_not(kc, t, depth, e);
		left = right ? expr_two(kc, KC_AND, left, right) : NULL;
	}
	return left;
}

static const struct kc_expr *parse_or(
	struct kconfig *kc, const struct kc_token **t, unsigned depth, struct err *e)
{
	const struct kc_expr *left = parse_and(kc, t, depth, e);

	while (left && kc_token_is(*t, "||")) {
		(*t)++;
		const struct kc_expr *right = parse_and(kc, t, depth, e);
		left = right ? expr_two(kc, KC_OR, left, right) : NULL;
	}
	return left;
}

const struct kc_expr *kc_parse_expr(
	struct kconfig *kc, const struct kc_token **t, struct err *e)
{
	return parse_or(kc, t, 0, e);
}

bool kc_asks_compiler(const struct kc_expr *expr)
{
	if (!expr)
		return false;
	return expr->op == KC_MACRO || kc_asks_compiler(expr->left) ||
	       kc_asks_compiler(expr->right);
}

static const char *const op_texts[] = {
	[KC_AND] = " && ",
	[KC_OR] = " || ",
	[KC_EQ] = "=",
	[KC_NE] = "!=",
	[KC_LT] = "<",
	[KC_LE] = "<=",
	[KC_GT] = ">",
	[KC_GE] = ">=",
};

static void print_operand(const struct kc_expr *expr, enum kc_op outer, struct buf *out)
{
	bool paren = (expr->op == KC_OR && outer != KC_OR) ||
		     (expr->op == KC_AND && outer == KC_NOT);

	buf_adds(out, paren ? "(" : "");
	kc_print(expr, out);
	buf_adds(out, paren ? ")" : "");
}

void kc_print(const struct kc_expr *expr, struct buf *out)
{
	if (!expr) {
		buf_adds(out, "y");
		return;
	}
	switch (expr->op) {
	case KC_SYMBOL:
		buf_adds(out, expr->symbol->name);
		return;
	case KC_CONST:
	case KC_MACRO:
		buf_adds(out, *expr->text ? expr->text : "\"\"");
		return;
	case KC_NOT:
		buf_addc(out, '!');
		print_operand(expr->left, KC_NOT, out);
		return;
	default:
		print_operand(expr->left, expr->op, out);
		buf_adds(out, op_texts[expr->op]);
		print_operand(expr->right, expr->op, out);
	}
}
