#include "kernel/kconfig_int.h"

#define MAX_DEPTH 64

/* What encloses a statement: a menu, an if, a choice; each with all that it demands. */
struct scope {
	const struct kc_expr *depends; /* of this and all outer ones */
	const struct kc_expr *visible; /* "visible if" of all outer menus */
	struct kc_choice *choice;
	const char *closing; /* the word that ends it */
	unsigned line;
};

/* The statement whose attributes are being read. */
struct entry {
	struct kc_symbol *symbol; /* config, menuconfig */
	struct scope *scope;	  /* menu, choice: what it opens */
	struct kc_prop *first, *last;
	const struct kc_expr *depends; /* its own "depends on" lines */
	const struct kc_expr *visible; /* a menu's "visible if" */
};

struct parser {
	struct kconfig *kc;
	const char *const *layers;
	const struct kc_var *vars;
	struct kc_reader *reader; /* of the file being read */
	struct scope scopes[MAX_DEPTH];
	size_t depth; /* scopes[depth] is the innermost */
	unsigned nested_files;
	struct entry entry;
	const struct kc_token *t;
	unsigned line;
};

static int refuse(struct parser *p, struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "%s:%u: %s", p->reader->file, p->line, what);
}

static const struct kc_expr *expression(struct parser *p, struct err *e)
{
	const struct kc_expr *expr = kc_parse_expr(p->kc, &p->t, e);

	if (!expr)
		err_wrap(e, "%s:%u", p->reader->file, p->line);
	return expr;
}

/* "if EXPR" at the end of an attribute. */
static int condition(struct parser *p, const struct kc_expr **when, struct err *e)
{
	*when = NULL;
	if (kc_token_is(p->t, "if")) {
		p->t++;
		*when = expression(p, e);
		return *when ? 0 : -1;
	}
	return 0;
}

static void add_prop(struct parser *p, struct kc_prop prop)
{
	struct kc_prop *kept = arena_alloc(&p->kc->arena, sizeof(*kept));

	*kept = prop;
	if (p->entry.last)
		p->entry.last->next = kept;
	else
		p->entry.first = kept;
	p->entry.last = kept;
}

static int add_prompt(struct parser *p, struct err *e)
{
	struct kc_prop prop = {.kind = KC_PROMPT};

	if (p->t->kind == KC_TOKEN_END)
		return 0;
	p->t++;
	if (condition(p, &prop.when, e) < 0)
		return -1;
	prop.when = kc_and(p->kc, prop.when, p->scopes[p->depth].visible);
	add_prop(p, prop);
	return 0;
}

static int add_default(struct parser *p, struct err *e)
{
	struct kc_prop prop = {.kind = KC_DEFAULT};

	prop.value = expression(p, e);
	if (!prop.value || condition(p, &prop.when, e) < 0)
		return -1;
	add_prop(p, prop);
	return 0;
}

static int add_target(struct parser *p, enum kc_prop_kind kind, struct err *e)
{
	struct kc_prop prop = {.kind = kind};

	if (p->t->kind != KC_TOKEN_WORD)
		return refuse(p, e, "select and imply need the name of a symbol");
	prop.target = kconfig_symbol(p->kc, p->t++->text);
	if (condition(p, &prop.when, e) < 0)
		return -1;
	add_prop(p, prop);
	return 0;
}

static int add_range(struct parser *p, struct err *e)
{
	struct kc_prop prop = {.kind = KC_RANGE};

	prop.value = expression(p, e);
	prop.value2 = prop.value ? expression(p, e) : NULL;
	if (!prop.value2 || condition(p, &prop.when, e) < 0)
		return -1;
	add_prop(p, prop);
	return 0;
}

static int add_depends(struct parser *p, struct err *e)
{
	if (!kc_token_is(p->t, "on"))
		return refuse(p, e, "'depends' must go on with 'on'");
	p->t++;
	const struct kc_expr *expr = expression(p, e);
	if (!expr)
		return -1;
	/* Newer trees: "depends on A if B" demands A only where B holds. */
	const struct kc_expr *when;
	if (condition(p, &when, e) < 0)
		return -1;
	if (when) {
		struct kc_expr *not = arena_alloc(&p->kc->arena, sizeof(*not ));

		*not = (struct kc_expr){.op = KC_NOT, .left = when};
		expr = kc_or(p->kc, expr, not );
	}
	p->entry.depends = kc_and(p->kc, p->entry.depends, expr);
	return 0;
}

static int add_visible(struct parser *p, struct err *e)
{
	const struct kc_expr *when;

	if (condition(p, &when, e) < 0)
		return -1;
	p->entry.visible = kc_and(p->kc, p->entry.visible, when);
	return 0;
}

static int attr_help(struct parser *p, struct err *e)
{
	(void)e;
	kc_skip_help(p->reader);
	return 0;
}

static int attr_ignored(struct parser *p, struct err *e)
{
	(void)p;
	(void)e;
	return 0;
}

static int attr_select(struct parser *p, struct err *e)
{
	return add_target(p, KC_SELECT, e);
}

static int attr_imply(struct parser *p, struct err *e)
{
	return add_target(p, KC_IMPLY, e);
}

/* What may stand below config, menu or choice. prompt: the rest is a prompt; value: it
 * is a default. */
static const struct attribute {
	const char *word;
	enum kc_type type;
	int (*read)(struct parser *p, struct err *e);
} attributes[] = {
	{"bool", KC_BOOL, add_prompt},
	{"boolean", KC_BOOL, add_prompt},
	{"tristate", KC_TRISTATE, add_prompt},
	{"string", KC_STRING, add_prompt},
	{"int", KC_INT, add_prompt},
	{"hex", KC_HEX, add_prompt},
	{"def_bool", KC_BOOL, add_default},
	{"def_tristate", KC_TRISTATE, add_default},
	{"prompt", KC_NONE, add_prompt},
	{"default", KC_NONE, add_default},
	{"select", KC_NONE, attr_select},
	{"imply", KC_NONE, attr_imply},
	{"range", KC_NONE, add_range},
	{"depends", KC_NONE, add_depends},
	{"visible", KC_NONE, add_visible},
	{"help", KC_NONE, attr_help},
	{"---help---", KC_NONE, attr_help},
	{"option", KC_NONE, attr_ignored},
	{"modules", KC_NONE, attr_ignored},
	{"optional", KC_NONE, attr_ignored},
	{"transitional", KC_NONE, attr_ignored},
};

/* Hands one collected attribute to its symbol, under all that its place demands. */
static void hand_over(
	struct parser *p, struct kc_prop *prop, const struct kc_expr *depends)
{
	struct kc_symbol *symbol = p->entry.symbol;

	prop->when = kc_and(p->kc, prop->when, depends);
	prop->next = NULL;
	if (symbol->last_prop)
		symbol->last_prop->next = prop;
	else
		symbol->props = prop;
	symbol->last_prop = prop;
	if (!prop->target)
		return;
	struct kc_select *select = arena_alloc(&p->kc->arena, sizeof(*select));
	*select = (struct kc_select){.by = symbol,
		.when = prop->when,
		.imply = prop->kind == KC_IMPLY,
		.next = prop->target->selected_by};
	prop->target->selected_by = select;
}

static void finish_symbol(struct parser *p, const struct kc_expr *depends)
{
	struct kc_symbol *symbol = p->entry.symbol;

	for (struct kc_prop *prop = p->entry.first, *next; prop; prop = next) {
		next = prop->next;
		hand_over(p, prop, depends);
	}
	/* As kconfig has it: a definition without any condition adds nothing to those
	 * that have one. */
	if (depends)
		symbol->depends = symbol->depends ? kc_or(p->kc, symbol->depends, depends)
						  : depends;
}

/* The attributes of the current statement are complete. */
static void finish_entry(struct parser *p)
{
	struct scope *outer = &p->scopes[p->depth];

	if (p->entry.scope) {
		/* A menu or choice that was opened: what stands inside inherits; the
		 * members of a choice are there only where its prompt is. */
		const struct kc_prop *prompt = outer->choice ? p->entry.first : NULL;

		if (prompt && prompt->kind == KC_PROMPT)
			outer->depends = kc_and(p->kc, prompt->when, outer->depends);
		outer->depends = kc_and(p->kc, p->entry.depends, outer->depends);
		outer->visible = kc_and(p->kc, p->entry.visible, outer->visible);
	}
	if (p->entry.symbol)
		finish_symbol(p, kc_and(p->kc, p->entry.depends, outer->depends));
	p->entry = (struct entry){0};
}

static int open_scope(struct parser *p, const char *closing, struct err *e)
{
	struct scope scope = p->scopes[p->depth];

	if (p->depth + 1 == MAX_DEPTH)
		return refuse(p, e, "menus and ifs are nested too deeply");
	scope.closing = closing;
	scope.line = p->line;
	p->scopes[++p->depth] = scope;
	return 0;
}

static int close_scope(struct parser *p, struct err *e)
{
	if (!p->depth || !kc_token_is(p->t, p->scopes[p->depth].closing))
		return refuse(p, e, "this closes nothing that is open here");
	p->depth--;
	return 0;
}

static int stmt_config(struct parser *p, struct err *e)
{
	struct kc_choice *choice = p->scopes[p->depth].choice;

	p->t++;
	if (p->t->kind != KC_TOKEN_WORD)
		return refuse(p, e, "config needs the name of a symbol");
	struct kc_symbol *symbol = kconfig_symbol(p->kc, p->t->text);
	if (!symbol->defined) {
		symbol->file = p->reader->file;
		symbol->line = p->line;
	}
	symbol->defined = true;
	p->entry.symbol = symbol;
	if (!choice || symbol->choice)
		return 0;
	symbol->choice = choice;
	if (choice->len == choice->cap) {
		struct kc_symbol **old = choice->members;

		choice->cap = choice->cap ? choice->cap * 2 : 8;
		choice->members = arena_alloc(
			&p->kc->arena, choice->cap * sizeof(*choice->members));
		if (choice->len)
			memcpy(choice->members, old, choice->len * sizeof(*old));
	}
	choice->members[choice->len++] = symbol;
	return 0;
}

static int stmt_menu(struct parser *p, struct err *e)
{
	if (open_scope(p, "endmenu", e) < 0)
		return -1;
	p->entry.scope = &p->scopes[p->depth];
	return 0;
}

static int stmt_choice(struct parser *p, struct err *e)
{
	struct kc_choice *choice;

	if (open_scope(p, "endchoice", e) < 0)
		return -1;
	choice = arena_alloc(&p->kc->arena, sizeof(*choice));
	choice->file = p->reader->file;
	choice->line = p->line;
	p->kc->choices = xrealloc(
		p->kc->choices, (p->kc->choice_count + 1) * sizeof(*p->kc->choices));
	p->kc->choices[p->kc->choice_count++] = choice;
	p->scopes[p->depth].choice = choice;
	p->entry.scope = &p->scopes[p->depth];
	return 0;
}

static int stmt_if(struct parser *p, struct err *e)
{
	p->t++;
	const struct kc_expr *when = expression(p, e);
	if (!when || open_scope(p, "endif", e) < 0)
		return -1;
	struct scope *scope = &p->scopes[p->depth];
	scope->depends = kc_and(p->kc, when, scope->depends);
	return 0;
}

static int parse_file(struct parser *p, const char *path, bool optional, struct err *e);

/* source, osource, and their forms relative to the directory of the file. */
static int stmt_source(struct parser *p, struct err *e)
{
	bool optional = p->t->text[0] == 'o';
	bool relative = p->t->text[optional] == 'r';
	const struct kc_token *path = ++p->t;
	const char *slash = strrchr(p->reader->file, '/');

	if (path->kind == KC_TOKEN_END)
		return refuse(p, e, "source needs a path");
	if (path->kind == KC_TOKEN_MACRO) {
		p->kc->unread++;
		return 0;
	}
	if (!relative || !slash)
		return parse_file(p, path->text, optional, e);
	char *full = arena_printf(&p->kc->arena, "%.*s%s",
		(int)(slash + 1 - p->reader->file), p->reader->file, path->text);
	return parse_file(p, full, optional, e);
}

static int stmt_none(struct parser *p, struct err *e)
{
	(void)p;
	(void)e;
	return 0;
}

static const struct statement {
	const char *word;
	int (*read)(struct parser *p, struct err *e);
} statements[] = {
	{"config", stmt_config},
	{"menuconfig", stmt_config},
	{"menu", stmt_menu},
	{"choice", stmt_choice},
	{"if", stmt_if},
	{"comment", stmt_none},
	{"mainmenu", stmt_none},
	{"source", stmt_source},
	{"osource", stmt_source},
	{"rsource", stmt_source},
	{"orsource", stmt_source},
	{"endmenu", close_scope},
	{"endchoice", close_scope},
	{"endif", close_scope},
};

static int parse_attribute(struct parser *p, const struct attribute *a, struct err *e)
{
	struct kc_symbol *symbol = p->entry.symbol;

	p->t++;
	if (a->type && symbol && !symbol->type)
		symbol->type = a->type;
	return a->read(p, e);
}

static int parse_line(struct parser *p, const struct kc_line *line, struct err *e)
{
	p->t = line->tokens;
	p->line = line->number;
	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		if (kc_token_is(p->t, statements[i].word)) {
			finish_entry(p);
			return statements[i].read(p, e);
		}
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (kc_token_is(p->t, attributes[i].word))
			return parse_attribute(p, &attributes[i], e);
	_free_ char *word = str_printable(p->t->text);
	return err_set(e, ERR_INPUT, "%s:%u: '%.80s' is no word of the Kconfig language",
		p->reader->file, p->line, word);
}

static int parse_lines(struct parser *p, struct err *e)
{
	struct kc_line line;
	int more;

	while ((more = kc_next_line(p->reader, &line, e)) > 0)
		if (parse_line(p, &line, e) < 0)
			return -1;
	return more;
}

static int parse_file(struct parser *p, const char *path, bool optional, struct err *e)
{
	_buf_ struct buf text = {0};
	struct kc_reader reader = {
		p->kc, p->vars, arena_strdup(&p->kc->arena, path), NULL, 0};
	struct kc_reader *outer = p->reader;
	size_t depth = p->depth;
	int found = p->nested_files < MAX_DEPTH ? kc_open(p->layers, path, &text, e) : 0;

	if (found < 0)
		return -1;
	if (!found && optional)
		return 0;
	if (!found)
		return err_set(e, ERR_INPUT,
			"%s:%u: cannot source %s: it is not in the tree",
			outer ? outer->file : path, p->line, path);
	reader.pos = buf_str(&text);
	p->reader = &reader;
	p->nested_files++;
	if (parse_lines(p, e) < 0)
		return -1;
	finish_entry(p);
	if (p->depth != depth) {
		p->line = p->scopes[p->depth].line;
		return refuse(p, e, "what begins here is not closed in its file");
	}
	p->nested_files--;
	p->reader = outer;
	return 0;
}

int kconfig_read(struct kconfig *kc, const char *const *layers, const char *top,
	const struct kc_var *vars, struct err *e)
{
	struct parser p = {.kc = kc, .layers = layers, .vars = vars};

	return parse_file(&p, top, false, e);
}
