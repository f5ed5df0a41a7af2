#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/store.h"

int store_open(struct store *s, const char *path, bool exclusive, struct err *e)
{
	*s = (struct store){.path = path, .fd = -1, .lock = -1};
	if (fs_mkdirs(AT_FDCWD, path, 0755, e) < 0)
		return err_wrap(e, "the store");
	s->fd = fs_open_dir(AT_FDCWD, path, e);
	if (s->fd < 0)
		return err_wrap(e, "the store");
	s->lock = fs_lock(s->fd, "lock", exclusive, !exclusive, e);
	if (s->lock < 0)
		return err_wrap(e, "the store %s", path);
	return 0;
}

void store_close(struct store *s)
{
	mem_close_ptr(&s->lock);
	mem_close_ptr(&s->fd);
}

bool store_has(const struct store *s, const char *stage, const char *key)
{
	_free_ char *path = xasprintf("%s/%s/recipe", stage, key);

	return fs_exists(s->fd, path);
}

char *store_result(const struct store *s, const char *stage, const char *key)
{
	return xasprintf("%s/%s/%s", s->path, stage, key);
}

char *store_log(const struct store *s, const char *stage, const char *key)
{
	return xasprintf("%s/logs/%s/%s.log", s->path, stage, key);
}

char *store_dir(const struct store *s, const char *name, struct err *e)
{
	if (fs_mkdirs(s->fd, name, 0755, e) < 0) {
		err_wrap(e, "%s", s->path);
		return NULL;
	}
	return fs_join(s->path, name);
}

int store_begin(const struct store *s, const char *stage, const char *key,
	struct store_temp *t, struct err *e)
{
	_free_ char *lock = xasprintf("locks/%s", key);
	_free_ char *out = NULL, *scratch = NULL;

	*t = (struct store_temp){.lock = -1};
	if (fs_mkdirs(s->fd, "locks", 0755, e) < 0 ||
		fs_mkdirs(s->fd, "tmp", 0755, e) < 0 ||
		fs_mkdirs(s->fd, stage, 0755, e) < 0)
		return err_wrap(e, "%s", s->path);
	t->lock = fs_lock(s->fd, lock, true, true, e);
	if (t->lock < 0)
		return -1;
	t->name = xasprintf("tmp/%s.%d", key, (int)getpid());
	out = fs_join(t->name, "out");
	scratch = fs_join(t->name, "scratch");
	if (fs_remove(s->fd, t->name, e) < 0 || fs_mkdirs(s->fd, out, 0755, e) < 0 ||
		fs_mkdirs(s->fd, scratch, 0755, e) < 0)
		return err_wrap(e, "%s", s->path);
	return 0;
}

int store_commit(const struct store *s, const char *stage, const char *key,
	const char *recipe, struct store_temp *t, struct err *e)
{
	_free_ char *out = fs_join(t->name, "out");
	_free_ char *file = fs_join(out, "recipe");
	_free_ char *final = xasprintf("%s/%s", stage, key);

	if (fs_publish(s->fd, file, recipe, strlen(recipe), 0644, e) < 0 ||
		fs_sync_tree(s->fd, out, e) < 0)
		return -1;
	/* A directory without a recipe under the final name is no result of ours. */
	if (!store_has(s, stage, key) && fs_remove(s->fd, final, e) < 0)
		return -1;
	return fs_commit(s->fd, out, final, e) < 0 ? -1 : 0;
}

void store_end(const struct store *s, struct store_temp *t)
{
	struct err ignored = {0};

	if (t->name)
		fs_remove(s->fd, t->name, &ignored);
	free(t->name);
	mem_close_ptr(&t->lock);
	*t = (struct store_temp){.lock = -1};
}

int store_drop(const struct store *s, const char *stage, const char *key, struct err *e)
{
	_free_ char *final = xasprintf("%s/%s", stage, key);
	struct store_temp t;
	int ret = store_begin(s, stage, key, &t, e);

	if (ret == 0 && store_has(s, stage, key)) {
		_free_ char *away = fs_join(t.name, "dropped");

		ret = fs_commit(s->fd, final, away, e);
	}
	store_end(s, &t);
	return ret;
}

int store_sweep(const struct store *s, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (!fs_exists(s->fd, "tmp"))
		return 0;
	if (fs_list(s->fd, "tmp", &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		_free_ char *key = xstrndup(names.items[i], strcspn(names.items[i], "."));
		_free_ char *lock = xasprintf("locks/%s", key);
		_free_ char *temp = fs_join("tmp", names.items[i]);
		struct err held = {0};
		_close_ int fd = fs_lock(s->fd, lock, true, false, &held);

		/* Only the lock's holder may sweep; a held lock means that it is in use.
		 */
		if (fd >= 0 && fs_remove(s->fd, temp, e) < 0)
			return -1;
	}
	return 0;
}

static char *time_path(const char *stage, const char *key)
{
	return xasprintf("logs/%s/%s.time", stage, key);
}

void store_set_time(
	const struct store *s, const char *stage, const char *key, uint64_t ms)
{
	_free_ char *path = time_path(stage, key);
	_free_ char *text = xasprintf("%llu\n", (unsigned long long)ms);
	struct err ignored = {0};

	fs_publish(s->fd, path, text, strlen(text), 0644, &ignored);
}

uint64_t store_get_time(const struct store *s, const char *stage, const char *key)
{
	_free_ char *path = time_path(stage, key);
	_buf_ struct buf text = {0};
	struct err ignored = {0};
	uint64_t ms = 0;

	if (fs_read(s->fd, path, 64, &text, &ignored) < 0 ||
		!str_to_u64(str_trim(text.data), &ms))
		return 0;
	return ms;
}

void store_keep_input(const struct store *s, const char *path, const char *digest)
{
	_free_ char *name = fs_join("inputs", digest);
	_buf_ struct buf text = {0};
	struct err ignored = {0};

	if (fs_exists(s->fd, name) ||
		fs_read(AT_FDCWD, path, 1 << 20, &text, &ignored) < 0 ||
		fs_mkdirs(s->fd, "inputs", 0755, &ignored) < 0)
		return;
	fs_publish(s->fd, name, text.data, text.len, 0644, &ignored);
}

bool store_read_input(const struct store *s, const char *digest, struct buf *out)
{
	_free_ char *name = fs_join("inputs", digest);
	struct err ignored = {0};

	return fs_read(s->fd, name, 1 << 20, out, &ignored) == 0;
}

static char *record_path(const char *target, const char *kind)
{
	char *path = xasprintf("records/%s.%s", target, kind);

	for (char *p = path + strlen("records/"); *p; p++)
		if (*p == '/')
			*p = ':';
	return path;
}

int store_put_record(const struct store *s, const char *target, const char *kind,
	const char *text, struct err *e)
{
	_free_ char *path = record_path(target, kind);

	if (fs_mkdirs(s->fd, "records", 0755, e) < 0)
		return -1;
	return fs_publish(s->fd, path, text, strlen(text), 0644, e);
}

bool store_get_record(
	const struct store *s, const char *target, const char *kind, struct buf *out)
{
	_free_ char *path = record_path(target, kind);
	struct err ignored = {0};

	return fs_read(s->fd, path, 1 << 20, out, &ignored) == 0;
}
