/* sysroot.c: finds a sysroot by name and hands over to its provider. */
#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "sysroot/provider.h"

static const struct provider *const providers[] = {
	&provider_debian, &provider_oci, &provider_tar, &provider_host};

static const struct provider *provider_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(providers); i++)
		if (str_eq(providers[i]->name, name))
			return providers[i];
	return NULL;
}

/* Names that need no file: "host", "oci:PATH". */
static bool inline_name(struct sysroot *s)
{
	if (str_eq(s->name, "host")) {
		s->provider = &provider_host;
		return true;
	}
	if (str_starts(s->name, "oci:") && s->name[4]) {
		s->provider = provider_find("oci");
		s->spec = xstrdup(s->name + 4);
		return s->provider != NULL;
	}
	return false;
}

static char *conf_path(const char *dir, const char *name)
{
	_free_ char *stem = dir ? fs_join(dir, name) : xstrdup(name);

	return xasprintf("%s.conf", stem);
}

static char *find_stem(const char *const *dirs, const char *name, struct err *e)
{
	_buf_ struct buf looked = {0};

	if (strchr(name, '/')) {
		_free_ char *path = conf_path(NULL, name);

		if (fs_exists(AT_FDCWD, path))
			return xstrdup(name);
		err_set(e, ERR_USAGE, "no sysroot %s: there is no %s", name, path);
		return NULL;
	}
	for (; dirs && *dirs; dirs++) {
		_free_ char *path = conf_path(*dirs, name);

		if (fs_exists(AT_FDCWD, path))
			return fs_join(*dirs, name);
		buf_addf(&looked, "%s%s", looked.len ? ", " : "", *dirs);
	}
	err_set(e, ERR_USAGE, "no sysroot '%s': there is no %s.conf in %s", name, name,
		looked.len ? buf_str(&looked) : "any directory");
	return NULL;
}

static int check_keys(const struct sysroot *s, struct err *e)
{
	static const char *const common[] = {"provider", "image"};
	const char *known[32];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		known[n++] = common[i];
	for (const char *const *k = s->provider->keys; k && *k; k++)
		if (n + 1 < ARRAY_LEN(known))
			known[n++] = *k;
	known[n] = NULL;
	return conf_check_keys(&s->conf, known, e);
}

/* Finds and reads the conf: all but the provider's own part. */
struct sysroot *sysroot_open(const char *const *dirs, const char *name, struct err *e)
{
	struct sysroot *s = xcalloc(1, sizeof(*s));
	_free_ char *path = NULL;
	const char *provider;

	s->name = xstrdup(name);
	s->dirs = dirs;
	if (inline_name(s))
		return s;
	s->stem = find_stem(dirs, name, e);
	if (!s->stem)
		goto fail;
	path = conf_path(NULL, s->stem);
	if (conf_read(&s->conf, path, e))
		goto fail;
	provider = conf_get(&s->conf, "", "provider");
	s->provider = provider_find(provider);
	if (!s->provider) {
		err_set(e, ERR_USAGE,
			"%s: provider = %s: it is one of debian, oci, tar, host", path,
			provider ? provider : "(missing)");
		goto fail;
	}
	if (check_keys(s, e))
		goto fail;
	return s;
fail:
	sysroot_free(s);
	return NULL;
}

struct sysroot *sysroot_load(const char *const *dirs, const char *name,
	const struct sysroot_use *use, struct err *e)
{
	struct sysroot *s = sysroot_open(dirs, name, e);

	if (!s)
		return NULL;
	s->use = use;
	if (s->provider->load(s, e)) {
		sysroot_free(s);
		return NULL;
	}
	s->use = NULL;
	s->dirs = NULL;
	return s;
}

void sysroot_free(struct sysroot *s)
{
	if (!s)
		return;
	if (s->provider && s->provider->free)
		s->provider->free(s);
	conf_free(&s->conf);
	free(s->name);
	free(s->stem);
	free(s->spec);
	free(s->describe);
	free(s);
}

const char *sysroot_name(const struct sysroot *s)
{
	return s->name;
}

const char *sysroot_digest(const struct sysroot *s)
{
	return s->digest;
}

const char *sysroot_describe(const struct sysroot *s)
{
	return s->describe;
}

const char *sysroot_root(const struct sysroot *s)
{
	return s->provider->root;
}

static char *image_in_dir(const char *dir, const char *image)
{
	_str_vec_ struct str_vec names = {0};
	struct err ignored = {0};

	if (fs_list(AT_FDCWD, dir, &names, &ignored))
		return NULL;
	for (size_t i = 0; i < names.len; i++) {
		_free_ char *path = fs_join(dir, names.items[i]);
		struct conf conf;
		bool hit;

		if (!str_ends(names.items[i], ".conf"))
			continue;
		hit = conf_read(&conf, path, &ignored) == 0 &&
		      str_eq(conf_get(&conf, "", "image"), image);
		conf_free(&conf);
		if (hit)
			return xstrndup(
				names.items[i], strlen(names.items[i]) - strlen(".conf"));
	}
	return NULL;
}

char *sysroot_for_image(const char *const *dirs, const char *image)
{
	char *name = NULL;

	for (; !name && image && dirs && *dirs; dirs++)
		name = image_in_dir(*dirs, image);
	return name;
}

int sysroot_missing(const struct sysroot *s, const struct sysroot_env *env,
	struct str_vec *missing, struct err *e)
{
	return s->provider->missing ? s->provider->missing(s, env, missing, e) : 0;
}

int sysroot_fetch(const struct sysroot *s, const struct sysroot_env *env, struct err *e)
{
	return s->provider->fetch ? s->provider->fetch(s, env, e) : 0;
}

int sysroot_make(
	const struct sysroot *s, const struct sysroot_env *env, int dirfd, struct err *e)
{
	if (!s->provider->make)
		return err_set(e, ERR_INTERNAL, "sysroot %s is there already", s->name);
	if (sysroot_fetch(s, env, e) || s->provider->make(s, env, dirfd, e))
		return err_wrap(e, "sysroot %s", s->name);
	return 0;
}
