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

#define TREES "trees"

struct unpacking {
	const struct sysroot *sysroot;
	struct str_vec exclude;
	int cache;
	const struct deb **debs; /* without a tree yet; the largest first */
	size_t len;
	size_t next, done; /* atomic: the next to take, how many are done */
	int failed;	   /* atomic */
	struct err err;	   /* of the first that failed */
	pthread_mutex_t lock;
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
	const struct unpacking *u, const struct deb *deb, const char *what, struct err *e)
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

static int unpack_one(struct unpacking *u, const struct deb *deb, struct err *e)
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

static void note_failure(struct unpacking *u, const struct err *e)
{
	pthread_mutex_lock(&u->lock);
	if (!__atomic_exchange_n(&u->failed, 1, __ATOMIC_SEQ_CST))
		u->err = *e;
	pthread_mutex_unlock(&u->lock);
}

static void *unpacker(void *arg)
{
	struct unpacking *u = arg;
	struct err e = {0};
	size_t i;

	while (!__atomic_load_n(&u->failed, __ATOMIC_SEQ_CST) &&
		(i = __atomic_fetch_add(&u->next, 1, __ATOMIC_SEQ_CST)) < u->len) {
		if (unpack_one(u, u->debs[i], &e))
			note_failure(u, &e);
		log_progress("unpack", __atomic_add_fetch(&u->done, 1, __ATOMIC_SEQ_CST),
			u->len);
	}
	return NULL;
}

static int unpack_all(struct unpacking *u, unsigned jobs, struct err *e)
{
	pthread_t threads[64];
	unsigned started = 0;

	if (jobs == 0)
		jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (jobs > ARRAY_LEN(threads))
		jobs = ARRAY_LEN(threads);
	for (; started + 1 < jobs; started++)
		if (pthread_create(&threads[started], NULL, unpacker, u))
			break;
	unpacker(u);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	if (u->failed)
		*e = u->err;
	return u->failed ? -1 : 0;
}

/* Names the trees, or takes them away. */
static int end_trees(struct unpacking *u, bool keep, struct err *e)
{
	struct err ignored = {0};
	int r = 0;

	/* One call for all files: a tree has its name only when its bytes are safe. */
	if (keep && syncfs(u->cache))
		return err_sys(e, "can't write the cache to disk");
	for (size_t i = 0; i < u->len; i++) {
		_free_ char *tree = tree_name(u->sysroot, u->debs[i]);
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

static void find_missing(struct unpacking *u)
{
	const struct lock *lock = u->sysroot->data;

	u->debs = xcalloc(lock->len, sizeof(*u->debs));
	for (size_t i = 0; i < lock->len; i++) {
		_free_ char *tree = NULL;

		if (!lock->debs[i].used)
			continue;
		tree = tree_name(u->sysroot, &lock->debs[i]);
		if (!fs_exists(u->cache, tree))
			u->debs[u->len++] = &lock->debs[i];
	}
	qsort(u->debs, u->len, sizeof(*u->debs), by_size);
}

int trees_make(
	const struct sysroot *s, const struct sysroot_env *env, int cache, struct err *e)
{
	struct unpacking u = {
		.sysroot = s, .cache = cache, .lock = PTHREAD_MUTEX_INITIALIZER};
	int r = fs_mkdirs(cache, TREES, 0755, e);

	conf_words(&s->conf, "", "exclude", &u.exclude);
	find_missing(&u);
	if (r == 0 && u.len) {
		r = unpack_all(&u, env->jobs, e);
		if (end_trees(&u, r == 0, e))
			r = -1;
	}
	free(u.debs);
	str_vec_free(&u.exclude);
	pthread_mutex_destroy(&u.lock);
	return r;
}
