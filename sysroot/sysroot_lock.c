/* sysroot_lock.c: making locks, and making one anew where a mirror has moved on. */
#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "sysroot/provider.h"

/* A lock in a directory of its own needs its conf beside it. */
static int copy_conf(const struct sysroot *s, const char *out_dir, struct err *e)
{
	_free_ char *from = xasprintf("%s.conf", s->stem);
	_free_ char *to =
		fs_join(out_dir, strrchr(from, '/') ? strrchr(from, '/') + 1 : from);
	_buf_ struct buf text = {0};
	struct stat a, b;

	if (stat(from, &a) == 0 && stat(to, &b) == 0 && a.st_ino == b.st_ino &&
		a.st_dev == b.st_dev)
		return 0;
	if (fs_mkdirs(AT_FDCWD, out_dir, 0755, e) ||
		fs_read(AT_FDCWD, from, 1 << 20, &text, e))
		return -1;
	return fs_publish(AT_FDCWD, to, buf_str(&text), text.len, 0644, e);
}

int sysroot_lock(const char *const *dirs, const char *name, const char *out_dir,
	const struct sysroot_env *env, struct err *e)
{
	struct sysroot *s = sysroot_open(dirs, name, e);
	int r = s ? 0 : -1;

	if (r == 0 && !s->provider->lock)
		r = err_set(e, ERR_USAGE,
			"sysroot %s (provider %s) needs no lock: its conf says all", name,
			s->provider->name);
	if (r == 0)
		r = copy_conf(s, out_dir, e);
	if (r == 0)
		r = s->provider->lock(s, out_dir, env, e);
	if (r && s)
		err_wrap(e, "sysroot %s", name);
	sysroot_free(s);
	return r;
}

static int load_and_fetch(const char *const *dirs, const char *name,
	const struct sysroot_use *use, const struct sysroot_env *env, struct err *e)
{
	struct sysroot *s = sysroot_load(dirs, name, use, e);
	int r = s ? sysroot_fetch(s, env, e) : -1;

	sysroot_free(s);
	return r;
}

int sysroot_fetch_or_relock(const char *const *dirs, const char *name,
	const struct sysroot_use *use, const struct sysroot_env *env,
	const char *lock_dir, char **name_out, struct err *e)
{
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	struct err second = {0};

	*name_out = NULL;
	if (load_and_fetch(dirs, name, use, env, e) == 0) {
		*name_out = xstrdup(name);
		return 0;
	}
	if (e->code != ERR_NETWORK || env->offline)
		return -1;
	/* The first error stands unless the mirror proves that it has newer packages. */
	if (sysroot_lock(dirs, name, lock_dir, env, &second))
		return -1;
	*name_out = fs_join(lock_dir, base);
	log_info("sysroot %s: its lock names packages that the mirror no longer has; a "
		 "lock of "
		 "today is in %s.lock",
		name, *name_out);
	if (load_and_fetch(dirs, *name_out, use, env, e)) {
		mem_free_ptr(name_out);
		return -1;
	}
	return 0;
}
