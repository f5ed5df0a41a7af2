#include "oci/layer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "oci/blob.h"
#include "oci/media.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/tar.h"

/* What a layer's tar has so far: a directory is written once, before what it holds. */
struct members {
	struct tar *tar;
	struct str_vec dirs;
};

static int add_dir_once(struct members *m, const char *dir, struct err *e)
{
	if (str_vec_has(&m->dirs, dir))
		return 0;
	str_vec_add(&m->dirs, dir);
	return tar_add_dir(m->tar, dir, e);
}

static int add_parents(struct members *m, const char *member, struct err *e)
{
	const char *slash = member;

	while ((slash = strchr(slash, '/'))) {
		_free_ char *dir = xstrndup(member, (size_t)(slash - member));

		if (add_dir_once(m, dir, e) < 0)
			return -1;
		slash++;
	}
	return 0;
}

static int add_file(struct members *m, const struct oci_file *file, struct err *e)
{
	_free_ char *prefix = NULL;

	if (add_parents(m, file->member, e) < 0)
		return -1;
	if (!fs_is_dir(AT_FDCWD, file->path))
		return tar_add_file_as(m->tar, file->member,
			file->executable ? 0755 : 0644, AT_FDCWD, file->path, e);
	if (file->member[0] && add_dir_once(m, file->member, e) < 0)
		return -1;
	prefix = xasprintf("%s%s", file->member, file->member[0] ? "/" : "");
	return tar_add_tree(m->tar, prefix, AT_FDCWD, file->path, NULL, NULL, e);
}

static int add_files(struct tar *tar, const struct oci_layer *layer, struct err *e)
{
	struct members m = {.tar = tar};
	int ret = 0;

	for (const struct oci_file *f = layer->files; ret == 0 && f->member; f++)
		ret = add_file(&m, f, e);
	str_vec_free(&m.dirs);
	return ret;
}

/* tar, then the diff_id, then the compression, then the digest, then the file. */
static int write_to(int fd, const char *name, const struct oci_layer *layer,
	int64_t mtime, int threads, struct oci_layer_blob *blob, struct err *e)
{
	struct sink *s = sink_fd(fd, name, NULL);
	struct tar *tar;

	s = sink_sha256(s, blob->digest, &blob->size);
	s = compress_sink(s, layer->compression, 0, threads);
	s = sink_sha256(s, blob->diff_id, &blob->plain_size);
	tar = tar_open(s, mtime);
	if (add_files(tar, layer, e) < 0) {
		tar_abort(tar);
		return -1;
	}
	return tar_close(tar, e);
}

int oci_layer_write(const struct oci_layout *l, const struct oci_layer *layer,
	int64_t mtime, int threads, struct oci_layer_blob *blob, struct err *e)
{
	_free_ char *temp = xasprintf("layer.tmp.%d", (int)getpid()), *path = NULL;
	_close_ int fd = -1;

	if (!media_layer_type(layer->compression))
		return err_set(e, ERR_USAGE,
			"a layer can't be compressed as %s: take gzip, zstd or none",
			compress_name(layer->compression));
	unlinkat(l->dir, temp, 0);
	fd = openat(l->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "%s/%s: can't be created", l->path, temp);
	if (write_to(fd, temp, layer, mtime, threads, blob, e) < 0) {
		unlinkat(l->dir, temp, 0);
		return err_wrap(e, "layer '%s'", layer->title);
	}
	path = oci_blob_path(blob->digest);
	if (renameat(l->dir, temp, l->dir, path) < 0) {
		err_sys(e, "%s/%s: can't be renamed into place", l->path, path);
		unlinkat(l->dir, temp, 0);
		return -1;
	}
	return 0;
}
