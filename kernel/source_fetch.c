/* source_fetch.c: from mirrors, in order, into one directory, proved. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/source_int.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"

enum { SIGNATURE_LIMIT = 256 << 10, PARALLEL = 4 };
#define TARBALL_LIMIT (UINT64_C(2) << 30)

/* One upstream file: the kernel's tarball, or the queue. */
struct item {
	const char *final, *final_sig; /* names in the result */
	char *dir, *older;	       /* "v6.x"; where else it may be, or NULL */
	char *name, *sig; /* "linux-6.1.176.tar.xz", "linux-6.1.176.tar.sign" */
	char sha256[SHA256_HEX_LEN + 1]; /* expected, then of what came */
	struct gpgv_result sums_signer;
};

struct fetch {
	const struct source_spec *spec;
	const struct source_env *env;
	struct source_keys keys;
	struct item items[2];
	size_t count;
	int cache;
};

static void fetch_free(struct fetch *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].dir);
		free(f->items[i].older);
		free(f->items[i].name);
		free(f->items[i].sig);
	}
	source_keys_free(&f->keys);
	if (f->cache >= 0)
		close(f->cache);
}
#define _fetch_ __attribute__((cleanup(fetch_free)))

static void add_items(struct fetch *f)
{
	const struct source_spec *s = f->spec;
	f->items[f->count++] = (struct item){
		.final = SOURCE_TARBALL,
		.final_sig = SOURCE_TARBALL_SIG,
		.dir = source_kernel_dir(s->version),
		.name = xasprintf("linux-%s.tar.xz", s->version),
		.sig = xasprintf("linux-%s.tar.sign", s->version),
	};
	if (!s->rt)
		return;
	char *dir = source_rt_dir(s->rt);
	f->items[f->count++] = (struct item){
		.final = SOURCE_QUEUE,
		.final_sig = SOURCE_QUEUE_SIG,
		.dir = dir,
		.older = xasprintf("%s/older", dir),
		.name = xasprintf("patches-%s.tar.xz", s->rt),
		.sig = xasprintf("patches-%s.tar.sign", s->rt),
	};
}

static int fetch_open(struct fetch *f, const struct source_spec *spec,
	const struct source_env *env, struct err *e)
{
	*f = (struct fetch){.spec = spec, .env = env, .cache = -1};
	if (source_check(spec, e) || source_keys_load(spec->keys, &f->keys, e) ||
		fs_mkdirs(AT_FDCWD, env->cache, 0755, e))
		return -1;
	f->cache = fs_open_dir(AT_FDCWD, env->cache, e);
	add_items(f);
	return f->cache < 0 ? -1 : 0;
}

/* The digest of one file, by the sums of its directory, or of the one for older files. */
static int digest_by_sums(struct fetch *f, struct item *item, struct err *e)
{
	_source_sums_ struct source_sums sums = {0}, older = {0};
	struct err second = {0};
	if (source_sums_get(f->env, &f->keys, item->dir, item->name, &sums, e))
		return -1;
	item->sums_signer = sums.signer;
	if (!source_sums_find(&sums, item->name, item->sha256, e))
		return 0;
	if (!item->older ||
		source_sums_get(
			f->env, &f->keys, item->older, item->name, &older, &second) ||
		source_sums_find(&older, item->name, item->sha256, &second)) {
		/* Offline the one for older files may only be missing here. */
		if (f->env->offline && second.code == ERR_NETWORK)
			*e = second;
		return -1;
	}
	item->sums_signer = older.signer;
	free(item->dir);
	item->dir = steal(item->older);
	return 0;
}

static int check_pin(const struct fetch *f, const char *sha256, struct err *e)
{
	const struct source_spec *s = f->spec;
	if (s->pin && !str_eq(s->pin, sha256))
		return err_set(e, ERR_VERIFY,
			"KERNEL_SHA256 in the workspace is %s, but the verified sums say "
			"%s for "
			"linux-%s.tar.xz; one of them is wrong",
			s->pin, sha256, s->version);
	return 0;
}

/* URLs of a file at every mirror, in its directory and in that for older files. */
static void add_urls(const struct fetch *f, const struct item *item, const char *name,
	struct str_vec *urls)
{
	for (const char *const *m = source_mirrors(f->env); *m; m++) {
		if (source_is_apt(*m))
			continue;
		str_vec_addf(urls, "%s/%s/%s", *m, item->dir, name);
		if (item->older)
			str_vec_addf(urls, "%s/%s/%s", *m, item->older, name);
	}
}

/* Without the network: everything has to be in the cache, as it should be. */
static int check_cached(struct fetch *f, struct item *item, struct err *e)
{
	char hex[SHA256_HEX_LEN + 1];
	const char *missing = NULL;
	if (!fs_exists(f->cache, item->name))
		missing = item->name;
	else if (f->spec->require != REQUIRE_SUMS && !fs_exists(f->cache, item->sig))
		missing = item->sig;
	if (missing)
		return err_set(e, ERR_NETWORK,
			"%s is not in the cache, and --offline forbids fetching it",
			missing);
	if (digest_file(f->cache, item->name, hex, NULL, e))
		return -1;
	if (!*item->sha256)
		memcpy(item->sha256, hex, sizeof(hex));
	if (!str_eq(hex, item->sha256))
		return err_set(e, ERR_VERIFY,
			"%s in the cache is not what the sums say; remove it from %s",
			item->name, f->env->cache);
	return 0;
}

static int download_all(struct fetch *f, struct err *e)
{
	struct str_vec urls[4] = {0};
	struct download list[4];
	size_t n = 0;
	for (size_t i = 0; i < f->count; i++) {
		struct item *item = &f->items[i];
		add_urls(f, item, item->name, &urls[n]);
		list[n] = (struct download){
			.urls = (const char *const *)urls[n].items,
			.dirfd = f->cache,
			.name = item->name,
			.sha256 = *item->sha256 ? xstrdup(item->sha256) : NULL,
			.max_size = TARBALL_LIMIT,
			.got_sha256 = item->sha256,
		};
		n++;
		if (f->spec->require == REQUIRE_SUMS)
			continue;
		add_urls(f, item, item->sig, &urls[n]);
		list[n] = (struct download){
			.urls = (const char *const *)urls[n].items,
			.dirfd = f->cache,
			.name = item->sig,
			.max_size = SIGNATURE_LIMIT,
		};
		n++;
	}
	int status = download_files(list, n, PARALLEL, e);
	for (size_t i = 0; i < n; i++) {
		free((void *)list[i].sha256);
		str_vec_free(&urls[i]);
	}
	return status;
}

/* Into the result: a link where it can be, so that the cache still has it when the store
 * is swept; else a copy. */
static int keep(int from, const char *name, int to, const char *final, struct err *e)
{
	if (!linkat(from, name, to, final, 0))
		return 0;
	return fs_copy_file(from, name, to, final, 0644, e);
}

static void prove_sums(struct source_info *info, const struct item *item)
{
	const struct gpgv_result *s = &item->sums_signer;
	source_info_prove(info, "%s: sha256sums.asc signed by %s (%s)", item->name,
		s->fingerprint, s->uid);
}

/* Without sums nothing has proved the bytes yet: the signature does it here, though it
 * means to decompress once more. A queue is small enough to know now rather than late. */
static int prove_early(struct fetch *f, const struct item *item, struct err *e)
{
	if (f->spec->require == REQUIRE_SUMS ||
		(f->spec->require == REQUIRE_BOTH && item == &f->items[0]))
		return 0;
	_free_ char *path = fs_join(f->env->cache, item->name);
	_free_ char *sig = fs_join(f->env->cache, item->sig);
	struct source_stream stream = {
		.path = path,
		.name = item->name,
		.signature = sig,
		.role = &f->keys.developers,
		.dirfd = -1,
	};
	if (!source_stream_run(&stream, e))
		return 0;
	/* What is in the cache is of no use to anybody. */
	unlinkat(f->cache, item->name, 0);
	unlinkat(f->cache, item->sig, 0);
	return -1;
}

static int fetch_layout(struct fetch *f, int out, struct source_info *info, struct err *e)
{
	const struct source_spec *s = f->spec;
	for (size_t i = 0; i < f->count; i++)
		if (s->require != REQUIRE_TARBALL && digest_by_sums(f, &f->items[i], e))
			return -1;
	if (s->require != REQUIRE_TARBALL && check_pin(f, f->items[0].sha256, e))
		return -1;
	if (s->require == REQUIRE_TARBALL && s->pin)
		snprintf(f->items[0].sha256, sizeof(f->items[0].sha256), "%s", s->pin);
	for (size_t i = 0; f->env->offline && i < f->count; i++)
		if (check_cached(f, &f->items[i], e))
			return -1;
	if (!f->env->offline && download_all(f, e))
		return -1;
	for (size_t i = 0; i < f->count; i++)
		if (prove_early(f, &f->items[i], e))
			return -1;
	for (size_t i = 0; i < f->count; i++) {
		struct item *item = &f->items[i];
		if (keep(f->cache, item->name, out, item->final, e))
			return -1;
		if (s->require != REQUIRE_SUMS &&
			keep(f->cache, item->sig, out, item->final_sig, e))
			return -1;
		if (s->require != REQUIRE_TARBALL)
			prove_sums(info, item);
	}
	if (s->require == REQUIRE_SUMS)
		source_info_prove(info, "no signature of a developer (--require sums)");
	info->url = xasprintf(
		"%s/%s/%s", SOURCE_KERNEL_ORG, f->items[0].dir, f->items[0].name);
	info->sha256 = xstrdup(f->items[0].sha256);
	return 0;
}

/* KERNEL_SOURCE=<url>: the pin is the proof. */
static int fetch_url(struct fetch *f, int out, struct source_info *info, struct err *e)
{
	const struct source_spec *s = f->spec;
	_free_ char *name = xasprintf("source-%s", s->pin);
	struct download d = {
		.urls = (const char *const[]){s->url, NULL},
		.dirfd = f->cache,
		.name = name,
		.sha256 = s->pin,
		.max_size = TARBALL_LIMIT,
		.what = s->url,
	};
	if (f->env->offline && !fs_exists(f->cache, name))
		return err_set(e, ERR_NETWORK,
			"%s is not in the cache, and --offline forbids fetching it",
			s->url);
	if (s->rt)
		return err_set(e, ERR_USAGE,
			"KERNEL_SOURCE and RT_VERSION don't go together: put the queue "
			"into the "
			"variant's patches/");
	/* With the digest right it asks nobody: offline too. */
	if (download_file(&d, e) || keep(f->cache, name, out, SOURCE_TARBALL, e))
		return -1;
	info->url = download_url_public(s->url);
	info->sha256 = xstrdup(s->pin);
	source_info_prove(info, "sha256 pinned by KERNEL_SHA256");
	return 0;
}

/* The mirrors in their order: those of kernel.org's layout as one, for any of them will
 * do for any file, and "apt:" before or behind them. */
static int fetch_mirrors(
	struct fetch *f, int out, struct source_info *info, struct err *e)
{
	struct err layout = {0}, apt = {0};
	bool tried_layout = false;
	int code = ERR_NETWORK;
	for (const char *const *m = source_mirrors(f->env); *m; m++) {
		bool is_apt = source_is_apt(*m);
		struct err *one = is_apt ? &apt : &layout;
		if (is_apt ? !f->spec->apt || f->env->offline : tried_layout)
			continue;
		tried_layout |= !is_apt;
		int status = is_apt ? source_apt_fetch(f->spec, f->env, out, info, one)
				    : fetch_layout(f, out, info, one);
		if (!status)
			return 0;
		if (one->code != ERR_NETWORK && one->code != ERR_VERIFY) {
			*e = *one;
			return -1;
		}
		code = one->code == ERR_VERIFY ? ERR_VERIFY : code;
		log_verbose("%s", one->msg);
	}
	if (!layout.code && !apt.code)
		return err_set(e, ERR_NETWORK,
			"linux-%s.tar.xz is not there, and no mirror "
			"can be asked for it",
			f->spec->version);
	return err_set(e, code, "%s%s%s", layout.msg, layout.code && apt.code ? "; " : "",
		apt.msg);
}

int source_fetch(const struct source_spec *asked, const struct source_env *env, int out,
	struct err *e)
{
	const struct source_spec plain = source_spec_plain(asked), *spec = &plain;
	_source_info_ struct source_info info = {.version = xstrdup(spec->version)};
	_fetch_ struct fetch f = {.cache = -1};
	int status;
	if (fetch_open(&f, spec, env, e))
		return -1;
	if (source_is_local(spec))
		status = source_local_fetch(spec, out, &info, e);
	else if (spec->url)
		status = fetch_url(&f, out, &info, e);
	else
		status = fetch_mirrors(&f, out, &info, e);
	if (status)
		return err_wrap(
			e, "the source of %s", spec->rt ? spec->rt : spec->version);
	if (spec->pin && !spec->url)
		source_info_prove(&info, "KERNEL_SHA256");
	return source_info_write(out, &info, e);
}

int source_missing(const struct source_spec *asked, const struct source_env *env,
	struct str_vec *missing, struct err *e)
{
	const struct source_spec plain = source_spec_plain(asked), *spec = &plain;
	_fetch_ struct fetch f = {.cache = -1};
	if (source_is_local(spec))
		return 0;
	if (fetch_open(&f, spec, env, e))
		return -1;
	if (spec->url) {
		_free_ char *name = xasprintf("source-%s", spec->pin);
		if (!fs_exists(f.cache, name))
			str_vec_add(missing, spec->url);
		return 0;
	}
	for (size_t i = 0; i < f.count; i++) {
		const struct item *item = &f.items[i];
		_source_sums_ struct source_sums sums = {0};
		struct source_env offline = {.cache = env->cache, .offline = true};
		struct err ignored = {0};
		if (spec->require != REQUIRE_TARBALL &&
			source_sums_get(&offline, &f.keys, item->dir, item->name, &sums,
				&ignored))
			str_vec_addf(missing, "%s/sha256sums.asc", item->dir);
		if (!fs_exists(f.cache, item->name))
			str_vec_add(missing, item->name);
		if (spec->require != REQUIRE_SUMS && !fs_exists(f.cache, item->sig))
			str_vec_add(missing, item->sig);
	}
	return 0;
}

/* Which mirrors can tell, in their order; the first that does decides. */
int source_latest(const char *series, const struct source_spec *spec,
	const struct source_env *env, char **version, struct err *e)
{
	_source_keys_ struct source_keys keys = {0};
	_source_sums_ struct source_sums sums = {0};
	_free_ char *dir = source_kernel_dir(series);
	struct err layout = {0}, apt = {0};
	bool tried_layout = false;
	*version = NULL;
	if (source_keys_load(spec->keys, &keys, e) ||
		fs_mkdirs(AT_FDCWD, env->cache, 0755, e))
		return -1;
	for (const char *const *m = source_mirrors(env); *m && !*version; m++) {
		if (source_is_apt(*m)) {
			if (spec->apt && !env->offline)
				source_apt_latest(series, version, &apt);
		} else if (!tried_layout) {
			tried_layout = true;
			if (source_sums_get(env, &keys, dir, NULL, &sums, &layout))
				continue;
			*version = source_sums_newest(&sums, series);
			if (!*version)
				err_set(&layout, ERR_VERIFY, "%s lists no release of %s",
					sums.place, series);
		}
	}
	if (*version)
		return 0;
	int code = layout.code ? layout.code : apt.code ? apt.code : ERR_NETWORK;
	return err_set(e, code, "the newest release of %s can't be found: %s%s%s", series,
		layout.msg, layout.code && apt.code ? "; " : "",
		layout.code || apt.code ? apt.msg : "no mirror can be asked");
}
