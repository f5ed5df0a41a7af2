/* depmod_order.c: the order of modules in the indexes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/depmod_internal.h"
#include "orchestrator/base/fs.h"

#define ORDER_MAX (64u << 20)

/* Without an order of its own: as kmod's hash table holds them. */
static int by_bucket(const void *pa, const void *pb)
{
	const struct depmod_mod *a = *(struct depmod_mod *const *)pa;
	const struct depmod_mod *b = *(struct depmod_mod *const *)pb;
	uint32_t bucket_a = a->hash & (DEPMOD_MODULE_BUCKETS - 1);
	uint32_t bucket_b = b->hash & (DEPMOD_MODULE_BUCKETS - 1);

	if (bucket_a != bucket_b)
		return bucket_a < bucket_b ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int by_order(const void *pa, const void *pb)
{
	const struct depmod_mod *a = *(struct depmod_mod *const *)pa;
	const struct depmod_mod *b = *(struct depmod_mod *const *)pb;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->idx < b->idx ? -1 : a->idx > b->idx;
}

/* A module under the name that modules.order has for it: always ".ko". */
struct named {
	const char *path;
	struct depmod_mod *mod;
};

static int by_path(const void *pa, const void *pb)
{
	return strcmp(((const struct named *)pa)->path, ((const struct named *)pb)->path);
}

/* The path below the module directory, cut behind the module's name and ".ko": as many
 * bytes of the path as that, whatever they are. */
static struct named *name_all(struct depmod *d, size_t *count)
{
	struct named *all = xcalloc(d->n_mods, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < d->n_mods; i++) {
		struct depmod_mod *m = d->mods[i];
		size_t dir;

		if (!m->relpath)
			continue;
		dir = (size_t)(m->path + m->dir_len - m->relpath);
		all[n].path = arena_strndup(&d->arena, m->relpath,
			strnlen(m->relpath, dir + 1 + strlen(m->name) + strlen(".ko")));
		all[n++].mod = m;
	}
	if (n)
		qsort(all, n, sizeof(*all), by_path);
	*count = n;
	return all;
}

/* Gives each listed module its place; false if a line is broken: then there is no order.
 */
static bool apply(struct depmod *d, const struct buf *text)
{
	const char *pos = text->data, *end = pos + text->len, *line;
	size_t len, number = 0, n;
	_free_ struct named *all = name_all(d, &n);
	int next = -ORDER_MAX;

	while ((line = depmod_next_piece(&pos, end, PATH_MAX, &len))) {
		_free_ char *path = NULL;
		struct named key, *found;

		number++;
		len = strnlen(line, len);
		if (!len)
			continue;
		if (line[len - 1] != '\n') {
			depmod_say(d, DEPMOD_ERROR,
				"%s/modules.order:%zu corrupted line misses '\\n'\n",
				d->options->dir, number);
			return false;
		}
		key.path = path = xstrndup(line, len - 1);
		found = n ? bsearch(&key, all, n, sizeof(*all), by_path) : NULL;
		if (found && (found->mod->order > 0 || !d->compat->first_order_wins))
			found->mod->order = next;
		next++;
	}
	return true;
}

static void sort(struct depmod *d, int (*compare)(const void *, const void *))
{
	if (d->n_mods)
		qsort(d->mods, d->n_mods, sizeof(struct depmod_mod *), compare);
	for (size_t i = 0; i < d->n_mods; i++)
		d->mods[i]->idx = (unsigned)i;
}

void depmod_order(struct depmod *d)
{
	_close_ int dir = open(d->options->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		    fd = -1;
	_buf_ struct buf text = {0};
	struct err e = {0};

	sort(d, by_bucket);
	if (dir < 0) {
		depmod_say(d, DEPMOD_WARNING, "could not open directory %s: %s\n",
			d->options->dir, strerror(errno));
		return;
	}
	fd = openat(dir, "modules.order", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		depmod_say(d, DEPMOD_WARNING, "could not open modules.order at %s: %s\n",
			d->options->dir, strerror(errno));
		return;
	}
	if (fs_read_fd(fd, "modules.order", ORDER_MAX, &text, &e) < 0) {
		depmod_say(d, DEPMOD_ERROR, "%s/%s\n", d->options->dir, e.msg);
		return;
	}
	buf_reserve(&text, 1);
	if (apply(d, &text))
		sort(d, by_order);
}
