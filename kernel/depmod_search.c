/* depmod_search.c: which modules there are, and which of two with one name counts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/depmod_internal.h"

/* d->mods by name while they are found: open addressing, indexes + 1 into d->mods. */
struct names {
	uint32_t *slots;
	size_t size;
};

static void names_free(struct names *n)
{
	mem_free_ptr(&n->slots);
}
#define _names_ __attribute__((cleanup(names_free)))

static uint32_t *find_slot(
	const struct depmod *d, const struct names *n, const char *name, uint32_t hash)
{
	size_t at = hash & (n->size - 1);

	while (n->slots[at]) {
		const struct depmod_mod *m = d->mods[n->slots[at] - 1];

		if (m->hash == hash && str_eq(m->name, name))
			break;
		at = (at + 1) & (n->size - 1);
	}
	return &n->slots[at];
}

static void grow(struct depmod *d, struct names *n)
{
	if (d->n_mods * 2 < n->size)
		return;
	n->size = n->size ? 2 * n->size : 1024;
	mem_free_ptr(&n->slots);
	n->slots = xcalloc(n->size, sizeof(*n->slots));
	for (size_t i = 0; i < d->n_mods; i++)
		*find_slot(d, n, d->mods[i]->name, d->mods[i]->hash) = (uint32_t)i + 1;
	d->mods = xrealloc(d->mods, n->size * sizeof(struct depmod_mod *));
}

static struct depmod_mod *new_mod(struct depmod *d, const char *path, const char *name)
{
	struct depmod_mod *m = arena_alloc(&d->arena, sizeof(*m));

	m->path = arena_strdup(&d->arena, path);
	m->name = name;
	m->hash = depmod_hash(name, strlen(name));
	m->dir_len = (size_t)(strrchr(m->path, '/') - m->path);
	m->order = 1;
	if (strncmp(m->path, d->options->dir, d->dir_len) == 0 &&
		m->path[d->dir_len] == '/')
		m->relpath = m->path + d->dir_len + 1;
	return m;
}

static bool is_below(const char *path, size_t len, const struct depmod_paths *dir)
{
	return len > dir->len && path[dir->len] == '/' &&
	       memcmp(path, dir->path, dir->len) == 0;
}

/* A module as the priorities see it: the path up to the end of the module's name (so
 * that a compression makes no difference), whole and below the module directory. */
struct place {
	const char *path, *rel;
	size_t len, rel_len;
	int priority;
};

static struct place place_of(const struct depmod *d, const char *path, size_t len)
{
	struct place p = {path, NULL, len, 0, -1};

	if (strncmp(path, d->options->dir, d->dir_len) == 0) {
		p.rel = path + d->dir_len + 1;
		p.rel_len = len - (d->dir_len + 1);
	}
	return p;
}

static bool is_override(const struct place *p, const struct depmod_paths *o)
{
	return p->rel && p->rel_len == o->len && memcmp(o->path, p->rel, o->len) == 0;
}

/* One search entry's part in the decision; i counts entries, and externals within. */
static void apply_search(const struct depmod *d, const struct depmod_paths *search,
	int *i, int *builtin, struct place *new, struct place *old)
{
	if (str_eq(search->path, "built-in")) {
		*builtin = *i;
	} else if (str_eq(search->path, "external")) {
		for (struct depmod_paths *x = d->externals; x; x = x->next, ++*i) {
			if (is_below(new->path, new->len, x))
				new->priority = *i;
			if (is_below(old->path, old->len, x))
				old->priority = *i;
		}
	} else if (new->rel && is_below(new->rel, new->rel_len, search)) {
		/* Only one of the two is looked at, as kmod does it: of two modules below
		 * the same entry the one that was found later counts. */
		new->priority = *i;
	} else if (old->rel && is_below(old->rel, old->rel_len, search)) {
		old->priority = *i;
	}
}

/* Whether the module at path, found now, takes the place of m. */
static bool replaces(const struct depmod *d, const struct depmod_mod *m, const char *path)
{
	size_t base = (size_t)(strrchr(path, '/') - path) + 1;
	size_t name_len = strlen(m->name);
	struct place new = place_of(d, path, base + name_len);
	struct place old = place_of(d, m->path, m->dir_len + name_len + 1);
	int i = 0, builtin = -1;

	for (struct depmod_paths *o = d->overrides; o; o = o->next) {
		if (is_override(&new, o))
			return true;
		if (is_override(&old, o))
			return false;
	}
	for (struct depmod_paths *s = d->searches; s; s = s->next, i++)
		apply_search(d, s, &i, &builtin, &new, &old);
	if (new.priority < 0)
		new.priority = builtin;
	if (old.priority < 0)
		old.priority = builtin;
	return new.priority > old.priority;
}

static void found_file(struct depmod *d, struct names *n, const char *path, size_t base)
{
	uint32_t *slot;
	char *name;

	if (!depmod_is_module(path + base, strlen(path + base)))
		return;
	name = depmod_modname(&d->arena, path, strlen(path));
	grow(d, n);
	slot = find_slot(d, n, name, depmod_hash(name, strlen(name)));
	if (!*slot) {
		d->mods[d->n_mods++] = new_mod(d, path, name);
		*slot = (uint32_t)d->n_mods;
	} else if (replaces(d, d->mods[*slot - 1], path)) {
		d->mods[*slot - 1] = new_mod(d, path, name);
	}
}

static bool is_excluded(const struct depmod *d, const char *name)
{
	static const char *const always[] = {".", "..", "build", "source"};

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		if (str_eq(name, always[i]))
			return true;
	for (struct depmod_paths *x = d->excludes; x; x = x->next)
		if (str_eq(name, x->path))
			return true;
	return false;
}

/* DT_REG or DT_DIR of an entry, links followed; DT_UNKNOWN after a message. */
static int type_of(
	struct depmod *d, int dir, const struct dirent *entry, const char *path)
{
	struct stat st;

	if (entry->d_type == DT_REG || entry->d_type == DT_DIR)
		return entry->d_type;
	if (fstatat(dir, entry->d_name, &st, 0) < 0)
		depmod_say(d, DEPMOD_ERROR, "fstatat(%d, %s): %s\n", dir, entry->d_name,
			strerror(errno));
	else if (S_ISREG(st.st_mode))
		return DT_REG;
	else if (S_ISDIR(st.st_mode))
		return DT_DIR;
	else
		depmod_say(d, DEPMOD_ERROR, "unsupported file type %s: %o\n", path,
			st.st_mode & S_IFMT);
	return DT_UNKNOWN;
}

/* The names in the directory's own order, as kmod takes them: of two modules with one
 * name and the same priority the first counts. path ends in a slash. */
static void search_dir(struct depmod *d, struct names *n, DIR *dir, struct buf *path)
{
	size_t base = path->len;
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		_closedir_ DIR *sub = NULL;
		int fd, type;

		if (is_excluded(d, entry->d_name))
			continue;
		path->len = base;
		buf_adds(path, entry->d_name);
		/* A link to a directory above it has no other end. */
		if (path->len + 2 > PATH_MAX) {
			depmod_say(d, DEPMOD_ERROR, "path is too long %s\n", path->data);
			continue;
		}
		type = type_of(d, dirfd(dir), entry, path->data);
		if (type == DT_REG)
			found_file(d, n, path->data, base);
		if (type != DT_DIR)
			continue;
		fd = openat(
			dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		sub = fd < 0 ? NULL : fdopendir(fd);
		if (!sub) {
			depmod_say(d, DEPMOD_ERROR, "openat(%d, %s, O_RDONLY): %s\n",
				dirfd(dir), entry->d_name, strerror(errno));
			mem_close_ptr(&fd);
			continue;
		}
		buf_addc(path, '/');
		search_dir(d, n, sub, path);
	}
}

static int search_path(struct depmod *d, struct names *n, const char *top)
{
	_closedir_ DIR *dir = opendir(top);
	_buf_ struct buf path = {0};

	if (!dir) {
		int saved = errno;

		depmod_say(d, DEPMOD_ERROR, "could not open directory %s: %s\n", top,
			strerror(errno));
		errno = saved;
		return -1;
	}
	buf_addf(&path, "%s/", top);
	search_dir(d, n, dir, &path);
	return 0;
}

int depmod_search(struct depmod *d, struct err *e)
{
	_names_ struct names names = {0};

	if (search_path(d, &names, d->options->dir) < 0)
		return err_sys(e, "could not search modules");
	for (struct depmod_paths *x = d->externals; x; x = x->next)
		search_path(d, &names, x->path);
	return 0;
}

int depmod_given(struct depmod *d, struct err *e)
{
	_names_ struct names names = {0};

	for (const char *const *path = d->options->modules; *path; path++) {
		struct stat st;
		uint32_t *slot;
		char *name;

		if (**path != '/')
			return err_set(e, ERR_USAGE, "%s: not absolute path.", *path);
		name = depmod_modname(&d->arena, *path, strlen(*path));
		if (!name)
			return err_set(e, ERR_USAGE,
				"could not create module %s: No such file or directory",
				*path);
		if (stat(*path, &st) < 0)
			return err_sys(e, "could not create module %s", *path);
		/* Opening a FIFO would wait for a writer. */
		if (!S_ISREG(st.st_mode))
			return err_set(e, ERR_INPUT, "unsupported file type %s: %o",
				*path, st.st_mode & S_IFMT);
		grow(d, &names);
		slot = find_slot(d, &names, name, depmod_hash(name, strlen(name)));
		if (*slot) {
			depmod_say(d, DEPMOD_ERROR, "hash_add_unique %s: File exists\n",
				name);
			return err_set(e, ERR_USAGE,
				"could not %s module %s: File exists",
				str_eq(d->mods[*slot - 1]->path, *path) ? "add"
									: "create",
				*path);
		}
		d->mods[d->n_mods++] = new_mod(d, *path, name);
		*slot = (uint32_t)d->n_mods;
	}
	return 0;
}
