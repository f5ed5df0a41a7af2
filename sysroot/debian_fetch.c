/* debian_fetch.c: a lock's packages come into the cache, each proved by size and sha256.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "sysroot/debian.h"

#define PARALLEL 4

char *deb_cache_name(const struct deb *deb)
{
	return xasprintf("%s.deb", deb->sha256);
}

static int open_cache(const struct sysroot_env *env, struct err *e)
{
	if (fs_mkdirs(AT_FDCWD, env->cache, 0755, e))
		return -1;
	return fs_open_dir(AT_FDCWD, env->cache, e);
}

bool deb_in_cache(int dir, const struct deb *deb)
{
	_free_ char *name = deb_cache_name(deb);
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == deb->size;
}

int debian_missing(const struct sysroot *s, const struct sysroot_env *env,
	struct str_vec *missing, struct err *e)
{
	const struct lock *lock = s->data;
	_close_ int dir = open_cache(env, e);

	if (dir < 0)
		return -1;
	for (size_t i = 0; i < lock->len; i++)
		if (lock->debs[i].used && !deb_in_cache(dir, &lock->debs[i]))
			str_vec_addf(missing, "package %s %s (%s, %s)",
				lock->debs[i].name, lock->debs[i].version,
				lock->debs[i].arch, str_bytes(lock->debs[i].size));
	return 0;
}

static const char *timestamp_of(const struct lock *lock, const char *archive)
{
	for (size_t i = 0; i < lock->archives_len; i++)
		if (str_eq(lock->archives[i].name, archive))
			return lock->archives[i].timestamp;
	return NULL;
}

struct fetching {
	const struct lock *lock;
	struct download *downloads;
	struct str_vec *urls; /* of each download */
	size_t len;
};

static void fetching_free(struct fetching *f)
{
	for (size_t i = 0; i < f->len; i++) {
		str_vec_free(&f->urls[i]);
		free((char *)f->downloads[i].name);
		free((char *)f->downloads[i].what);
	}
	free(f->urls);
	free(f->downloads);
}

static int add_download(struct fetching *f, struct mirrors *m, int dir,
	const struct deb *deb, struct err *e)
{
	const char *slash = strchr(deb->path, '/');
	_free_ char *archive = xstrndup(deb->path, (size_t)(slash - deb->path));
	struct str_vec *urls = &f->urls[f->len];
	struct download *d = &f->downloads[f->len];

	if (mirrors_urls(m, archive, timestamp_of(f->lock, archive), slash + 1, urls, e))
		return -1;
	*d = (struct download){.urls = (const char *const *)urls->items,
		.dirfd = dir,
		.name = deb_cache_name(deb),
		.sha256 = deb->sha256,
		.size = deb->size,
		.what = xasprintf(
			"package %s %s (%s)", deb->name, deb->version, deb->arch)};
	f->len++;
	return 0;
}

static int fetch_all(const struct sysroot *s, struct fetching *f, struct err *e)
{
	if (download_files(f->downloads, f->len, PARALLEL, e) == 0)
		return 0;
	if (e->code == ERR_NETWORK)
		err_hint(e,
			"if a mirror no longer has this version, make a lock of today "
			"with "
			"`kiln sysroot lock %s`, or name an archive of old packages with "
			"--package-mirror; \"{timestamp}\" in it becomes %s",
			s->name, f->lock->archives[0].timestamp);
	return -1;
}

static int download_missing(const struct sysroot *s, const struct sysroot_env *env,
	int dir, size_t missing, struct err *e)
{
	const struct lock *lock = s->data;
	struct fetching f = {.lock = lock};
	struct mirrors m;
	int r = 0;

	if (env->offline)
		return err_set(e, ERR_NETWORK,
			"%zu packages of sysroot %s are not in the cache, and --offline "
			"forbids "
			"fetching them",
			missing, s->name);
	f.downloads = xcalloc(missing, sizeof(*f.downloads));
	f.urls = xcalloc(missing, sizeof(*f.urls));
	mirrors_init(&m, env);
	for (size_t i = 0; r == 0 && i < lock->len; i++)
		if (lock->debs[i].used && !deb_in_cache(dir, &lock->debs[i]))
			r = add_download(&f, &m, dir, &lock->debs[i], e);
	if (r == 0)
		r = fetch_all(s, &f, e);
	fetching_free(&f);
	mirrors_free(&m);
	return r;
}

/* What has come is unpacked while the rest is still coming. */
int debian_fetch(const struct sysroot *s, const struct sysroot_env *env, struct err *e)
{
	const struct lock *lock = s->data;
	_close_ int dir = open_cache(env, e);
	struct trees *trees;
	size_t missing = 0;
	int r = 0;

	if (dir < 0 || fs_mkdirs(dir, TREES, 0755, e))
		return -1;
	for (size_t i = 0; i < lock->len; i++)
		missing += lock->debs[i].used && !deb_in_cache(dir, &lock->debs[i]);
	trees = trees_start(s, env, dir);
	if (missing)
		r = download_missing(s, env, dir, missing, e);
	return trees_end(trees, r == 0, e) ? -1 : r;
}
