/* source_sums.c: sha256sums.asc of one kernel.org directory. A verified copy stays in the
 * cache: an entry never changes, so what it lists needs no network again, and an older
 * file than one that was seen is a replay. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kernel/source_int.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"

enum { SUMS_LIMIT = 8 << 20 };

void source_sums_free(struct source_sums *s)
{
	buf_free(&s->text);
	free(s->place);
	*s = (struct source_sums){0};
}

/* Where a verified copy stays, below the cache. */
static char *kept_name(const char *dir)
{
	return xasprintf("sums/%s/sha256sums.asc", dir);
}

static const char *day(long long seconds)
{
	static char text[32];
	time_t t = (time_t)seconds;
	struct tm tm;
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M", gmtime_r(&t, &tm));
	return text;
}

static int verify(const char *path, const struct source_keys *keys,
	struct source_sums *sums, struct err *e)
{
	buf_clear(&sums->text);
	return gpgv_clearsigned(path, &keys->sums, &sums->text, &sums->signer, e);
}

/* A line is "<64 hex>  <name>"; 1 with hex and name when it is one. */
static bool parse_line(char *line, char **name)
{
	size_t hex = strspn(line, "0123456789abcdef");
	if (hex != SHA256_HEX_LEN || line[hex] != ' ' ||
		(line[hex + 1] != ' ' && line[hex + 1] != '*'))
		return false;
	line[hex] = '\0';
	*name = line + hex + 2;
	return **name != '\0';
}

static int find(const struct source_sums *sums, const char *want, char *hex)
{
	_free_ char *copy = xstrdup(sums->text.data ? sums->text.data : "");
	char *line, *name, *pos = copy;
	int found = 0;
	while ((line = str_next_line(&pos))) {
		if (!parse_line(line, &name) || !str_eq(name, want))
			continue;
		/* The same line twice says nothing new; another digest is a lie. */
		if (found && memcmp(hex, line, SHA256_HEX_LEN + 1))
			return 2;
		memcpy(hex, line, SHA256_HEX_LEN + 1);
		found = 1;
	}
	return found;
}

int source_sums_find(const struct source_sums *sums, const char *name,
	char hex[SHA256_HEX_LEN + 1], struct err *e)
{
	switch (find(sums, name, hex)) {
	case 1:
		return 0;
	case 2:
		return err_set(
			e, ERR_VERIFY, "%s lists %s with two digests", sums->place, name);
	default:
		return err_set(e, ERR_VERIFY,
			"%s is not listed in %s yet (signed %s UTC; a new release can be "
			"missing for hours)",
			name, sums->place, day(sums->signer.signed_at));
	}
}

/* "6.12.59" of "linux-6.12.59.tar.xz" if that is of the series. */
static char *release_of(const char *name, const char *series)
{
	size_t len = strlen(name), n = strlen(series);
	const size_t head = strlen("linux-"), tail = strlen(".tar.xz");
	if (!str_starts(name, "linux-") || !str_ends(name, ".tar.xz") ||
		len <= head + tail)
		return NULL;
	_free_ char *version = xstrndup(name + head, len - head - tail);
	bool fits = str_starts(version, series) && (version[n] == '.' || !version[n]);
	return fits && source_is_version(version) && !source_is_candidate(version)
		       ? steal(version)
		       : NULL;
}

char *source_sums_newest(const struct source_sums *sums, const char *series)
{
	_free_ char *copy = xstrdup(sums->text.data ? sums->text.data : "");
	_free_ char *newest = NULL;
	char *line, *name, *pos = copy;
	while ((line = str_next_line(&pos))) {
		_free_ char *version =
			parse_line(line, &name) ? release_of(name, series) : NULL;
		if (!version || (newest && str_version_cmp(version, newest) <= 0))
			continue;
		free(newest);
		newest = steal(version);
	}
	return steal(newest);
}

/* Today's file is verified under its own name in a directory of this process, and only
 * then takes the place of the one that was kept. */
static int verify_fresh(const char *fresh, const char *kept,
	const struct source_keys *keys, const struct source_sums *seen,
	struct source_sums *sums, struct err *e)
{
	if (verify(fresh, keys, sums, e))
		return -1;
	if (seen && sums->signer.signed_at < seen->signer.signed_at) {
		_free_ char *old = xstrdup(day(sums->signer.signed_at));
		return err_set(e, ERR_VERIFY,
			"it was signed %s UTC, and a newer one, signed %s UTC, was seen "
			"before: "
			"replayed, or the mirror is behind",
			old, day(seen->signer.signed_at));
	}
	if (rename(fresh, kept))
		return err_sys(e, "can't rename %s", fresh);
	return 0;
}

static int fetch_from(const char *mirror, const char *dir, const struct source_env *env,
	const struct source_keys *keys, const struct source_sums *seen,
	struct source_sums *sums, struct err *e)
{
	_free_ char *url = xasprintf("%s/%s/sha256sums.asc", mirror, dir);
	_free_ char *own = xasprintf("%s/sums/%s/%d", env->cache, dir, (int)getpid());
	_free_ char *fresh = fs_join(own, "sha256sums.asc");
	_free_ char *name = kept_name(dir), *kept = fs_join(env->cache, name);
	struct err ignored = {0};
	if (fs_mkdirs(AT_FDCWD, own, 0755, e))
		return -1;
	_close_ int own_fd = fs_open_dir(AT_FDCWD, own, e);
	struct download d = {
		.urls = (const char *const[]){url, NULL},
		.dirfd = own_fd,
		.name = "sha256sums.asc",
		.max_size = SUMS_LIMIT,
		.what = sums->place,
	};
	int status = own_fd < 0 ? -1 : download_file(&d, e);
	if (!status && verify_fresh(fresh, kept, keys, seen, sums, e))
		status = err_wrap(e, "%s", url);
	fs_remove(AT_FDCWD, own, &ignored);
	return status;
}

/* What an earlier call left; -1 when nothing, or nothing that these keys prove. */
static int from_cache(const struct source_env *env, const struct source_keys *keys,
	const char *dir, struct source_sums *sums)
{
	_free_ char *name = kept_name(dir), *path = fs_join(env->cache, name);
	struct err ignored = {0};
	if (!fs_exists(AT_FDCWD, path))
		return -1;
	if (!verify(path, keys, sums, &ignored))
		return 0;
	log_verbose("%s (fetched again)", ignored.msg);
	return -1;
}

int source_sums_get(const struct source_env *env, const struct source_keys *keys,
	const char *dir, const char *want, struct source_sums *sums, struct err *e)
{
	_source_sums_ struct source_sums seen = {0};
	_buf_ struct buf reasons = {0};
	char hex[SHA256_HEX_LEN + 1];
	int code = ERR_NETWORK;
	seen.place = xasprintf("%s/sha256sums.asc", dir);
	bool cached = !from_cache(env, keys, dir, &seen);
	if (cached && (env->offline || (want && find(&seen, want, hex) == 1))) {
		*sums = seen;
		seen = (struct source_sums){0};
		return 0;
	}
	if (env->offline)
		return err_set(e, ERR_NETWORK,
			"%s is not in the cache, and --offline forbids fetching it",
			seen.place);
	*sums = (struct source_sums){.place = xstrdup(seen.place)};
	for (const char *const *m = source_mirrors(env); *m; m++) {
		struct err one = {0};
		if (source_is_apt(*m))
			continue;
		if (!fetch_from(*m, dir, env, keys, cached ? &seen : NULL, sums, &one))
			return 0;
		if (one.code != ERR_NETWORK && one.code != ERR_VERIFY) {
			*e = one;
			return -1;
		}
		code = one.code == ERR_VERIFY ? ERR_VERIFY : code;
		buf_addf(&reasons, "%s%s", reasons.len ? "; " : "", one.msg);
	}
	if (!reasons.len)
		return err_set(e, ERR_NETWORK, "no mirror has %s", seen.place);
	return err_set(e, code, "%s", buf_str(&reasons));
}
