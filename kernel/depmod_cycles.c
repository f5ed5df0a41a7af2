/* depmod_cycles.c: says which modules need each other, in kmod's words and order. */
#include <string.h>
#include "kernel/depmod_internal.h"

/* A step of a walk; the way back leads to the root. */
struct vertex {
	struct vertex *parent;
	struct depmod_mod *mod;
};

/* The modules from which cycles are looked for, as a ring: taking one out makes the one
 * behind it the next root, which decides what is reported, and in what order. */
struct ring {
	struct depmod_mod **mods;
	size_t *next, *prev, n, head;
};
#define NOWHERE SIZE_MAX
/* Ways through many cycles are too many to walk them all. */
#define MAX_STEPS 100000

struct walk {
	struct depmod *d;
	struct ring roots;
	bool *visited, *in_cycle; /* by the module's idx */
	struct arena arena;
};

static void ring_remove(struct ring *r, size_t at)
{
	r->head = r->next[at] == at ? NOWHERE : r->next[at];
	r->next[r->prev[at]] = r->next[at];
	r->prev[r->next[at]] = r->prev[at];
	r->mods[at] = NULL;
}

static void ring_remove_mod(struct ring *r, const struct depmod_mod *m)
{
	for (size_t i = 0; i < r->n && r->head != NOWHERE; i++)
		if (r->mods[i] == m) {
			ring_remove(r, i);
			return;
		}
}

/* The cycle that vertex closes: the way to it from `from`, which has the same module. */
static void say_cycle(
	struct walk *w, const struct vertex *vertex, const struct vertex *from)
{
	_buf_ struct buf text = {0};
	const struct vertex *v, **way;
	size_t n = 0;

	for (v = vertex; v != from; v = v->parent)
		n++;
	way = arena_alloc(&w->arena, n * sizeof(*way));
	n = 0;
	for (v = vertex; v != from; v = v->parent) {
		way[n++] = v->parent;
		w->in_cycle[v->parent->mod->idx] = true;
	}
	while (n--) {
		buf_addf(&text, "%s -> ", way[n]->mod->name);
		ring_remove_mod(&w->roots, way[n]->mod);
	}
	depmod_say(w->d, DEPMOD_ERROR, "Cycle detected: %s%s\n", buf_str(&text),
		vertex->mod->name);
}

static struct vertex *new_vertex(
	struct walk *w, struct depmod_mod *m, struct vertex *parent)
{
	struct vertex *v = arena_alloc(&w->arena, sizeof(*v));

	v->mod = m;
	v->parent = parent;
	return v;
}

/* Where the way to v was at v's module before, or NULL. */
static const struct vertex *was_there(const struct vertex *v)
{
	for (const struct vertex *p = v->parent; p; p = p->parent)
		if (p->mod == v->mod)
			return p;
	return NULL;
}

static void walk_from(struct walk *w, struct depmod_mod *root)
{
	size_t n = 0, cap = 64, steps = 0;
	_free_ struct vertex **stack = xcalloc(cap, sizeof(*stack));

	stack[n++] = new_vertex(w, root, NULL);
	while (n && steps++ < MAX_STEPS) {
		struct vertex *v = stack[--n];
		struct depmod_mod *m = v->mod;

		const struct vertex *before = was_there(v);

		/* kmod says this of a root that an earlier walk came through, too; and a
		 * cycle without the root it would follow for ever. */
		if (before || (w->visited[m->idx] && m == root)) {
			say_cycle(w, v, before ? before : v);
			continue;
		}
		w->visited[m->idx] = true;
		if (m->n_deps == 0)
			ring_remove_mod(&w->roots, m);
		if (n + m->n_deps > cap) {
			cap = 2 * (n + m->n_deps);
			stack = xrealloc(stack, cap * sizeof(*stack));
		}
		for (size_t i = 0; i < m->n_deps; i++)
			stack[n++] = new_vertex(w, m->deps[i], v);
	}
}

void depmod_say_cycles(struct depmod *d, const unsigned *users)
{
	_free_ bool *visited = xcalloc(d->n_mods, sizeof(*visited));
	_free_ bool *in_cycle = xcalloc(d->n_mods, sizeof(*in_cycle));
	_free_ size_t *next = xcalloc(d->n_mods, sizeof(*next));
	_free_ size_t *prev = xcalloc(d->n_mods, sizeof(*prev));
	_free_ struct depmod_mod **mods = xcalloc(d->n_mods, sizeof(*mods));
	struct walk w = {d, {mods, next, prev, 0, NOWHERE}, visited, in_cycle, {NULL}};
	struct ring *r = &w.roots;
	size_t count = 0;

	for (size_t i = 0; i < d->n_mods; i++)
		if (users[i])
			mods[r->n++] = d->mods[i];
	for (size_t i = 0; i < r->n; i++) {
		next[i] = (i + 1) % r->n;
		prev[i] = (i + r->n - 1) % r->n;
	}
	r->head = r->n ? 0 : NOWHERE;
	while (r->head != NOWHERE) {
		struct depmod_mod *root = mods[r->head];

		ring_remove(r, r->head);
		walk_from(&w, root);
	}
	for (size_t i = 0; i < d->n_mods; i++)
		count += in_cycle[i];
	arena_free(&w.arena);
	depmod_say(d, DEPMOD_ERROR, "Found %zu modules in dependency cycles!\n", count);
}
