#include <ctype.h>
#include "kernel/kconfig_int.h"

#define MAX_TOKENS 512

/* Copies the next physical line, joined with those it is continued by, into out. */
static bool read_joined(struct kc_reader *r, struct buf *out, unsigned *number)
{
	if (!*r->pos)
		return false;
	buf_clear(out);
	*number = r->line + 1;
	for (bool more = true; more && *r->pos;) {
		size_t len = strcspn(r->pos, "\n");

		more = len && r->pos[len - 1] == '\\';
		buf_add(out, r->pos, len - more);
		r->pos += len + (r->pos[len] == '\n');
		r->line++;
	}
	return true;
}

static size_t column_of(const char *line, size_t *text)
{
	size_t column = 0, i = 0;

	for (; line[i] == ' ' || line[i] == '\t'; i++)
		column = line[i] == '\t' ? (column | 7) + 1 : column + 1;
	*text = i;
	return column;
}

/* A help text lasts as long as lines are blank or as deep as its first one. */
void kc_skip_help(struct kc_reader *r)
{
	size_t depth = 0;

	while (*r->pos) {
		size_t start, len = strcspn(r->pos, "\n");
		size_t column = column_of(r->pos, &start);
		bool blank = start >= len;

		if (!blank && (column == 0 || column < depth))
			return;
		if (!blank && !depth)
			depth = column;
		r->pos += len + (r->pos[len] == '\n');
		r->line++;
	}
}

/* Length of the "$(...)" at s, nested ones included; 0 when it never ends. */
static size_t macro_len(const char *s)
{
	size_t depth = 0;

	for (size_t i = 1; s[i]; i++) {
		depth += s[i] == '(';
		if (s[i] == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}

static const char *var_value(const struct kc_reader *r, const char *name, size_t len)
{
	for (const struct kc_var *v = r->vars; v->name; v++)
		if (strlen(v->name) == len && !strncmp(v->name, name, len))
			return v->value;
	return NULL;
}

char *kc_expand(struct kc_reader *r, const char *text, bool *left)
{
	_buf_ struct buf out = {0};

	*left = false;
	while (*text) {
		size_t len = text[0] == '$' && text[1] == '(' ? macro_len(text) : 0;
		const char *value = len ? var_value(r, text + 2, len - 3) : NULL;

		*left |= len && !value;
		if (value)
			buf_adds(&out, value);
		else
			buf_add(&out, text, len ? len : 1);
		text += len ? len : 1;
	}
	return arena_strdup(&r->kc->arena, buf_str(&out));
}

/* The token for text that may hold macros: one that only a compiler can expand makes
 * the whole token its own. */
static struct kc_token make_token(
	struct kc_reader *r, enum kc_token_kind kind, const char *text)
{
	bool left;
	char *expanded = kc_expand(r, text, &left);

	return (struct kc_token){left ? KC_TOKEN_MACRO : kind, expanded};
}

/* Reads the quoted string at s into out, without quotes and escapes. Returns its length
 * in s; an unfinished one lasts to the end of the line, as in kconfig. */
static size_t read_string(const char *s, struct buf *out)
{
	size_t i = 1;

	for (; s[i] && s[i] != s[0]; i++) {
		if (s[i] == '\\' && s[i + 1])
			i++;
		buf_addc(out, s[i]);
	}
	return i + (s[i] != '\0');
}

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || strchr("_-./", c);
}

static size_t read_word(const char *s, struct buf *out)
{
	size_t i = 0;

	while (s[i]) {
		size_t len = s[i] == '$' && s[i + 1] == '(' ? macro_len(s + i) : 0;

		if (!len && !is_word_byte(s[i]))
			break;
		len += !len;
		buf_add(out, s + i, len);
		i += len;
	}
	return i;
}

static const char *const operators[] = {
	"&&", "||", "!=", "<=", ">=", "!", "=", "<", ">", "(", ")", NULL};

static const char *operator_at(const char *s)
{
	for (const char *const *op = operators; *op; op++)
		if (str_starts(s, *op))
			return *op;
	return NULL;
}

/* Reads one token at s; returns its length, 0 at the end of what counts in the line. */
static size_t read_token(struct kc_reader *r, const char *s, struct kc_token *token)
{
	_buf_ struct buf text = {0};
	const char *op = operator_at(s);
	size_t len;

	token->kind = KC_TOKEN_END;
	if (!*s || *s == '#')
		return 0;
	if (op) {
		*token = (struct kc_token){KC_TOKEN_OP, op};
		return strlen(op);
	}
	if (*s == '"' || *s == '\'') {
		len = read_string(s, &text);
		*token = make_token(r, KC_TOKEN_STRING, buf_str(&text));
		return len;
	}
	len = read_word(s, &text);
	if (!len) /* kconfig ignores bytes that it has no use for, and warns */
		return 1;
	*token = make_token(r, KC_TOKEN_WORD, buf_str(&text));
	return len;
}

/* Macros are defined by "name = ...", and called for their effect by "$(error-if,...)":
 * neither says anything about symbols. */
static bool is_macro_line(const char *s)
{
	size_t i = 0;

	if (s[0] == '$')
		return true;
	while (isalnum((unsigned char)s[i]) || s[i] == '_' || s[i] == '-')
		i++;
	if (!i)
		return false;
	i += strspn(s + i, " \t");
	return s[i] == '=' || str_starts(s + i, ":=") || str_starts(s + i, "+=");
}

static int tokenize(
	struct kc_reader *r, const char *s, struct kc_line *line, struct err *e)
{
	struct kc_token tokens[MAX_TOKENS];
	size_t count = 0;

	for (;;) {
		s += strspn(s, " \t\r");
		size_t len = read_token(r, s, &tokens[count]);
		if (!len)
			break;
		s += len;
		if (tokens[count].kind != KC_TOKEN_END && ++count == MAX_TOKENS - 1)
			return err_set(e, ERR_INPUT, "%s:%u: the line is too long",
				r->file, line->number);
	}
	tokens[count].kind = KC_TOKEN_END;
	tokens[count].text = "";
	struct kc_token *kept = arena_alloc(&r->kc->arena, (count + 1) * sizeof(*kept));
	memcpy(kept, tokens, (count + 1) * sizeof(*kept));
	line->tokens = kept;
	return count != 0;
}

int kc_next_line(struct kc_reader *r, struct kc_line *line, struct err *e)
{
	_buf_ struct buf text = {0};
	int found = 0;

	while (!found && read_joined(r, &text, &line->number)) {
		const char *s = buf_str(&text);

		s += strspn(s, " \t");
		if (!is_macro_line(s) && (found = tokenize(r, s, line, e)) < 0)
			return -1;
	}
	return found;
}
