#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/given.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/proc.h"

#define FILE_LIMIT (UINT64_C(2) << 30)

bool given_is_url(const char *place)
{
	return place && strstr(place, "://");
}

int given_check(const struct given *g, struct err *e)
{
	if (g->pin && !digest_is_sha256(g->pin))
		return err_set(e, ERR_USAGE,
			"%s=%s is no sha256; it has 64 lower-case hex digits", g->pin_key,
			g->pin);
	if (given_is_url(g->place) && !g->pin)
		return err_set(e, ERR_USAGE,
			"%s=%s needs %s=<sha256 of the file> beside it: nothing else "
			"would prove it",
			g->key, g->place, g->pin_key);
	return 0;
}

bool given_git(const char *checkout, const char *const *words, struct buf *out)
{
	_str_vec_ struct str_vec argv = {0};
	struct proc_end end;
	struct err ignored = {0};
	str_vec_add(&argv, "git");
	str_vec_add(&argv, "-C");
	str_vec_add(&argv, checkout);
	for (; *words; words++)
		str_vec_add(&argv, *words);
	return !proc_capture((const char *const *)argv.items, false, 1 << 20, out, &end,
		       &ignored) &&
	       proc_ok(&end);
}

/* The commit of a checkout in which nothing was changed; NULL for all else. */
static char *clean_commit(const char *path)
{
	static const char *const status[] = {"status", "--porcelain", NULL};
	static const char *const commit[] = {"rev-parse", "--verify", "HEAD", NULL};
	_free_ char *dot_git = fs_join(path, ".git");
	_buf_ struct buf changes = {0}, head = {0};
	if (!fs_exists(AT_FDCWD, dot_git) || !given_git(path, status, &changes) ||
		changes.len || !given_git(path, commit, &head))
		return NULL;
	return xstrdup(str_trim(head.data));
}

/* A digest over what a copy would hold: names, types, exec bits, bytes, and the newest
 * mtime, which becomes the kernel's date. */
struct content {
	struct digest *digest;
	int64_t newest;
};

static int add_entry(const struct fs_entry *entry, void *arg, struct err *e)
{
	struct content *c = arg;
	char hex[SHA256_HEX_LEN + 1] = "", target[4096];
	const struct stat *st = entry->st;
	if (str_eq(entry->rel, ".git"))
		return S_ISDIR(st->st_mode) ? 1 : 0;
	if (S_ISREG(st->st_mode)) {
		if (digest_file(entry->parent_fd, entry->name, hex, NULL, e))
			return -1;
		if (st->st_mtime > c->newest)
			c->newest = st->st_mtime;
	}
	ssize_t n = 0;
	if (S_ISLNK(st->st_mode))
		n = readlinkat(entry->parent_fd, entry->name, target, sizeof(target));
	if (n < 0)
		return err_sys(e, "can't read the link %s", entry->rel);
	digest_add(c->digest, entry->rel, strlen(entry->rel) + 1);
	char kind = S_ISREG(st->st_mode)   ? (st->st_mode & 0100 ? 'x' : 'f')
		    : S_ISDIR(st->st_mode) ? 'd'
		    : S_ISLNK(st->st_mode) ? 'l'
					   : '?';
	digest_add(c->digest, &kind, 1);
	digest_add(c->digest, hex, sizeof(hex));
	digest_add(c->digest, target, (size_t)n);
	digest_add(c->digest, "", 1);
	return 0;
}

static int content_identity(
	const struct given *g, char **identity, int64_t *newest, struct err *e)
{
	struct content c = {.digest = digest_new(DIGEST_SHA256)};
	char hex[SHA256_HEX_LEN + 1];
	int status = fs_walk(AT_FDCWD, g->place, add_entry, &c, e);
	digest_end(c.digest, hex);
	if (status)
		return err_wrap(e, "%s=%s", g->key, g->place);
	if (newest)
		*newest = c.newest;
	*identity = xasprintf("content:%s@%lld", hex, (long long)c.newest);
	return 0;
}

static int file_identity(const struct given *g, char **identity, struct err *e)
{
	char hex[SHA256_HEX_LEN + 1];
	if (digest_file(AT_FDCWD, g->place, hex, NULL, e))
		return -1;
	if (g->pin && !str_eq(hex, g->pin))
		return err_set(e, ERR_VERIFY, "%s=%s is sha256:%s, %s demands %s", g->key,
			g->place, hex, g->pin_key, g->pin);
	*identity = xasprintf("sha256:%s", hex);
	return 0;
}

static int local_identity(
	const struct given *g, char **identity, int64_t *newest, struct err *e)
{
	struct stat st;
	if (stat(g->place, &st))
		return err_set(
			e, ERR_USAGE, "%s=%s: %s", g->key, g->place, strerror(errno));
	if (S_ISREG(st.st_mode))
		return file_identity(g, identity, e);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "%s=%s is neither a tree nor a tarball",
			g->key, g->place);
	if (g->pin)
		return err_set(e, ERR_VERIFY,
			"%s=%s is a directory, and %s demands a file with that sha256",
			g->key, g->place, g->pin_key);
	_free_ char *commit = clean_commit(g->place);
	if (!commit)
		return content_identity(g, identity, newest, e);
	*identity = xasprintf("git:%s", commit);
	return 0;
}

int given_identity(const struct given *g, char **identity, int64_t *newest, struct err *e)
{
	*identity = NULL;
	if (g->place && *g->place && !given_is_url(g->place))
		return local_identity(g, identity, newest, e);
	*identity = xstrdup("");
	return 0;
}

int given_unchanged(
	const struct given *g, const char *identity, int64_t *newest, struct err *e)
{
	_free_ char *now = NULL;
	if (given_identity(g, &now, newest, e))
		return -1;
	if (str_eq(now, identity))
		return 0;
	return err_set(e, ERR_USAGE,
		"%s=%s was changed since this build was planned; build again", g->key,
		g->place);
}

char *given_cache_name(const struct given *g)
{
	return xasprintf("source-%s", g->pin);
}

bool given_is_missing(const struct given *g, int cache)
{
	_free_ char *name = given_cache_name(g);
	return given_is_url(g->place) && !fs_exists(cache, name);
}

int given_bring(const struct given *g, int cache, bool offline, struct err *e)
{
	_free_ char *name = given_cache_name(g);
	struct download d = {
		.urls = (const char *const[]){g->place, NULL},
		.dirfd = cache,
		.name = name,
		.sha256 = g->pin,
		.max_size = FILE_LIMIT,
		.what = g->place,
	};
	if (offline && !fs_exists(cache, name))
		return err_set(e, ERR_NETWORK,
			"%s is not in the cache, and --offline forbids fetching it",
			g->place);
	/* With the digest right it asks nobody: offline too. */
	return download_file(&d, e);
}
