/* debian_root.c: packages become a root directory: unpacked side by side, then finished.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/archive.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "sysroot/debian.h"

/* What one package brought: to find files that two bring. */
struct unpacked {
	const struct deb *deb;
	struct str_vec paths;
};

struct unpacking {
	const struct sysroot *sysroot;
	struct str_vec exclude;
	int cache, root;
	struct unpacked *items; /* the largest first */
	size_t len;
	size_t next;	/* atomic: the next item to take */
	size_t done;	/* atomic */
	int failed;	/* atomic */
	struct err err; /* of the first that failed */
	pthread_mutex_t lock;
};

struct filter {
	struct unpacking *u;
	struct unpacked *item;	    /* where paths are noted, or NULL */
	const struct str_vec *only; /* or NULL: all */
};

static bool excluded(const struct str_vec *exclude, const char *path)
{
	for (size_t i = 0; i < exclude->len; i++) {
		const char *what = exclude->items[i];
		size_t len = strlen(what);

		if (strchr(what, '*') ? fnmatch(what, path, 0) == 0
				      : strncmp(path, what, len) == 0 &&
						(path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return false;
}

static int take(const char *path, const struct stat *st, void *arg, struct err *e)
{
	struct filter *f = arg;

	(void)e;
	if (excluded(&f->u->exclude, path))
		return 0;
	if (f->only)
		return !S_ISDIR(st->st_mode) && str_vec_has(f->only, path);
	if (!S_ISDIR(st->st_mode))
		str_vec_add(&f->item->paths, path);
	return 1;
}

static int open_deb(const struct unpacking *u, const struct deb *deb, struct err *e)
{
	_free_ char *name = deb_cache_name(deb);
	int fd = openat(u->cache, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? err_sys(e, "can't open package %s (%s)", deb->name, name) : fd;
}

static int unpack_one(
	struct unpacking *u, struct filter *f, const struct deb *deb, struct err *e)
{
	_free_ char *what =
		xasprintf("package %s %s (%s)", deb->name, deb->version, deb->arch);
	_close_ int fd = open_deb(u, deb, e);
	struct archive_policy policy = {
		.root = true, .overwrite = true, .filter = take, .filter_arg = f};
	char hex[SHA256_HEX_LEN + 1];

	if (fd < 0 || digest_fd(fd, what, hex, NULL, e))
		return -1;
	if (!str_eq(hex, deb->sha256)) {
		_free_ char *name = deb_cache_name(deb);

		unlinkat(u->cache, name, 0);
		return err_set(e, ERR_VERIFY,
			"%s: the file in the cache was changed (sha256 %s, the lock says "
			"%s); "
			"it has been removed, run again to fetch it",
			what, hex, deb->sha256);
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "%s", what);
	return archive_unpack_deb(fd, what, u->root, &policy, e);
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
		struct filter f = {.u = u, .item = &u->items[i]};

		if (unpack_one(u, &f, u->items[i].deb, &e))
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

struct owner {
	const char *path;
	const struct deb *deb;
};

static int compare_owners(const void *a, const void *b)
{
	return strcmp(((const struct owner *)a)->path, ((const struct owner *)b)->path);
}

/* Paths that packages of different names bring. The same package of two architectures
 * ("Multi-Arch: same") brings the same bytes, so there the order does not matter. */
static void find_shared(const struct unpacking *u, struct str_vec *shared)
{
	size_t count = 0, n = 0;
	struct owner *owners;

	for (size_t i = 0; i < u->len; i++)
		count += u->items[i].paths.len;
	owners = xcalloc(count + 1, sizeof(*owners));
	for (size_t i = 0; i < u->len; i++)
		for (size_t k = 0; k < u->items[i].paths.len; k++)
			owners[n++] = (struct owner){
				u->items[i].paths.items[k], u->items[i].deb};
	qsort(owners, n, sizeof(*owners), compare_owners);
	for (size_t i = 1; i < n; i++)
		if (str_eq(owners[i].path, owners[i - 1].path) &&
			!str_eq(owners[i].deb->name, owners[i - 1].deb->name) &&
			!str_vec_has(shared, owners[i].path))
			str_vec_add(shared, owners[i].path);
	free(owners);
}

/* Which of two threads came last is chance: such files are taken again, in the lock's
 * order, so that the last package of the lock wins always. */
static int settle_shared(struct unpacking *u, const struct lock *lock, struct err *e)
{
	_str_vec_ struct str_vec shared = {0};
	struct filter f = {.u = u, .only = &shared};

	find_shared(u, &shared);
	if (shared.len == 0)
		return 0;
	log_verbose("sysroot %s: %zu files are in more than one package, %s first",
		u->sysroot->name, shared.len, shared.items[0]);
	for (size_t i = 0; i < lock->len; i++) {
		bool concerned = false;

		for (size_t k = 0; k < u->len && !concerned; k++)
			for (size_t p = 0; u->items[k].deb == &lock->debs[i] &&
					   p < u->items[k].paths.len && !concerned;
				p++)
				concerned =
					str_vec_has(&shared, u->items[k].paths.items[p]);
		if (concerned && unpack_one(u, &f, &lock->debs[i], e))
			return -1;
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const struct unpacked *x = a, *y = b;

	if (x->deb->size != y->deb->size)
		return x->deb->size < y->deb->size ? 1 : -1;
	return strcmp(x->deb->sha256, y->deb->sha256);
}

static void unpacking_free(struct unpacking *u)
{
	for (size_t i = 0; i < u->len; i++)
		str_vec_free(&u->items[i].paths);
	free(u->items);
	str_vec_free(&u->exclude);
	mem_close_ptr(&u->cache);
	pthread_mutex_destroy(&u->lock);
}
#define _unpacking_ __attribute__((cleanup(unpacking_free)))

int debian_make(
	const struct sysroot *s, const struct sysroot_env *env, int dirfd, struct err *e)
{
	const struct lock *lock = s->data;
	_unpacking_ struct unpacking u = {.sysroot = s,
		.root = dirfd,
		.cache = fs_open_dir(AT_FDCWD, env->cache, e),
		.lock = PTHREAD_MUTEX_INITIALIZER};
	_str_vec_ struct str_vec links = {0};

	if (u.cache < 0)
		return -1;
	conf_words(&s->conf, "", "exclude", &u.exclude);
	conf_words(&s->conf, "", "link", &links);
	u.items = xcalloc(lock->len, sizeof(*u.items));
	for (size_t i = 0; i < lock->len; i++)
		if (lock->debs[i].used)
			u.items[u.len++].deb = &lock->debs[i];
	qsort(u.items, u.len, sizeof(*u.items), by_size);
	if (finish_merge_usr(dirfd, e) || unpack_all(&u, env->jobs, e) ||
		settle_shared(&u, lock, e))
		return -1;
	return finish_root(dirfd, &links, e);
}
