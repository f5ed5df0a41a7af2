/* source_item.c: one file of kernel.org's layout and its detached signature, brought into
 * the cache. The file is known there by its digest. Nobody publishes that of a signature,
 * so it lies in a directory named by the digest of the file that it signs: for another
 * file, or the same name with other bytes, it is another entry. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/source_int.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

enum { SIGNATURE_LIMIT = 256 << 10, PARALLEL = 2 };

struct source_item source_item_kernel(const char *version)
{
	return (struct source_item){
		.dir = source_kernel_dir(version),
		.name = xasprintf("linux-%s.tar.xz", version),
		.sig = xasprintf("linux-%s.tar.sign", version),
	};
}

struct source_item source_item_queue(const char *rt)
{
	char *dir = source_rt_dir(rt);
	return (struct source_item){
		.dir = dir,
		.older = xasprintf("%s/older", dir),
		.name = xasprintf("patches-%s.tar.xz", rt),
		.sig = xasprintf("patches-%s.tar.sign", rt),
	};
}

void source_item_free(struct source_item *item)
{
	free(item->dir);
	free(item->older);
	free(item->name);
	free(item->sig);
	*item = (struct source_item){0};
}

char *source_item_kept_sig(const struct source_item *item)
{
	return xasprintf("signatures/%s/%s", item->sha256, item->sig);
}

/* It stands in the directory for older files. */
static void move_to_older(struct source_item *item)
{
	free(item->dir);
	item->dir = steal(item->older);
}

/* What one directory's sums say of it. */
static int ask_sums(const struct source_env *env, const struct source_keys *keys,
	const char *dir, struct source_item *item, struct err *e)
{
	_source_sums_ struct source_sums sums = {0};
	if (source_sums_get(env, keys, dir, item->name, &sums, e) ||
		source_sums_find(&sums, item->name, item->sha256, e))
		return -1;
	item->sums_signer = sums.signer;
	return 0;
}

int source_item_digest(const struct source_env *env, const struct source_keys *keys,
	struct source_item *item, struct err *e)
{
	const struct source_env kept = {.cache = env->cache, .offline = true};
	struct err ignored = {0}, second = {0};
	/* What was listed once is listed for ever: kept sums come first, of either
	 * directory. */
	if (!ask_sums(&kept, keys, item->dir, item, &ignored))
		return 0;
	if (item->older && !ask_sums(&kept, keys, item->older, item, &ignored)) {
		move_to_older(item);
		return 0;
	}
	if (!ask_sums(env, keys, item->dir, item, e))
		return 0;
	if (item->older && e->code == ERR_VERIFY &&
		!ask_sums(env, keys, item->older, item, &second)) {
		move_to_older(item);
		return 0;
	}
	/* Offline the one for older files may only be missing here. */
	if (env->offline && second.code == ERR_NETWORK)
		*e = second;
	return -1;
}

/* URLs of a file at every mirror, in its directory and in that for older files. */
static void add_urls(const struct source_env *env, const struct source_item *item,
	const char *name, struct str_vec *urls)
{
	for (const char *const *m = source_mirrors(env); *m; m++) {
		if (source_is_apt(*m))
			continue;
		str_vec_addf(urls, "%s/%s/%s", *m, item->dir, name);
		if (item->older)
			str_vec_addf(urls, "%s/%s/%s", *m, item->older, name);
	}
}

/* The file, with its signature beside it where the digest says under which name. */
static int download_item(const struct source_env *env, struct source_item *item,
	bool with_sig, int cache, struct err *e)
{
	_str_vec_ struct str_vec urls = {0}, sig_urls = {0};
	_free_ char *want = *item->sha256 ? xstrdup(item->sha256) : NULL;
	_free_ char *sig = source_item_kept_sig(item);
	add_urls(env, item, item->name, &urls);
	add_urls(env, item, item->sig, &sig_urls);
	const struct download list[] = {
		{
			.urls = (const char *const *)urls.items,
			.dirfd = cache,
			.name = item->name,
			.sha256 = want,
			.max_size = SOURCE_TARBALL_LIMIT,
			.got_sha256 = item->sha256,
		},
		{
			.urls = (const char *const *)sig_urls.items,
			.dirfd = cache,
			.name = sig,
			.max_size = SIGNATURE_LIMIT,
			.what = item->sig,
		},
	};
	bool fetch_sig = with_sig && want && !fs_exists(cache, sig);
	_free_ char *dir = xasprintf("signatures/%s", item->sha256);
	if (fetch_sig && fs_mkdirs(cache, dir, 0755, e))
		return -1;
	return download_files(list, fetch_sig ? 2 : 1, PARALLEL, e);
}

/* Where no sums tell the digest: that of the file in the cache, if its signature is there
 * too, for then the two can prove each other without anybody being asked. */
static bool take_kept_pair(struct source_item *item, int cache)
{
	struct err ignored = {0};
	if (!fs_exists(cache, item->name) ||
		digest_file(cache, item->name, item->sha256, NULL, &ignored))
		return false;
	_free_ char *sig = source_item_kept_sig(item);
	if (fs_exists(cache, sig))
		return true;
	*item->sha256 = '\0';
	return false;
}

/* The first of both that the cache lacks, or NULL. */
static const char *first_missing(const struct source_item *item, bool with_sig, int cache)
{
	_free_ char *sig = source_item_kept_sig(item);
	if (!fs_exists(cache, item->name))
		return item->name;
	return with_sig && !fs_exists(cache, sig) ? item->sig : NULL;
}

/* Without the network: everything has to be in the cache, as it should be. */
static int check_cached(const struct source_env *env, struct source_item *item,
	bool with_sig, int cache, struct err *e)
{
	char hex[SHA256_HEX_LEN + 1];
	const char *missing = first_missing(item, with_sig, cache);
	if (missing)
		return err_set(e, ERR_NETWORK,
			"%s is not in the cache, and --offline forbids fetching it",
			missing);
	if (digest_file(cache, item->name, hex, NULL, e))
		return -1;
	if (!str_eq(hex, item->sha256))
		return err_set(e, ERR_VERIFY,
			"%s in the cache is not what the sums say; remove it from %s",
			item->name, env->cache);
	return 0;
}

int source_item_bring(const struct source_env *env, enum source_require require,
	struct source_item *item, int cache, struct err *e)
{
	bool with_sig = require != REQUIRE_SUMS;
	bool kept = !*item->sha256 && with_sig && take_kept_pair(item, cache);
	if (kept)
		return 0;
	if (env->offline)
		return check_cached(env, item, with_sig, cache, e);
	/* Only the file itself tells under which name its signature stands. */
	if (!*item->sha256 && download_item(env, item, false, cache, e))
		return -1;
	return download_item(env, item, with_sig, cache, e);
}

void source_item_missing(const struct source_env *env, const struct source_keys *keys,
	enum source_require require, struct source_item *item, int cache,
	struct str_vec *missing)
{
	const struct source_env kept = {.cache = env->cache, .offline = true};
	bool with_sig = require != REQUIRE_SUMS;
	struct err ignored = {0};
	if (require == REQUIRE_TARBALL) {
		if (!*item->sha256)
			take_kept_pair(item, cache);
	} else if (source_item_digest(&kept, keys, item, &ignored)) {
		*item->sha256 = '\0';
		str_vec_addf(missing, "%s/sha256sums.asc", item->dir);
	}
	_free_ char *sig = source_item_kept_sig(item);
	if (!fs_exists(cache, item->name))
		str_vec_add(missing, item->name);
	if (with_sig && !fs_exists(cache, sig))
		str_vec_add(missing, item->sig);
}

void source_item_forget(
	const struct source_item *item, enum source_require require, int cache)
{
	_free_ char *sig = source_item_kept_sig(item);
	unlinkat(cache, sig, 0);
	/* With sums the file is the one that is listed, and the signature is to blame. */
	if (require == REQUIRE_TARBALL)
		unlinkat(cache, item->name, 0);
}

void source_item_prove_sums(struct source_info *info, const struct source_item *item)
{
	const struct gpgv_result *s = &item->sums_signer;
	source_info_prove(info, "%s: sha256sums.asc signed by %s (%s)", item->name,
		s->fingerprint, s->uid);
}
