/* debian_tree.c: each package is unpacked once, into a tree of its own in the cache, from
 * which roots are then put together: several roots share most of their packages. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/archive.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "sysroot/debian.h"

#define MAX_THREADS 64
#define LOOK_AGAIN  20000 /* microseconds, for packages that are still coming */

struct trees {
	const struct sysroot *sysroot;
	struct str_vec exclude;
	int cache;
	struct {
		const struct deb *deb;
		bool taken;
	} * items; /* without a tree yet; the largest first */
	size_t len, done;
	bool all_here; /* nothing is downloaded any more */
	bool failed;
	struct err err;	      /* of the first that failed */
	pthread_mutex_t lock; /* over all that changes */
	pthread_t threads[MAX_THREADS];
	unsigned started;
};

/* What is left out when a package is unpacked is part of the tree's name. */
char *tree_name(const struct sysroot *s, const struct deb *deb)
{
	_str_vec_ struct str_vec exclude = {0};
	_buf_ struct buf text = {0};
	char hex[SHA256_HEX_LEN + 1];

	conf_words(&s->conf, "", "exclude", &exclude);
	for (size_t i = 0; i < exclude.len; i++)
		buf_addf(&text, "%s\n", exclude.items[i]);
	digest_sha256(buf_str(&text), text.len, hex);
	return xasprintf(TREES "/%s-%.8s", deb->sha256, hex);
}

/* Under which name a tree grows: this process's own. */
static char *growing_name(const char *tree)
{
	return xasprintf("%s.%ld", tree, (long)getpid());
}

static int exclude_some(const char *path, const struct stat *st, void *arg, struct err *e)
{
	const struct str_vec *exclude = arg;

	(void)st;
	(void)e;
	for (size_t i = 0; i < exclude->len; i++) {
		const char *what = exclude->items[i];
		size_t len = strlen(what);

		if (strchr(what, '*') ? fnmatch(what, path, 0) == 0
				      : strncmp(path, what, len) == 0 &&
						(path[len] == '/' || path[len] == '\0'))
			return 0;
	}
	return 1;
}

/* Opens a package and proves it once more: it may have lain in the cache for years. */
static int open_deb(
	const struct trees *u, const struct deb *deb, const char *what, struct err *e)
{
	_free_ char *name = deb_cache_name(deb);
	_close_ int fd = openat(u->cache, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char hex[SHA256_HEX_LEN + 1];

	if (fd < 0)
		return err_sys(e, "%s: can't open %s", what, name);
	if (digest_fd(fd, what, hex, NULL, e))
		return -1;
	if (!str_eq(hex, deb->sha256)) {
		unlinkat(u->cache, name, 0);
		return err_set(e, ERR_VERIFY,
			"%s: the file in the cache was changed (sha256 %s, the lock says "
			"%s); "
			"it has been removed, run again to fetch it",
			what, hex, deb->sha256);
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "%s", what);
	return steal_fd(&fd);
}

static int unpack_one(struct trees *u, const struct deb *deb, struct err *e)
{
	_free_ char *what =
		xasprintf("package %s %s (%s)", deb->name, deb->version, deb->arch);
	_free_ char *tree = tree_name(u->sysroot, deb), *growing = growing_name(tree);
	struct archive_policy policy = {.root = true,
		.overwrite = true,
		.filter = exclude_some,
		.filter_arg = &u->exclude};
	_close_ int fd = open_deb(u, deb, what, e);
	_close_ int dir = -1;

	if (fd < 0 || fs_remove(u->cache, growing, e) ||
		fs_mkdirs(u->cache, growing, 0755, e))
		return -1;
	dir = fs_open_dir(u->cache, growing, e);
	/* Files of bin/ and lib/ land where the root has them. */
	if (dir < 0 || finish_merge_usr(dir, e))
		return -1;
	return archive_unpack_deb(fd, what, dir, &policy, e);
}

/* The largest package that is here and nobody's yet. NULL: none; *more: one may come. */
static const struct deb *take(struct trees *u, bool *more)
{
	const struct deb *deb = NULL;

	*more = false;
	pthread_mutex_lock(&u->lock);
	for (size_t i = 0; i < u->len && !deb && !u->failed; i++) {
		if (u->items[i].taken)
			continue;
		*more = true;
		if (!u->all_here && !deb_in_cache(u->cache, u->items[i].deb))
			continue;
		u->items[i].taken = true;
		deb = u->items[i].deb;
	}
	pthread_mutex_unlock(&u->lock);
	return deb;
}

static void note_end(struct trees *u, int r, const struct err *e)
{
	pthread_mutex_lock(&u->lock);
	if (r && !u->failed)
		u->err = *e;
	u->failed = u->failed || r;
	log_progress("unpack", ++u->done, u->len);
	pthread_mutex_unlock(&u->lock);
}

static void *unpacker(void *arg)
{
	struct trees *u = arg;
	struct err e = {0};
	bool more = true;

	while (more) {
		const struct deb *deb = take(u, &more);

		if (deb)
			note_end(u, unpack_one(u, deb, &e), &e);
		else if (more)
			usleep(LOOK_AGAIN);
		more = more || deb;
	}
	return NULL;
}

/* Names the trees, or takes them away. */
static int end_trees(struct trees *u, bool keep, struct err *e)
{
	struct err ignored = {0};
	int r = 0;

	/* One call for all files: a tree has its name only when its bytes are safe. */
	if (keep && syncfs(u->cache))
		return err_sys(e, "can't write the cache to disk");
	for (size_t i = 0; i < u->len; i++) {
		_free_ char *tree = tree_name(u->sysroot, u->items[i].deb);
		_free_ char *growing = growing_name(tree);

		/* Another kiln may have been quicker: its tree is the same. */
		if (keep && r == 0 && renameat(u->cache, growing, u->cache, tree) &&
			errno != EEXIST && errno != ENOTEMPTY)
			r = err_sys(e, "can't name %s", tree);
		fs_remove(u->cache, growing, &ignored);
	}
	return r;
}

static int by_size(const void *a, const void *b)
{
	const struct deb *x = *(const struct deb *const *)a;
	const struct deb *y = *(const struct deb *const *)b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return strcmp(x->sha256, y->sha256);
}

static void find_missing(struct trees *u)
{
	const struct lock *lock = u->sysroot->data;

	u->items = xcalloc(lock->len, sizeof(*u->items));
	for (size_t i = 0; i < lock->len; i++) {
		_free_ char *tree = NULL;

		if (!lock->debs[i].used)
			continue;
		tree = tree_name(u->sysroot, &lock->debs[i]);
		if (!fs_exists(u->cache, tree))
			u->items[u->len++].deb = &lock->debs[i];
	}
	qsort(u->items, u->len, sizeof(*u->items), by_size);
}

struct trees *trees_start(
	const struct sysroot *s, const struct sysroot_env *env, int cache)
{
	struct trees *u = xcalloc(1, sizeof(*u));
	unsigned jobs = env->jobs ? env->jobs : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);

	u->sysroot = s;
	u->cache = cache;
	pthread_mutex_init(&u->lock, NULL);
	conf_words(&s->conf, "", "exclude", &u->exclude);
	find_missing(u);
	for (; u->len && u->started < jobs && u->started < MAX_THREADS; u->started++)
		if (pthread_create(&u->threads[u->started], NULL, unpacker, u))
			break;
	return u;
}

int trees_end(struct trees *u, bool all_came, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&u->lock);
	u->all_here = all_came;
	u->failed = u->failed || !all_came;
	pthread_mutex_unlock(&u->lock);
	if (all_came && u->len)
		unpacker(u); /* lends a hand, and does all where no thread could be had */
	while (u->started > 0)
		pthread_join(u->threads[--u->started], NULL);
	if (u->failed && u->err.code && all_came)
		*e = u->err;
	if (u->len && end_trees(u, !u->failed, e))
		r = -1;
	if (u->failed)
		r = -1;
	free(u->items);
	str_vec_free(&u->exclude);
	pthread_mutex_destroy(&u->lock);
	free(u);
	return r;
}
