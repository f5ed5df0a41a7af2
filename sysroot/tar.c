/* tar.c: the provider tar: a tarball with a known sha256, alone or on top of another. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/archive.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "sysroot/provider.h"

#define ROOT_FORMAT "kiln-tar-root 1"

struct tar_data {
	const char *path, *url; /* of the conf; one of them is there */
	const char *sha256, *prefix;
	uint64_t strip;
	char *local;	      /* path, resolved */
	struct sysroot *base; /* or NULL */
};

static int read_conf(struct sysroot *s, struct tar_data *d, struct err *e)
{
	const char *strip = conf_get(&s->conf, "", "strip");
	const char *slash = strrchr(s->stem, '/');

	d->path = conf_get(&s->conf, "", "path");
	d->url = conf_get(&s->conf, "", "url");
	d->sha256 = conf_get(&s->conf, "", "sha256");
	d->prefix = conf_get(&s->conf, "", "prefix");
	if (!d->path == !d->url)
		return err_set(e, ERR_USAGE,
			"%s: one line path = FILE or url = URL is needed", s->conf.path);
	if (!d->sha256 || !digest_is_sha256(d->sha256))
		return err_set(e, ERR_USAGE,
			"%s: a line sha256 = HEX is needed (64 digits, lower case)",
			s->conf.path);
	if (strip && !str_to_u64(strip, &d->strip))
		return err_set(
			e, ERR_USAGE, "%s: strip = %s is no number", s->conf.path, strip);
	if (d->prefix && (d->prefix[0] == '/' || strstr(d->prefix, "..")))
		return err_set(e, ERR_USAGE,
			"%s: prefix = %s: a path inside the root, such as opt/llvm, is "
			"needed",
			s->conf.path, d->prefix);
	if (d->path && (d->path[0] == '/' || !slash))
		d->local = xstrdup(d->path);
	else if (d->path)
		d->local = xasprintf("%.*s/%s", (int)(slash - s->stem), s->stem, d->path);
	return 0;
}

static int load_base(struct sysroot *s, struct tar_data *d, struct err *e)
{
	static int depth;
	const char *base = conf_get(&s->conf, "", "base");

	if (!base)
		return 0;
	if (depth > 8)
		return err_set(e, ERR_USAGE, "%s: base = %s: bases go round in a circle",
			s->conf.path, base);
	depth++;
	d->base = sysroot_load(s->dirs, base, s->use, e);
	depth--;
	if (d->base && sysroot_root(d->base))
		return err_set(e, ERR_USAGE, "%s: base = %s can't be added to",
			s->conf.path, base);
	return d->base ? 0 : -1;
}

static void add_text(struct digest *digest, const char *text)
{
	text = text ? text : "";
	digest_add(digest, text, strlen(text) + 1);
}

static int tar_load(struct sysroot *s, struct err *e)
{
	struct tar_data *d = xcalloc(1, sizeof(*d));
	struct digest *digest;

	s->data = d;
	if (read_conf(s, d, e) || load_base(s, d, e))
		return -1;
	digest = digest_new(DIGEST_SHA256);
	add_text(digest, ROOT_FORMAT);
	add_text(digest, d->sha256);
	add_text(digest, conf_get(&s->conf, "", "strip"));
	add_text(digest, conf_get(&s->conf, "", "link"));
	add_text(digest, d->prefix);
	add_text(digest, d->base ? sysroot_digest(d->base) : "");
	digest_end(digest, s->digest);
	s->describe = xasprintf("%s: tarball sha256:%s%s%s", s->name, d->sha256,
		d->base ? " on " : "", d->base ? sysroot_describe(d->base) : "");
	return 0;
}

static void tar_free(struct sysroot *s)
{
	struct tar_data *d = s->data;

	if (!d)
		return;
	sysroot_free(d->base);
	free(d->local);
	free(d);
}

static char *tarball_path(const struct tar_data *d, const struct sysroot_env *env)
{
	return d->local ? xstrdup(d->local)
			: xasprintf("%s/%s.tar", env->cache, d->sha256);
}

static int tar_missing(const struct sysroot *s, const struct sysroot_env *env,
	struct str_vec *missing, struct err *e)
{
	const struct tar_data *d = s->data;
	_free_ char *path = tarball_path(d, env);

	if (!fs_exists(AT_FDCWD, path))
		str_vec_addf(missing, "tarball %s", d->url ? d->url : path);
	return d->base ? sysroot_missing(d->base, env, missing, e) : 0;
}

static int tar_fetch(
	const struct sysroot *s, const struct sysroot_env *env, struct err *e)
{
	const struct tar_data *d = s->data;
	_free_ char *path = tarball_path(d, env);
	const char *const urls[] = {d->url, NULL};
	_close_ int dir = -1;
	struct download get = {.urls = urls,
		.name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
		.sha256 = d->sha256,
		.what = d->url};

	if (d->base && sysroot_fetch(d->base, env, e))
		return -1;
	if (!d->url || fs_exists(AT_FDCWD, path))
		return 0;
	if (env->offline)
		return err_set(e, ERR_NETWORK,
			"%s is not in the cache, and --offline forbids fetching it",
			d->url);
	if (fs_mkdirs(AT_FDCWD, env->cache, 0755, e))
		return -1;
	dir = get.dirfd = fs_open_dir(AT_FDCWD, env->cache, e);
	return dir < 0 ? -1 : download_file(&get, e);
}

static int unpack(const struct tar_data *d, const char *path, int dirfd, struct err *e)
{
	struct archive_policy policy = {.root = true,
		.overwrite = true,
		.skip_special = true,
		.strip = (unsigned)d->strip};
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_close_ int into = -1;
	char hex[SHA256_HEX_LEN + 1];

	if (fd < 0)
		return err_sys(e, "can't open %s", path);
	if (digest_fd(fd, path, hex, NULL, e))
		return -1;
	if (!str_eq(hex, d->sha256))
		return err_set(e, ERR_VERIFY, "%s: its sha256 is %s, the conf says %s",
			path, hex, d->sha256);
	if (d->prefix && fs_mkdirs(dirfd, d->prefix, 0755, e))
		return -1;
	into = fs_open_in_root(
		dirfd, d->prefix ? d->prefix : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (into < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "%s", path);
	return archive_unpack(fd, path, into, &policy, e);
}

static int tar_make(
	const struct sysroot *s, const struct sysroot_env *env, int dirfd, struct err *e)
{
	const struct tar_data *d = s->data;
	_free_ char *path = tarball_path(d, env);
	_str_vec_ struct str_vec links = {0};

	conf_words(&s->conf, "", "link", &links);
	if (d->base && sysroot_make(d->base, env, dirfd, e))
		return -1;
	if (unpack(d, path, dirfd, e))
		return -1;
	return finish_root(dirfd, &links, e);
}

static const char *const keys[] = {
	"path", "url", "sha256", "strip", "prefix", "base", "link", NULL};

const struct provider provider_tar = {
	.name = "tar",
	.keys = keys,
	.load = tar_load,
	.free = tar_free,
	.missing = tar_missing,
	.fetch = tar_fetch,
	.make = tar_make,
};
