#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/why.h"

/* A recipe's text, taken apart: "# name" before a "file <field> <digest>". */
struct part {
	const char *kind, *name,
		*value;	  /* field/file/stage/need; the field's name; the rest */
	const char *path; /* of a file */
};
struct parts {
	struct arena arena;
	struct part *items;
	size_t count;
};

static void parse(const char *text, struct parts *p)
{
	char *pos = arena_strdup(&p->arena, text), *line;
	const char *path = "";

	p->items =
		arena_alloc(&p->arena, (strlen(text) + 1) * sizeof(*p->items) / 8 + 64);
	while ((line = str_next_line(&pos))) {
		char *name = strchr(line, ' '), *value;

		if (!name)
			continue;
		*name++ = '\0';
		if (str_eq(line, "#")) {
			path = name;
			continue;
		}
		value = strchr(name, ' ');
		if (value)
			*value++ = '\0';
		/* "12:the text" of a field */
		if (value && str_eq(line, "field") && strchr(value, ':'))
			value = strchr(value, ':') + 1;
		p->items[p->count++] =
			(struct part){line, name, value ? value : "", path};
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const struct part *find_part(
	const struct parts *p, const char *kind, const char *name, const char *path)
{
	for (size_t i = 0; i < p->count; i++)
		if (str_eq(p->items[i].kind, kind) && str_eq(p->items[i].name, name) &&
			(!path || str_eq(base_name(p->items[i].path), base_name(path))))
			return &p->items[i];
	return NULL;
}

/* Whether the file with this digest is among the parts, under any name. */
static bool has_value(const struct parts *p, const struct part *want)
{
	for (size_t i = 0; i < p->count; i++)
		if (str_eq(p->items[i].kind, want->kind) &&
			str_eq(p->items[i].name, want->name) &&
			str_eq(p->items[i].value, want->value))
			return true;
	return false;
}

static void split_lines(char *text, struct str_vec *lines)
{
	char *pos = text, *line;

	while ((line = str_next_line(&pos)))
		str_vec_add(lines, line);
}

/* Lines of a that b lacks, with their numbers; at most five. */
static void add_missing(const struct str_vec *a, const struct str_vec *b,
	const char *mark, const char *path, struct buf *out)
{
	int shown = 0;

	for (size_t i = 0; i < a->len; i++) {
		if (str_vec_has(b, a->items[i]))
			continue;
		if (++shown > 5) {
			buf_addf(out, "    %s ...\n", mark);
			return;
		}
		buf_addf(out, "    %s %s:%zu: %s\n", mark, path, i + 1, a->items[i]);
	}
}

static void add_lines(const struct session *s, const struct part *old,
	const struct part *new, struct buf *out)
{
	_buf_ struct buf before = {0}, after = {0};
	_str_vec_ struct str_vec was = {0}, is = {0};
	struct err ignored = {0};

	if (!store_read_input(&s->store, old->value, &before) ||
		fs_read(AT_FDCWD, new->path, 1 << 20, &after, &ignored) < 0)
		return;
	/* Quadratic below: fine for configs, not for anything. */
	if (before.len > 400000 || after.len > 400000)
		return;
	split_lines(before.data, &was);
	split_lines(after.data, &is);
	add_missing(&was, &is, "-", old->path, out);
	add_missing(&is, &was, "+", new->path, out);
}

static void compare_files(const struct session *s, const struct parts *old,
	const struct parts *new, struct buf *out)
{
	for (size_t i = 0; i < new->count; i++) {
		const struct part *n = &new->items[i], *o;

		if (!str_eq(n->kind, "file") || has_value(old, n))
			continue;
		o = find_part(old, "file", n->name, n->path);
		buf_addf(
			out, "  %s: %s %s\n", n->name, n->path, o ? "changed" : "is new");
		if (o)
			add_lines(s, o, n, out);
	}
	for (size_t i = 0; i < old->count; i++) {
		const struct part *o = &old->items[i];

		if (str_eq(o->kind, "file") && !has_value(new, o) &&
			!find_part(new, "file", o->name, o->path))
			buf_addf(out, "  %s: %s is gone\n", o->name, o->path);
	}
}

/* Another toolchain takes other packages of the same sysroot: no cause of its own. */
static bool is_consequence(const struct part *o, const struct part *n, bool toolchain)
{
	size_t name = strcspn(n->value, " ");

	return toolchain && o && str_ends(n->name, "sysroot") &&
	       strncmp(o->value, n->value, name + 1) == 0;
}

/* What differs in one stage's recipe, needs left out. toolchain: the last build was
 * another toolchain's. */
static void compare(const struct session *s, const char *before, const char *after,
	bool toolchain, struct buf *out)
{
	struct parts old = {0}, new = {0};
	size_t start = out->len;

	parse(before, &old);
	parse(after, &new);
	for (size_t i = 0; i < new.count; i++) {
		const struct part *n = &new.items[i];
		const struct part *o = find_part(&old, n->kind, n->name, NULL);

		if (str_eq(n->kind, "stage") && o && !str_eq(o->value, n->value))
			buf_addf(out,
				"  kiln: the stage %s works otherwise now (%s -> %s)\n",
				n->name, o->value, n->value);
		if (str_eq(n->kind, "field") && (!o || !str_eq(o->value, n->value)) &&
			!is_consequence(o, n, toolchain))
			buf_addf(out, "  %s: %s -> %s\n", n->name,
				o && *o->value ? o->value : "(none)",
				*n->value ? n->value : "(none)");
	}
	compare_files(s, &old, &new, out);
	/* The same files in another order are another recipe. */
	if (out->len == start && find_part(&new, "file", "patches", NULL) &&
		!str_eq(before, after))
		buf_addf(out, "  patches: the order changed, or one stands twice\n");
	arena_free(&old.arena);
	arena_free(&new.arena);
}

static bool needs_moved(const struct step *step, const struct str_vec *record)
{
	for (size_t i = 0; i < STAGE_MAX_NEEDS && step->needs[i]; i++)
		if (!str_eq(step->needs[i]->key,
			    plan_recorded_key(record, step->needs[i]->stage->name)))
			return true;
	return false;
}

/* The last build that a target is compared with. */
struct last {
	struct str_vec record; /* stage, key, stage, key */
	bool other_toolchain;
};

/* The target's own, or that of the same target with another toolchain. */
static bool find_last(const struct session *s, const struct target *t, struct last *last)
{
	_buf_ struct buf text = {0};
	bool found = store_get_record(&s->store, t->name, "done", &text);
	size_t stem = (size_t)(strrchr(t->name, '/') - t->name);

	for (const struct toolchain *const *tc = toolchain_all(); !found && *tc; tc++) {
		_free_ char *name = xasprintf("%.*s/%s", (int)stem, t->name, (*tc)->name);

		found = store_get_record(&s->store, name, "done", &text);
		last->other_toolchain = found;
	}
	str_split(&last->record, buf_str(&text), " \n");
	return found;
}

/* What was said for another stage isn't said again. */
static void add_causes(struct buf *causes, struct buf *found)
{
	for (char *pos = found->data, *line; (line = str_next_line(&pos));)
		if (!strstr(buf_str(causes), line))
			buf_addf(causes, "%s\n", line);
}

/* A stage that the target has only now, or has no longer: by the field that decides it.
 */
static void explain_optional(const struct session *s, const struct stage *stage,
	const struct recipe *recipe, const struct last *last, struct buf *causes)
{
	const char *key = plan_recorded_key(&last->record, stage->name);
	const char *field, *now, *was = "";
	_free_ char *path = xasprintf("%s/%s/recipe", stage->name, key ? key : "");
	_buf_ struct buf before = {0}, found = {0};
	struct parts old = {0};
	struct err ignored = {0};

	if (!stage->only_with || stage_applies(stage, recipe) == (key != NULL))
		return;
	now = recipe->field[stage->only_with - 1].text;
	field = field_name((enum field)(stage->only_with - 1));
	if (key && fs_read(s->store.fd, path, 1 << 22, &before, &ignored) == 0) {
		const struct part *part;

		parse(before.data, &old);
		part = find_part(&old, "field", field, NULL);
		was = part ? part->value : was;
	}
	buf_addf(&found, "  %s: %s -> %s\n", field, *was ? was : "(none)",
		*now ? now : "(none)");
	add_causes(causes, &found);
	arena_free(&old.arena);
}

/* One step and all that it needs, each once; causes are merged, since several stages may
 * read one field. */
static void explain(const struct session *s, const struct step *step,
	const struct last *last, struct str_vec *seen, struct buf *causes,
	struct buf *moved)
{
	const struct str_vec *record = &last->record;
	const char *key = plan_recorded_key(record, step->stage->name);
	_free_ char *path = xasprintf("%s/%s/recipe", step->stage->name, key ? key : "");
	_buf_ struct buf before = {0}, found = {0};
	struct err ignored = {0};

	if (str_vec_has(seen, step->stage->name))
		return;
	str_vec_add(seen, step->stage->name);
	for (size_t i = 0; i < STAGE_MAX_NEEDS && step->stage->needs[i]; i++)
		explain_optional(
			s, stage_find(step->stage->needs[i]), step->recipe, last, causes);
	for (size_t i = 0; i < STAGE_MAX_NEEDS && step->needs[i]; i++)
		explain(s, step->needs[i], last, seen, causes, moved);
	if (str_eq(key, step->key))
		return;
	buf_addf(moved, "%s%s", moved->len ? ", " : "", step->stage->name);
	if (!key || fs_read(s->store.fd, path, 1 << 22, &before, &ignored) < 0) {
		if (!needs_moved(step, record) && !step->stage->only_with)
			buf_addf(causes, "  %s: nothing is known of its last run\n",
				step->stage->name);
		return;
	}
	compare(s, before.data, step->text, last->other_toolchain, &found);
	add_causes(causes, &found);
}

void why_target(const struct session *s, size_t target, struct buf *out)
{
	const struct target *t = &s->targets.items[target];
	_buf_ struct buf causes = {0}, moved = {0};
	_str_vec_ struct str_vec seen = {0};
	struct last last = {0};

	buf_addf(out, "%s\n", t->name);
	if (!find_last(s, t, &last)) {
		buf_adds(out, "  never built with this store\n");
		return;
	}
	explain(s, s->images[target], &last, &seen, &causes, &moved);
	if (s->perf_images)
		explain(s, s->perf_images[target], &last, &seen, &causes, &moved);
	str_vec_free(&last.record);
	if (!moved.len) {
		buf_addf(out, "  nothing changed since the last build\n");
		return;
	}
	buf_adds(out, buf_str(&causes));
	buf_addf(out, "  to run again: %s\n", moved.data);
}
