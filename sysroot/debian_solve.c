/* debian_solve.c: the door to libsolv: which packages a conf's groups need. */
#include <solv/pool.h>
#include <solv/poolarch.h>
#include <solv/repo.h>
#include <solv/repo_deb.h>
#include <solv/solver.h>
#include <stdio.h>
#include <stdlib.h>
#include "sysroot/debian.h"

struct solving {
	Pool *pool;
	const struct conf *conf;
	const struct deb_request *request;
	Queue without; /* solvables that stand for packages that shall not come */
	const struct deb_indexes *indexes;
};

static void solving_free(struct solving *s)
{
	queue_free(&s->without);
	pool_free(s->pool);
}

static int add_text(struct solving *s, const struct deb_index *index,
	const struct buf *text, struct err *e)
{
	Repo *repo = repo_create(s->pool, index->archive);
	_fclose_ FILE *f = fmemopen(text->data, text->len, "r");

	repo->appdata = (void *)index;
	if (!f)
		return err_sys(e, "can't read the index of %s", index->suite);
	if (repo_add_debpackages(repo, f, 0))
		return err_set(e, ERR_VERIFY, "Packages of %s %s %s: %s", index->archive,
			index->suite, index->arch, pool_errstr(s->pool));
	return 0;
}

/* What a foreign package may take from the machine's own architecture. */
static struct name_set *foreign_names(const struct solving *s)
{
	_buf_ struct buf all = {0};

	for (size_t i = 0; i < s->indexes->len; i++)
		if (str_eq(s->indexes->items[i].arch, s->request->archs.items[0]))
			buf_add(&all, s->indexes->items[i].text.data,
				s->indexes->items[i].text.len);
	buf_str(&all);
	return multiarch_foreign_names(&all);
}

static int add_indexes(struct solving *s, struct err *e)
{
	struct name_set *names = foreign_names(s);
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->indexes->len; i++) {
		const struct deb_index *x = &s->indexes->items[i];
		_buf_ struct buf text = {0};

		if (str_eq(x->arch, s->request->archs.items[0])) {
			r = add_text(s, x, &x->text, e);
			continue;
		}
		multiarch_rewrite(&x->text, x->arch, names, &text);
		if (text.len)
			r = add_text(s, x, &text, e);
	}
	name_set_free(names);
	return r;
}

/* A package without content for each name in `without`: it takes the name's place. */
static void add_without(struct solving *s)
{
	_str_vec_ struct str_vec names = {0};
	Repo *repo = repo_create(s->pool, "without");

	conf_words(s->conf, "", "without", &names);
	for (size_t i = 0; i < names.len; i++) {
		Solvable *x = pool_id2solvable(s->pool, repo_add_solvable(repo));

		x->name = pool_str2id(s->pool, names.items[i], 1);
		x->evr = pool_str2id(s->pool, "99999:0", 1);
		x->arch = ARCH_ALL;
		x->provides = repo_addid_dep(repo, x->provides,
			pool_rel2id(s->pool, x->name, x->evr, REL_EQ, 1), 0);
		queue_push(&s->without, pool_solvable2id(s->pool, x));
	}
}

static int add_jobs(struct solving *s, const char *group, Queue *jobs, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	conf_words(s->conf, group, "packages", &names);
	for (size_t i = 0; i < names.len; i++) {
		/* "libelf-dev:arm64" in a conf is "libelf-dev@arm64" to the solver. */
		char *colon = strchr(names.items[i], ':');
		Id id;

		if (colon)
			*colon = '@';
		id = pool_str2id(s->pool, names.items[i], 0);
		if (colon)
			*colon = ':';
		if (!id || !pool_whatprovides(s->pool, id) ||
			!pool_whatprovides_ptr(s->pool, id)[0])
			return err_set(e, ERR_USAGE,
				"%s: [%s]: the archive has no package %s", s->conf->path,
				group, names.items[i]);
		queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES, id);
	}
	return 0;
}

static int report_problems(
	struct solving *s, Solver *solver, const char *what, struct err *e)
{
	_buf_ struct buf text = {0};
	int count = (int)solver_problem_count(solver);

	for (int p = 1; p <= count && p <= 3; p++)
		buf_addf(&text, "%s%s", text.len ? "; " : "",
			solver_problem2str(solver, p));
	return err_set(e, ERR_USAGE,
		"%s: the packages of %s can't be installed together: %s", s->conf->path,
		what, buf_str(&text));
}

/* Solves for base and one group more (NULL: all groups); fills decided. */
static int solve_groups(
	struct solving *s, const char *only, Queue *decided, struct err *e)
{
	Solver *solver = solver_create(s->pool);
	Queue jobs;
	int r = 0;

	queue_init(&jobs);
	for (int i = 0; i < s->without.count; i++)
		queue_push2(
			&jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, s->without.elements[i]);
	for (size_t g = 0; r == 0 && g < s->request->groups.len; g++) {
		const char *group = s->request->groups.items[g];

		if (!only || str_eq(group, "base") || str_eq(group, only))
			r = add_jobs(s, group, &jobs, e);
	}
	solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
	if (r == 0 && solver_solve(solver, &jobs))
		r = report_problems(s, solver, only ? only : "all groups", e);
	if (r == 0)
		solver_get_decisionqueue(solver, decided);
	queue_free(&jobs);
	solver_free(solver);
	return r;
}

static bool wanted(const struct solving *s, Id id)
{
	if (id <= SYSTEMSOLVABLE)
		return false;
	for (int i = 0; i < s->without.count; i++)
		if (s->without.elements[i] == id)
			return false;
	return true;
}

static int add_deb(
	struct solving *s, Id id, const char *groups, struct lock *lock, struct err *e)
{
	Solvable *x = pool_id2solvable(s->pool, id);
	const struct deb_index *index = x->repo->appdata;
	const char *name = pool_id2str(s->pool, x->name);
	const char *at = strchr(name, '@'), *location, *sum;
	Id sum_type = 0;
	struct deb deb = {0};

	location = solvable_lookup_location(x, NULL);
	sum = solvable_lookup_checksum(x, SOLVABLE_CHECKSUM, &sum_type);
	if (!location || !sum || sum_type != REPOKEY_TYPE_SHA256)
		return err_set(e, ERR_VERIFY,
			"Packages of %s %s: %s has no Filename or SHA256", index->archive,
			index->suite, name);
	deb.groups = arena_strdup(&lock->arena, groups);
	deb.name = arena_strndup(
		&lock->arena, name, at ? (size_t)(at - name) : strlen(name));
	deb.version = arena_strdup(&lock->arena, pool_id2str(s->pool, x->evr));
	deb.arch = arena_strdup(&lock->arena, pool_id2str(s->pool, x->arch));
	deb.sha256 = arena_strdup(&lock->arena, sum);
	deb.path = arena_printf(&lock->arena, "%s/%s", index->archive,
		str_starts(location, "./") ? location + 2 : location);
	lock_add(lock, &deb);
	return 0;
}

/* Only what the whole solution holds may serve a group: one version of everything. */
static void consider_only(struct solving *s, const Queue *decided, Map *map)
{
	map_init(map, s->pool->nsolvables);
	for (int i = 0; i < decided->count; i++)
		if (decided->elements[i] > 0)
			MAPSET(map, decided->elements[i]);
	MAPSET(map, SYSTEMSOLVABLE);
	s->pool->considered = map;
	pool_createwhatprovides(s->pool);
}

/* Adds the group's name to the list of every package that it needs. */
static int note_group(
	struct solving *s, const char *group, struct buf *names, struct err *e)
{
	Queue decided;
	int r;

	queue_init(&decided);
	r = solve_groups(s, group, &decided, e);
	for (int i = 0; r == 0 && i < decided.count; i++) {
		Id id = decided.elements[i];

		/* What base has, all have. */
		if (id > 0 && !lock_in_groups(buf_str(&names[id]), "base"))
			buf_addf(&names[id], "%s%s", names[id].len ? "," : "", group);
	}
	queue_free(&decided);
	return r;
}

static int solve_all(struct solving *s, struct lock *lock, struct err *e)
{
	size_t room = (size_t)s->pool->nsolvables;
	struct buf *names = xcalloc(room, sizeof(*names));
	Map map = {0};
	Queue all;
	int r;

	queue_init(&all);
	r = solve_groups(s, NULL, &all, e);
	if (r == 0)
		consider_only(s, &all, &map);
	if (r == 0)
		r = note_group(s, "base", names, e);
	for (size_t g = 0; r == 0 && g < s->request->groups.len; g++)
		if (!str_eq(s->request->groups.items[g], "base"))
			r = note_group(s, s->request->groups.items[g], names, e);
	for (int i = 0; r == 0 && i < all.count; i++)
		if (wanted(s, all.elements[i]) && names[all.elements[i]].len)
			r = add_deb(
				s, all.elements[i], names[all.elements[i]].data, lock, e);
	for (size_t i = 0; i < room; i++)
		buf_free(&names[i]);
	free(names);
	s->pool->considered = NULL;
	map_free(&map);
	queue_free(&all);
	return r;
}

int solve(const struct conf *conf, const struct deb_request *request,
	const struct deb_indexes *indexes, struct lock *lock, struct err *e)
{
	struct solving s = {.pool = pool_create(),
		.conf = conf,
		.request = request,
		.indexes = indexes};
	_buf_ struct buf archs = {0};
	int r;

	queue_init(&s.without);
	pool_setdisttype(s.pool, DISTTYPE_DEB);
	for (size_t i = 0; i < request->archs.len; i++)
		buf_addf(&archs, "%s%s", i ? ":" : "", request->archs.items[i]);
	pool_setarchpolicy(s.pool, buf_str(&archs));
	r = add_indexes(&s, e);
	if (r == 0) {
		add_without(&s);
		pool_createwhatprovides(s.pool);
		r = solve_all(&s, lock, e);
	}
	solving_free(&s);
	return r;
}
