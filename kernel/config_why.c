#include "kernel/config_blame.h"

/* One row at work. */
struct why {
	struct blamer blamer;
	struct config_row *row;
	struct kc_symbol *symbol;
	enum kc_tri want, have;
	struct buf words;
};

static enum kc_tri eval(const struct why *w, const struct kc_expr *expr)
{
	return kc_eval(expr, w->blamer.report->got);
}

static void conclude(struct why *w, enum config_cause cause)
{
	w->row->cause = cause;
	w->row->follows = w->blamer.follows;
	w->row->why = arena_strdup(&w->blamer.report->arena, buf_str(&w->words));
}

/* A condition fails; the cause follows from who could change that. */
static bool conclude_blame(struct why *w, const struct kc_expr *expr, enum kc_tri need,
	enum config_cause otherwise)
{
	enum blame who = config_blame(&w->blamer, expr, need, &w->words);

	conclude(w, who == BLAME_TOOLCHAIN ? CAUSE_TOOLCHAIN : otherwise);
	return true;
}

static bool is_tristate_like(const struct kc_symbol *symbol)
{
	return symbol->type == KC_BOOL || symbol->type == KC_TRISTATE;
}

static void add_where(struct why *w, const char *name)
{
	const struct config_entry *asked = config_find(w->blamer.report->asked, name);

	if (asked && asked->line)
		buf_addf(&w->words, " (%s:%u)", asked->file, asked->line);
}

/* Each step below looks for one kind of reason: true when it was that. */

static bool why_unknown(struct why *w)
{
	if (w->symbol && w->symbol->defined)
		return false;
	buf_addf(&w->words, "no Kconfig file of this tree defines it for %s",
		w->blamer.report->arch);
	conclude(w, CAUSE_UNKNOWN);
	return true;
}

static bool why_type(struct why *w)
{
	static const char *const types[] = {
		"without a type", "a bool", "a tristate", "a string", "an int", "a hex"};
	const char *value = w->row->asked->value;
	bool letter = str_eq(value, "y") || str_eq(value, "m") || str_eq(value, "n");
	bool fits = is_tristate_like(w->symbol)	   ? letter
		    : w->symbol->type == KC_STRING ? value[0] == '"'
						   : !letter && value[0] != '"';

	if (fits && !(w->symbol->type == KC_BOOL && str_eq(value, "m")))
		return false;
	buf_addf(&w->words, "%s is %s, and %s is no value for it", w->symbol->name,
		types[w->symbol->type], value);
	conclude(w, CAUSE_TYPE);
	return true;
}

static bool why_toolchain(struct why *w)
{
	if (!kc_toolchain_decides(w->symbol))
		return false;
	buf_adds(&w->words, "what the compiler and the binutils can do decides");
	conclude(w, CAUSE_TOOLCHAIN);
	return true;
}

static const struct kc_symbol *chosen(const struct why *w)
{
	const struct kc_choice *choice = w->symbol->choice;

	for (size_t i = 0; choice && i < choice->len; i++)
		if (choice->members[i] != w->symbol &&
			str_eq(config_value(
				       w->blamer.report->got, choice->members[i]->name),
				"y"))
			return choice->members[i];
	return NULL;
}

/* The member that asks for more than it got, though its own conditions hold. */
static bool why_choice_lost(struct why *w)
{
	const struct kc_symbol *winner = chosen(w);

	if (w->want <= w->have || !winner || eval(w, w->symbol->depends) < w->want)
		return false;
	buf_addf(&w->words, "%s is the one chosen", winner->name);
	add_where(w, winner->name);
	conclude(w, CAUSE_CHOICE);
	return true;
}

static bool why_choice_won(struct why *w)
{
	const struct kc_choice *choice = w->symbol->choice;

	if (w->want >= w->have || !choice || chosen(w))
		return false;
	buf_addf(&w->words,
		"one member of the choice at %s:%u must be y, and no other was",
		choice->file, choice->line);
	for (size_t i = 0; i < choice->len; i++) {
		struct config_row *row =
			config_row_of(w->blamer.report, choice->members[i]->name);

		if (row && row != w->row && str_eq(row->asked->value, "y")) {
			buf_addf(&w->words, "; %s was asked for", row->asked->name);
			add_where(w, row->asked->name);
		}
	}
	conclude(w, CAUSE_CHOICE);
	return true;
}

/* How far a select pushes: its owner's value, bounded by its condition. */
static enum kc_tri push_of(const struct why *w, const struct kc_select *s)
{
	enum kc_tri by = kc_tri_of(config_value(w->blamer.report->got, s->by->name));
	enum kc_tri when = eval(w, s->when);

	return when < by ? when : by;
}

static bool why_select(struct why *w)
{
	size_t said = 0;

	for (const struct kc_select *s = w->symbol->selected_by; s; s = s->next) {
		if (s->imply || push_of(w, s) <= w->want || w->want >= w->have)
			continue;
		if (said++ == 4) {
			buf_adds(&w->words, " and others");
			break;
		}
		buf_addf(
			&w->words, "%s%s", said > 1 ? ", " : "selected by ", s->by->name);
		add_where(w, s->by->name);
	}
	if (said)
		conclude(w, CAUSE_SELECT);
	return said;
}

static enum kc_tri visibility(const struct why *w, const struct kc_expr **hidden_by)
{
	enum kc_tri best = KC_N;

	*hidden_by = NULL;
	for (const struct kc_prop *p = w->symbol->props; p; p = p->next) {
		if (p->kind != KC_PROMPT)
			continue;
		enum kc_tri v = eval(w, p->when);
		if (!*hidden_by || (v > best && v != KC_UNKNOWN))
			*hidden_by = p->when;
		best = v > best && v != KC_UNKNOWN ? v : best;
	}
	return best;
}

/* Its own condition keeps it below what was asked. */
static bool why_dependency(struct why *w)
{
	enum kc_tri limit = w->symbol->depends ? eval(w, w->symbol->depends) : KC_Y;
	enum kc_tri need =
		w->want == KC_M || w->symbol->type != KC_TRISTATE ? KC_M : KC_Y;

	if (!w->symbol->depends || w->want <= w->have ||
		(limit >= need && limit != KC_UNKNOWN))
		return false;
	buf_adds(&w->words, "needs what is not there: ");
	return conclude_blame(w, w->symbol->depends, need, CAUSE_DEPENDENCY);
}

/* Nobody is asked, so a default counts and not the request. */
static bool why_hidden(struct why *w)
{
	const struct kc_expr *hidden_by;

	if (!kc_has_prompt(w->symbol) || visibility(w, &hidden_by) > KC_N || !hidden_by)
		return false;
	buf_adds(&w->words, "its prompt is hidden, so its default counts: ");
	return conclude_blame(w, hidden_by, KC_M, CAUSE_DEPENDENCY);
}

static bool why_modules(struct why *w)
{
	if (w->symbol->type != KC_TRISTATE || w->want != KC_M ||
		str_eq(config_value(w->blamer.report->got, "MODULES"), "y"))
		return false;
	buf_adds(&w->words, "MODULES is n");
	add_where(w, "MODULES");
	conclude(w, CAUSE_DEPENDENCY);
	return true;
}

/* The first default that applies is the value. */
static void add_default(struct why *w)
{
	for (const struct kc_prop *p = w->symbol->props; p; p = p->next) {
		if (p->kind != KC_DEFAULT || eval(w, p->when) == KC_N)
			continue;
		buf_adds(&w->words, "; its default here is ");
		kc_print(p->value, &w->words);
		buf_adds(&w->words, p->when ? ", as " : "");
		if (p->when)
			kc_print(p->when, &w->words);
		return;
	}
}

static bool why_computed(struct why *w)
{
	if (kc_has_prompt(w->symbol))
		return false;
	buf_addf(&w->words, "%s has no prompt", w->symbol->name);
	enum blame who = BLAME_USER;
	if (is_tristate_like(w->symbol) && w->want > w->have)
		who = config_blame_computed(&w->blamer, w->symbol, &w->words);
	else
		add_default(w);
	conclude(w, who == BLAME_TOOLCHAIN ? CAUSE_TOOLCHAIN : CAUSE_COMPUTED);
	return true;
}

static bool why_range(struct why *w)
{
	_buf_ struct buf low = {0}, high = {0};

	for (const struct kc_prop *p = w->symbol->props; p; p = p->next) {
		if (p->kind != KC_RANGE || eval(w, p->when) == KC_N)
			continue;
		buf_addf(&w->words, "the range here is %s to %s",
			kc_operand(p->value, w->blamer.report->got, &low),
			kc_operand(p->value2, w->blamer.report->got, &high));
		conclude(w, CAUSE_RANGE);
		return true;
	}
	return false;
}

static bool why_unclear(struct why *w)
{
	buf_addf(&w->words, "see %s:%u", w->symbol->file, w->symbol->line);
	conclude(w, CAUSE_UNCLEAR);
	return true;
}

/* In this order: what decides outright stands before what only limits. */
static bool (*const reasons[])(struct why *w) = {
	why_unknown,
	why_type,
	why_toolchain,
	why_select,
	why_modules,
	why_choice_lost,
	why_choice_won,
	why_dependency,
	why_hidden,
	why_computed,
	why_range,
	why_unclear,
};

/* How much of a symbol was wanted, and came: a string or a number is there, or not. */
static enum kc_tri amount(const struct kc_symbol *symbol, const char *value)
{
	if (!symbol || is_tristate_like(symbol))
		return kc_tri_of(value);
	return str_eq(value, "n") ? KC_N : KC_Y;
}

void config_explain(
	struct config_report *report, struct kconfig *kc, struct config_row *row)
{
	struct why w = {.blamer = {.report = report, .kc = kc},
		.row = row,
		.symbol = kconfig_find(kc, row->asked->name)};
	bool done = row->fate == FATE_KEPT || row->cause != CAUSE_NONE || row->explaining;

	if (done)
		return;
	w.want = amount(w.symbol, row->asked->value);
	w.have = amount(w.symbol, row->got);
	row->explaining = true;
	for (size_t i = 0; !done && i < ARRAY_LEN(reasons); i++)
		done = reasons[i](&w);
	row->explaining = false;
	buf_free(&w.words);
}
