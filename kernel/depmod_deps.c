/* depmod_deps.c: which module needs which, and an order in which they can be loaded. */
#include <stdlib.h>
#include <string.h>
#include "kernel/depmod_internal.h"

static void say_logs(
	struct depmod *d, const struct depmod_record *r, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const struct depmod_item *log = record_logs(r) + i;

		depmod_say(d, (int)log->kind, "%s", record_text(r, log));
	}
}

/* libkmod's own messages and the verdict on one module, in the order in which one
 * process would have said them. */
static void say_problems(struct depmod *d, const struct depmod_mod *m)
{
	const struct depmod_record *r = m->record;

	say_logs(d, r, 0, r->logs_before);
	/* A module that exports nothing is no problem; libkmod changed its word for it.
	 */
	if (r->error && r->error != depmod_compat_find("30")->no_symbols &&
		r->error != depmod_compat_default()->no_symbols)
		depmod_say(d, DEPMOD_ERROR, "failed to load symbols from %s: %s\n",
			m->path, strerror(r->error));
	say_logs(d, r, r->logs_before, r->logs);
}

static void add_symbols(struct depmod *d, struct depmod_mod *m)
{
	const struct depmod_item *symbol = record_symbols(m->record);

	for (uint32_t i = 0; i < m->record->symbols; i++, symbol++)
		depmod_symbol_add(
			d, record_text(m->record, symbol), symbol->hash, symbol->crc, m);
}

/* One needed symbol: complaints, and the module that has it or NULL. */
static struct depmod_mod *resolve(
	struct depmod *d, const struct depmod_mod *m, const struct depmod_item *need)
{
	const struct depmod_options *o = d->options;
	const char *name = record_text(m->record, need);
	struct depmod_symbol *symbol = depmod_symbol_find(
		d, depmod_lookup_name(name, o->symbol_prefix), need->hash);
	bool complain = o->print_unknown && (o->symvers || o->system_map) && !need->kind;

	if (!symbol) {
		if (complain)
			depmod_say(d, DEPMOD_WARNING, "%s needs unknown symbol %s\n",
				m->path, name);
		return NULL;
	}
	if (o->symvers && symbol->crc != need->crc && complain)
		depmod_say(d, DEPMOD_WARNING, "%s disagrees about version of symbol %s\n",
			m->path, name);
	return symbol->owner;
}

static void add_deps(
	struct depmod *d, struct depmod_mod *m, unsigned stamp, struct depmod_mod **found)
{
	const struct depmod_item *need = record_needs(m->record);

	for (uint32_t i = 0; i < m->record->needs; i++, need++) {
		struct depmod_mod *owner = resolve(d, m, need);

		if (!owner || owner->seen == stamp)
			continue;
		owner->seen = stamp;
		owner->users++;
		found[m->n_deps++] = owner;
		/* kmod's -v: on stdout, as the result of -n is. */
		if (d->options->level > DEPMOD_WARNING)
			depmod_say(d, DEPMOD_SHOW, "%s needs \"%s\": %s\n", m->path,
				depmod_lookup_name(record_text(m->record, need),
					d->options->symbol_prefix),
				owner->path);
	}
	m->deps = arena_alloc(&d->arena, m->n_deps * sizeof(struct depmod_mod *));
	if (m->n_deps)
		memcpy(m->deps, found, m->n_deps * sizeof(struct depmod_mod *));
}

void depmod_load(struct depmod *d)
{
	_free_ struct depmod_mod **found =
		xcalloc(d->n_mods, sizeof(struct depmod_mod *));

	for (size_t i = 0; i < d->n_mods; i++) {
		say_problems(d, d->mods[i]);
		add_symbols(d, d->mods[i]);
	}
	for (size_t i = 0; i < d->n_mods; i++)
		add_deps(d, d->mods[i], (unsigned)i + 1, found);
}

static int by_topo(const void *pa, const void *pb)
{
	const struct depmod_mod *a = *(struct depmod_mod *const *)pa;
	const struct depmod_mod *b = *(struct depmod_mod *const *)pb;

	return a->topo < b->topo ? -1 : a->topo > b->topo;
}

/* Modules that nobody needs come first, the last found of those that are free next: the
 * order of dependencies in the indexes depends on exactly this. */
int depmod_sort(struct depmod *d, struct err *e)
{
	_free_ unsigned *users = xcalloc(d->n_mods, sizeof(*users));
	_free_ struct depmod_mod **stack = xcalloc(d->n_mods, sizeof(*stack));
	size_t n_stack = 0, sorted = 0;

	for (size_t i = 0; i < d->n_mods; i++) {
		users[i] = d->mods[i]->users;
		if (!users[i])
			stack[n_stack++] = d->mods[i];
	}
	while (n_stack) {
		struct depmod_mod *m = stack[--n_stack];

		m->topo = (int)sorted++;
		for (size_t i = 0; i < m->n_deps; i++)
			if (--users[m->deps[i]->idx] == 0)
				stack[n_stack++] = m->deps[i];
	}
	if (sorted < d->n_mods) {
		depmod_say_cycles(d, users);
		err_set(e, ERR_BUILD, "%s",
			d->error ? d->error : "modules need each other");
		e->code = d->options->strict ? ERR_BUILD : ERR_NONE;
		return -1;
	}
	return 0;
}

static size_t fill(
	struct depmod_mod *m, unsigned stamp, struct depmod_mod **list, size_t n)
{
	for (size_t i = 0; i < m->n_deps; i++) {
		if (m->deps[i]->seen == stamp)
			continue;
		m->deps[i]->seen = stamp;
		list[n++] = m->deps[i];
		n = fill(m->deps[i], stamp, list, n);
	}
	return n;
}

size_t depmod_all_deps(const struct depmod *d, struct depmod_mod *m, unsigned stamp,
	struct depmod_mod **list)
{
	size_t n = fill(m, stamp, list, 0);

	(void)d;
	if (n > 1)
		qsort(list, n, sizeof(*list), by_topo);
	return n;
}
