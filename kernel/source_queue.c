/* source_queue.c: the RT project's patch queue: brought in, proved while it is unpacked,
 * and its series file read. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/source_int.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

/* What is open while one queue comes in. */
struct queue {
	struct source_item item;
	struct source_keys keys;
	int cache;
};

static void queue_close(struct queue *q)
{
	source_item_free(&q->item);
	source_keys_free(&q->keys);
	mem_close_ptr(&q->cache);
}
#define _queue_ __attribute__((cleanup(queue_close)))

static int queue_open(struct queue *q, const struct source_spec *spec,
	const struct source_env *env, struct err *e)
{
	*q = (struct queue){.item = source_item_queue(spec->rt), .cache = -1};
	if (source_keys_load(spec->keys, &q->keys, e) ||
		fs_mkdirs(AT_FDCWD, env->cache, 0755, e))
		return -1;
	q->cache = fs_open_dir(AT_FDCWD, env->cache, e);
	return q->cache < 0 ? -1 : 0;
}

/* The queue's own order, as plain names; every one of them has to be there. */
static int write_series(const char *tarball, int queue, struct err *e)
{
	_buf_ struct buf text = {0}, plain = {0};
	if (!fs_exists(queue, "series"))
		return err_set(e, ERR_INPUT, "%s has no series file", tarball);
	if (fs_read(queue, "series", 1 << 20, &text, e))
		return -1;
	buf_str(&text);
	char *line, *pos = text.data;
	unsigned number = 0, count = 0;
	while ((line = str_next_line(&pos))) {
		number++;
		line[strcspn(line, "#")] = '\0';
		char *name = str_trim(line);
		name[strcspn(name, " \t")] = '\0'; /* quilt's options, such as -p1 */
		if (!*name)
			continue;
		struct stat st;
		if (strchr(name, '/') || *name == '.' ||
			fstatat(queue, name, &st, AT_SYMLINK_NOFOLLOW) ||
			!S_ISREG(st.st_mode)) {
			_free_ char *safe = str_printable(name);
			return err_set(e, ERR_INPUT,
				"%s: series:%u: there is no patch %s", tarball, number,
				safe);
		}
		buf_addf(&plain, "%s\n", name);
		count++;
	}
	if (!count)
		return err_set(e, ERR_INPUT, "%s: series names no patch", tarball);
	return fs_publish(queue, "series", plain.data, plain.len, 0644, e);
}

static int unpack(struct queue *q, const struct source_spec *spec,
	const struct source_env *env, int out, struct source_info *info, struct err *e)
{
	_free_ char *path = fs_join(env->cache, q->item.name);
	_free_ char *kept = source_item_kept_sig(&q->item);
	_free_ char *sig = fs_join(env->cache, kept);
	bool is_signed = spec->require != REQUIRE_SUMS;
	if (fs_mkdirs(out, SOURCE_QUEUE_DIR, 0755, e))
		return -1;
	_close_ int dir = fs_open_dir(out, SOURCE_QUEUE_DIR, e);
	struct source_stream stream = {
		.path = path,
		.name = q->item.name,
		.sha256 = q->item.sha256,
		.signature = is_signed ? sig : NULL,
		.role = &q->keys.developers,
		.dirfd = dir,
	};
	if (dir < 0 || source_stream_run(&stream, e))
		return -1;
	if (is_signed)
		source_info_prove(info, "%s by %s (%s)", q->item.sig,
			stream.signer.fingerprint, stream.signer.uid);
	else
		source_info_prove(info, "no signature of a developer (--require sums)");
	info->date = stream.newest;
	return write_series(q->item.name, dir, e);
}

static int fetch(struct queue *q, const struct source_spec *spec,
	const struct source_env *env, int out, struct source_info *info, struct err *e)
{
	if (spec->require != REQUIRE_TARBALL) {
		if (source_item_digest(env, &q->keys, &q->item, e))
			return -1;
		source_item_prove_sums(info, &q->item);
	}
	if (source_item_bring(env, spec->require, &q->item, q->cache, e))
		return -1;
	if (unpack(q, spec, env, out, info, e)) {
		if (e->code == ERR_VERIFY)
			source_item_forget(&q->item, spec->require, q->cache);
		return -1;
	}
	info->url = xasprintf("%s/%s/%s", SOURCE_KERNEL_ORG, q->item.dir, q->item.name);
	info->sha256 = xstrdup(q->item.sha256);
	return source_info_write(out, info, e);
}

static bool only_apt(const struct source_env *env)
{
	const char *const *m = source_mirrors(env);
	while (*m && source_is_apt(*m))
		m++;
	return !*m;
}

int source_queue_fetch(const struct source_spec *spec, const struct source_env *asked,
	int out, struct err *e)
{
	_source_info_ struct source_info info = {.version = xstrdup(spec->rt)};
	_queue_ struct queue q = {.cache = -1};
	struct source_env env = *asked;
	/* apt: has no queue, but the cache may. */
	bool nobody = only_apt(asked) && !env.offline;
	env.offline |= nobody;
	if (queue_open(&q, spec, &env, e))
		return -1;
	if (!fetch(&q, spec, &env, out, &info, e))
		return 0;
	if (nobody && e->code == ERR_NETWORK)
		err_set(e, ERR_NETWORK,
			"apt: has no patch queue of the RT project; name a mirror with "
			"projects/rt beside it");
	return err_wrap(e, "the patch queue of %s", spec->rt);
}

int source_queue_missing(const struct source_spec *spec, const struct source_env *env,
	struct str_vec *missing, struct err *e)
{
	_queue_ struct queue q = {.cache = -1};
	if (queue_open(&q, spec, env, e))
		return -1;
	source_item_missing(env, &q.keys, spec->require, &q.item, q.cache, missing);
	return 0;
}

int source_queue_list(const char *dir, struct str_vec *patches, struct err *e)
{
	_free_ char *series = fs_join(dir, "series");
	_buf_ struct buf text = {0};
	if (fs_read(AT_FDCWD, series, 1 << 20, &text, e))
		return -1;
	size_t before = patches->len;
	char *line, *pos = text.data;
	while ((line = str_next_line(&pos)))
		if (*line)
			str_vec_take(patches, fs_join(dir, line));
	return patches->len > before ? 0
				     : err_set(e, ERR_STORE, "%s names no patch", series);
}
