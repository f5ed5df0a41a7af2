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

struct fetch {
	const struct source_spec *spec;
	const struct source_env *env;
	struct source_keys keys;
	struct source_item item;
	int cache;
};

static void fetch_free(struct fetch *f)
{
	source_item_free(&f->item);
	source_keys_free(&f->keys);
	if (f->cache >= 0)
		close(f->cache);
}
#define _fetch_ __attribute__((cleanup(fetch_free)))

static int fetch_open(struct fetch *f, const struct source_spec *spec,
	const struct source_env *env, struct err *e)
{
	*f = (struct fetch){.spec = spec, .env = env, .cache = -1};
	if (source_check(spec, e) || source_keys_load(spec->keys, &f->keys, e) ||
		fs_mkdirs(AT_FDCWD, env->cache, 0755, e))
		return -1;
	f->cache = fs_open_dir(AT_FDCWD, env->cache, e);
	f->item = source_item_kernel(spec->version);
	/* Where no sums are asked, the pin is the one digest that is known beforehand. */
	if (spec->require == REQUIRE_TARBALL && spec->pin)
		snprintf(f->item.sha256, sizeof(f->item.sha256), "%s", spec->pin);
	return f->cache < 0 ? -1 : 0;
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

/* Into the result: a link where it can be, so that the cache still has it when the store
 * is swept; else a copy. */
static int keep(int from, const char *name, int to, const char *final, struct err *e)
{
	if (!linkat(from, name, to, final, 0))
		return 0;
	return fs_copy_file(from, name, to, final, 0644, e);
}

/* Without sums nothing has proved the bytes yet: the signature does it here, though it
 * means to decompress once more. */
static int prove_by_signature(struct fetch *f, struct err *e)
{
	_free_ char *path = fs_join(f->env->cache, f->item.name);
	_free_ char *kept = source_item_kept_sig(&f->item);
	_free_ char *sig = fs_join(f->env->cache, kept);
	struct source_stream stream = {
		.path = path,
		.name = f->item.name,
		.signature = sig,
		.role = &f->keys.developers,
		.dirfd = -1,
	};
	if (!source_stream_run(&stream, e))
		return 0;
	source_item_forget(&f->item, f->spec->require, f->cache);
	return -1;
}

static int keep_item(struct fetch *f, int out, struct err *e)
{
	_free_ char *sig = source_item_kept_sig(&f->item);
	if (keep(f->cache, f->item.name, out, SOURCE_TARBALL, e))
		return -1;
	if (f->spec->require == REQUIRE_SUMS)
		return 0;
	return keep(f->cache, sig, out, SOURCE_TARBALL_SIG, e);
}

static int fetch_layout(struct fetch *f, int out, struct source_info *info, struct err *e)
{
	const struct source_spec *s = f->spec;
	struct source_item *item = &f->item;
	bool by_sums = s->require != REQUIRE_TARBALL;
	if (by_sums && (source_item_digest(f->env, &f->keys, item, e) ||
			       check_pin(f, item->sha256, e)))
		return -1;
	if (source_item_bring(f->env, s->require, item, f->cache, e) ||
		(!by_sums && prove_by_signature(f, e)) || keep_item(f, out, e))
		return -1;
	if (by_sums)
		source_item_prove_sums(info, item);
	if (s->require == REQUIRE_SUMS)
		source_info_prove(info, "no signature of a developer (--require sums)");
	info->url = xasprintf("%s/%s/%s", SOURCE_KERNEL_ORG, item->dir, item->name);
	info->sha256 = xstrdup(item->sha256);
	return 0;
}

/* KERNEL_SOURCE=<url>: the pin is the proof. */
static int fetch_url(struct fetch *f, int out, struct source_info *info, struct err *e)
{
	const struct given g = source_given(f->spec);
	_free_ char *name = given_cache_name(&g);
	if (given_bring(&g, f->cache, f->env->offline, e) ||
		keep(f->cache, name, out, SOURCE_TARBALL, e))
		return -1;
	info->url = download_url_public(g.place);
	info->sha256 = xstrdup(g.pin);
	source_info_prove(info, "sha256 pinned by %s", g.pin_key);
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
		return err_wrap(e, "the source of %s", spec->version);
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
		const struct given g = source_given(spec);
		if (given_is_missing(&g, f.cache))
			str_vec_add(missing, spec->url);
		return 0;
	}
	source_item_missing(env, &f.keys, spec->require, &f.item, f.cache, missing);
	return 0;
}

void source_forget(
	const struct source_spec *asked, const struct source_env *env, const char *from)
{
	const struct source_spec plain = source_spec_plain(asked), *spec = &plain;
	_source_info_ struct source_info info = {0};
	_fetch_ struct fetch f = {.cache = -1};
	struct err ignored = {0};
	if (spec->url || source_info_read(from, &info, &ignored) ||
		fetch_open(&f, spec, env, &ignored))
		return;
	snprintf(f.item.sha256, sizeof(f.item.sha256), "%s", info.sha256);
	source_item_forget(&f.item, spec->require, f.cache);
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
