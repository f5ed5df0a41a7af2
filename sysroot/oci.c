/* oci.c: the provider oci: a layout, an archive of one, or a directory made by skopeo. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/archive.h"
#include "orchestrator/base/fs.h"
#include "sysroot/oci_root.h"

#define ROOT_FORMAT "kiln-oci-root 1"

struct oci_data {
	char *path;
	bool archive;
	struct oci_root root; /* unless archive */
};

/* A conf's path is relative to the conf. */
static char *path_of(const struct sysroot *s)
{
	const char *path = s->spec ? s->spec : conf_get(&s->conf, "", "path");
	const char *slash = s->stem ? strrchr(s->stem, '/') : NULL;

	if (!path)
		return NULL;
	if (path[0] == '/' || s->spec || !slash)
		return xstrdup(path);
	return xasprintf("%.*s/%s", (int)(slash - s->stem), s->stem, path);
}

static int load_archive(struct sysroot *s, struct oci_data *d, char *hex, struct err *e)
{
	(void)s;
	d->archive = true;
	return digest_file(AT_FDCWD, d->path, hex, NULL, e);
}

static int load_dir(struct sysroot *s, struct oci_data *d, char *hex, struct err *e)
{
	if (oci_root_read(d->path, conf_get(&s->conf, "", "tag"), &d->root, e))
		return -1;
	memcpy(hex, d->root.manifest, SHA256_HEX_LEN + 1);
	return 0;
}

static int oci_load(struct sysroot *s, struct err *e)
{
	struct oci_data *d = xcalloc(1, sizeof(*d));
	char hex[SHA256_HEX_LEN + 1];
	struct digest *digest;
	int r;

	s->data = d;
	d->path = path_of(s);
	if (!d->path)
		return err_set(e, ERR_USAGE, "%s: no line path = LAYOUT", s->conf.path);
	r = fs_is_dir(AT_FDCWD, d->path) ? load_dir(s, d, hex, e)
					 : load_archive(s, d, hex, e);
	if (r)
		return err_wrap(e, "sysroot %s", s->name);
	digest = digest_new(DIGEST_SHA256);
	digest_add(digest, ROOT_FORMAT, sizeof(ROOT_FORMAT));
	digest_add(digest, hex, SHA256_HEX_LEN);
	digest_end(digest, s->digest);
	s->describe = xasprintf("%s: OCI image sha256:%s", s->name, hex);
	return 0;
}

static void oci_free(struct sysroot *s)
{
	struct oci_data *d = s->data;

	if (!d)
		return;
	oci_root_free(&d->root);
	free(d->path);
	free(d);
}

static int unpack_archive(const struct sysroot *s, const struct oci_data *d,
	const char *tmp, int dirfd, struct err *e)
{
	_close_ int fd = open(d->path, O_RDONLY | O_CLOEXEC);
	_close_ int dir = fs_open_dir(AT_FDCWD, tmp, e);
	struct oci_root root = {0};
	int r;

	if (dir < 0)
		return -1;
	if (fd < 0)
		return err_sys(e, "can't open %s", d->path);
	r = archive_unpack(fd, d->path, dir, NULL, e);
	if (r == 0)
		r = oci_root_read(tmp, conf_get(&s->conf, "", "tag"), &root, e);
	if (r == 0)
		r = oci_root_unpack(&root, dirfd, e);
	oci_root_free(&root);
	return r;
}

static int make_archive(const struct sysroot *s, const struct sysroot_env *env,
	const struct oci_data *d, int dirfd, struct err *e)
{
	_free_ char *tmp = xasprintf("%s/oci.XXXXXX", env->cache);
	struct err ignored = {0};
	int r;

	if (fs_mkdirs(AT_FDCWD, env->cache, 0755, e))
		return -1;
	if (!mkdtemp(tmp))
		return err_sys(e, "can't make a directory in %s", env->cache);
	r = unpack_archive(s, d, tmp, dirfd, e);
	fs_remove(AT_FDCWD, tmp, &ignored);
	return r;
}

static int oci_make(
	const struct sysroot *s, const struct sysroot_env *env, int dirfd, struct err *e)
{
	const struct oci_data *d = s->data;
	_str_vec_ struct str_vec links = {0};
	int r = d->archive ? make_archive(s, env, d, dirfd, e)
			   : oci_root_unpack(&d->root, dirfd, e);

	conf_words(&s->conf, "", "link", &links);
	return r ? r : finish_root(dirfd, &links, e);
}

static const char *const keys[] = {"path", "tag", "link", NULL};

const struct provider provider_oci = {
	.name = "oci",
	.keys = keys,
	.load = oci_load,
	.free = oci_free,
	.make = oci_make,
};
