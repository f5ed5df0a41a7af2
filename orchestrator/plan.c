#include <stdio.h>
#include <stdlib.h>
#include "orchestrator/plan.h"

void plan_free(struct plan *p)
{
	free(p->steps);
}

/* The text of a key, a line per thing that can change the result. Values carry their
 * length, so that no two recipes give one text. Lines with '#' are for people: their
 * content is no part of the key. */
static void add_field(struct buf *text, enum field f, const struct field_value *v)
{
	buf_addf(text, "field %s %zu:%s\n", field_name(f), strlen(v->text), v->text);
	for (size_t i = 0; i < v->count; i++)
		buf_addf(text, "# %s\nfile %s %s\n", v->files[i].path, field_name(f),
			v->files[i].digest);
}

static void key_of(const char *text, char key[SHA256_HEX_LEN + 1])
{
	struct digest *d = digest_new(DIGEST_SHA256);

	while (*text) {
		const char *end = strchr(text, '\n') + 1;

		if (*text != '#')
			digest_add(d, text, (size_t)(end - text));
		text = end;
	}
	digest_end(d, key);
}

static struct step *find(const struct plan *p, const struct stage *stage, const char *key)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->steps[i]->stage == stage && str_eq(p->steps[i]->key, key))
			return p->steps[i];
	return NULL;
}

/* The steps below one, and their lines of its key's text. A target that goes without a
 * need has another text than with it, and the same as if the row didn't know that need.
 */
static void add_needs(struct plan *p, const struct store *s, const struct target *t,
	struct step *step, struct buf *text)
{
	const char *const *names = step->stage->needs;

	for (size_t i = 0, n = 0; i < STAGE_MAX_NEEDS && names[i]; i++) {
		const struct stage *need = stage_find(names[i]);

		if (!stage_applies(need, &t->recipe))
			continue;
		step->needs[n] = plan_add(p, s, t, need);
		step->need_keys[i] = step->needs[n++]->key;
		buf_addf(text, "need %s %s\n", names[i], step->need_keys[i]);
	}
}

struct step *plan_add(struct plan *p, const struct store *s, const struct target *t,
	const struct stage *stage)
{
	_buf_ struct buf text = {0};
	struct step *step = arena_alloc(p->arena, sizeof(*step)), *same;

	step->stage = stage;
	step->recipe = &t->recipe;
	step->label = t->name;
	buf_addf(&text, "stage %s %d\n", stage->name, stage->version);
	add_needs(p, s, t, step, &text);
	for (size_t i = 0; i < STAGE_MAX_FIELDS && stage->fields[i]; i++) {
		enum field f = (enum field)(stage->fields[i] - 1);

		add_field(&text, f, &t->recipe.field[f]);
	}
	key_of(text.data, step->key);
	same = find(p, stage, step->key);
	if (same)
		return same;
	step->text = arena_strdup(p->arena, text.data);
	step->present = store_has(s, stage->name, step->key);
	if (p->count == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->steps = xrealloc(p->steps, p->cap * sizeof(*p->steps));
	}
	p->steps[p->count++] = step;
	return step;
}

void plan_want(struct step *step)
{
	if (step->present || step->wanted)
		return;
	step->wanted = true;
	for (size_t i = 0; i < STAGE_MAX_NEEDS && step->needs[i]; i++)
		plan_want(step->needs[i]);
}

size_t plan_wanted(const struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		n += p->steps[i]->wanted;
	return n;
}

static void record(const struct step *step, struct str_vec *seen)
{
	for (size_t i = 0; i < STAGE_MAX_NEEDS && step->needs[i]; i++)
		record(step->needs[i], seen);
	if (!str_vec_has(seen, step->stage->name)) {
		str_vec_add(seen, step->stage->name);
		str_vec_add(seen, step->key);
	}
}

void plan_record(const struct step *top, struct buf *out)
{
	_str_vec_ struct str_vec seen = {0};

	record(top, &seen);
	for (size_t i = 0; i < seen.len; i += 2)
		buf_addf(out, "%s %s\n", seen.items[i], seen.items[i + 1]);
}

const char *plan_recorded_key(const struct str_vec *record, const char *stage)
{
	for (size_t i = 0; i + 1 < record->len; i += 2)
		if (str_eq(record->items[i], stage))
			return record->items[i + 1];
	return NULL;
}

const struct step *plan_find(const struct step *top, const char *stage)
{
	const struct step *found = str_eq(top->stage->name, stage) ? top : NULL;

	for (size_t i = 0; !found && i < STAGE_MAX_NEEDS && top->needs[i]; i++)
		found = plan_find(top->needs[i], stage);
	return found;
}
