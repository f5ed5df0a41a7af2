/* debian.c: the provider debian: packages named by a lock. */
#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "sysroot/debian.h"

/* What is done to unpacked packages enters the digest: move it when finish.c changes. */
#define ROOT_FORMAT "kiln-debian-root 1"

static bool has_group(const struct lock *lock, const char *a, const char *b)
{
	_free_ char *name = b ? xasprintf("%s-%s", a, b) : xstrdup(a);

	return str_vec_has(&lock->groups, name);
}

static void add_group(
	const struct lock *lock, const char *a, const char *b, struct str_vec *wanted)
{
	if (has_group(lock, a, b))
		str_vec_addf(wanted, b ? "%s-%s" : "%s", a, b ? b : "");
}

static int lacks_group(const struct sysroot *s, const struct lock *lock, const char *what,
	const char *group, struct err *e)
{
	_buf_ struct buf list = {0};

	for (size_t i = 0; i < lock->groups.len; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", lock->groups.items[i]);
	return err_set(e, ERR_USAGE,
		"sysroot %s can't build %s: it has no group %s (it has %s); name "
		"another with --sysroot",
		s->name, what, group, buf_str(&list));
}

/* The machine's own libraries are the group perf; another architecture has its own. */
static int check_perf(const struct sysroot *s, const struct lock *lock, struct err *e)
{
	const struct sysroot_use *use = s->use;
	bool own = str_eq(use->debian, conf_get(&s->conf, "", "machine"));
	_free_ char *what = NULL, *group = NULL;

	if (!use->perf || !use->debian || lock->groups.len <= 1)
		return 0;
	if (has_group(lock, "perf", NULL) && (own || has_group(lock, "perf", use->arch)))
		return 0;
	what = xasprintf("perf for %s", use->arch);
	group = own ? xstrdup("perf") : xasprintf("perf-%s", use->arch);
	return lacks_group(s, lock, what, group, e);
}

/* The names of the groups that a use needs; a toolchain that no group has is an error,
 * unless the lock has only base: then all is in there. */
static int groups_of_use(const struct sysroot *s, const struct lock *lock,
	struct str_vec *wanted, struct err *e)
{
	const struct sysroot_use *use = s->use;

	str_vec_add(wanted, "base");
	if (use->toolchain && use->arch && lock->groups.len > 1 &&
		!has_group(lock, use->toolchain, NULL) &&
		!has_group(lock, use->toolchain, use->arch)) {
		_free_ char *what = xasprintf("%s with %s", use->arch, use->toolchain);
		_free_ char *group = xasprintf("%s-%s", use->toolchain, use->arch);

		return lacks_group(s, lock, what, group, e);
	}
	if (check_perf(s, lock, e) < 0)
		return -1;
	if (use->toolchain)
		add_group(lock, use->toolchain, NULL, wanted);
	if (use->toolchain && use->arch)
		add_group(lock, use->toolchain, use->arch, wanted);
	if (use->perf)
		add_group(lock, "perf", NULL, wanted);
	if (use->perf && use->arch)
		add_group(lock, "perf", use->arch, wanted);
	return 0;
}

static int mark_used(struct sysroot *s, struct lock *lock, struct err *e)
{
	_str_vec_ struct str_vec wanted = {0};

	if (s->use && groups_of_use(s, lock, &wanted, e))
		return -1;
	for (size_t i = 0; i < lock->len; i++) {
		lock->debs[i].used = s->use == NULL;
		for (size_t g = 0; g < wanted.len && !lock->debs[i].used; g++)
			lock->debs[i].used =
				lock_in_groups(lock->debs[i].groups, wanted.items[g]);
	}
	return 0;
}

static void add_words(struct digest *d, const struct conf *conf, const char *key)
{
	_str_vec_ struct str_vec words = {0};

	conf_words(conf, "", key, &words);
	digest_add(d, key, strlen(key) + 1);
	for (size_t i = 0; i < words.len; i++)
		digest_add(d, words.items[i], strlen(words.items[i]) + 1);
}

static void digest_use(struct sysroot *s, const struct lock *lock)
{
	struct digest *d = digest_new(DIGEST_SHA256);

	digest_add(d, ROOT_FORMAT, sizeof(ROOT_FORMAT));
	add_words(d, &s->conf, "exclude");
	add_words(d, &s->conf, "link");
	for (size_t i = 0; i < lock->len; i++)
		if (lock->debs[i].used)
			digest_add(d, lock->debs[i].sha256, SHA256_HEX_LEN);
	digest_end(d, s->digest);
}

static int check_conf(const struct sysroot *s, const struct lock *lock, struct err *e)
{
	struct deb_request r = {0};
	int result = deb_request_read(&s->conf, &r, e);

	if (result == 0 && !str_eq(r.digest, lock->conf))
		result = err_set(e, ERR_USAGE,
			"%s was made from another %s.conf than this one: make it anew "
			"with "
			"`kiln sysroot lock %s`",
			lock->path, s->name, s->name);
	deb_request_free(&r);
	return result;
}

static int debian_load(struct sysroot *s, struct err *e)
{
	_free_ char *path = xasprintf("%s.lock", s->stem);
	struct lock *lock = xcalloc(1, sizeof(*lock));
	const struct deb_archive *first;

	s->data = lock;
	if (!fs_exists(AT_FDCWD, path))
		return err_set(e, ERR_USAGE,
			"sysroot %s has no lock (%s): make it with `kiln sysroot lock "
			"%s`",
			s->name, path, s->name);
	if (lock_read(lock, path, e) || check_conf(s, lock, e) || mark_used(s, lock, e))
		return -1;
	digest_use(s, lock);
	first = &lock->archives[0];
	s->describe = xasprintf("%s: %s %s of %s, packages %.12s", s->name, first->name,
		first->suite, first->timestamp, s->digest);
	return 0;
}

static void debian_free(struct sysroot *s)
{
	if (s->data)
		lock_free(s->data);
	free(s->data);
}

static int solve_into(struct sysroot *s, const struct sysroot_env *env, struct lock *lock,
	struct err *e)
{
	struct deb_request r = {0};
	struct deb_indexes indexes = {0};
	int result = deb_request_read(&s->conf, &r, e);

	if (result == 0 && !fs_exists(AT_FDCWD, r.keyring))
		result = err_set(e, ERR_USAGE,
			"%s: keyring = %s is not there; Debian's comes with the package "
			"debian-archive-keyring",
			s->conf.path, r.keyring);
	if (result == 0)
		result = indexes_fetch(&r, env, &indexes, e);
	if (result == 0)
		result = solve(&s->conf, &r, &indexes, lock, e);
	if (result == 0)
		result = indexes_sizes(&indexes, lock, e);
	for (size_t i = 0; result == 0 && i < indexes.len; i += r.archs.len) {
		struct deb_archive a = {
			.name = arena_strdup(&lock->arena, indexes.items[i].archive),
			.suite = arena_strdup(&lock->arena, indexes.items[i].suite),
			.timestamp =
				arena_strdup(&lock->arena, indexes.items[i].timestamp)};

		lock_add_archive(lock, &a);
	}
	for (size_t i = 0; result == 0 && i < r.groups.len; i++)
		str_vec_add(&lock->groups, r.groups.items[i]);
	lock->conf = arena_strdup(&lock->arena, r.digest);
	indexes_free(&indexes);
	deb_request_free(&r);
	return result;
}

static int debian_lock(struct sysroot *s, const char *out_dir,
	const struct sysroot_env *env, struct err *e)
{
	_free_ char *path = xasprintf("%s/%s.lock", out_dir,
		strrchr(s->stem, '/') ? strrchr(s->stem, '/') + 1 : s->stem);
	_buf_ struct buf text = {0};
	struct lock lock = {0};
	int r;

	if (env->offline)
		return err_set(e, ERR_NETWORK,
			"a lock is made from a mirror's index of today, and --offline "
			"forbids that");
	r = solve_into(s, env, &lock, e);
	if (r == 0) {
		lock_sort(&lock);
		lock_write(&lock, s->name, &text);
		r = fs_publish(AT_FDCWD, path, text.data, text.len, 0644, e);
	}
	lock_free(&lock);
	return r;
}

static const char *const keys[] = {
	"archive", "keyring", "machine", "foreign", "without", "exclude", "link", NULL};

const struct provider provider_debian = {
	.name = "debian",
	.keys = keys,
	.load = debian_load,
	.free = debian_free,
	.missing = debian_missing,
	.fetch = debian_fetch,
	.make = debian_make,
	.lock = debian_lock,
};
