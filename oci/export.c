/* export.c: an image as one tar: an OCI archive, or what `docker load` reads. */
#include "oci/manage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "oci/blob.h"
#include "oci/index.h"
#include "oci/media.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/tar.h"

/* What a layer may expand to. */
#define LAYER_MAX (64ULL << 30)

static bool fits(const json_t *entry, const char *architecture)
{
	const char *own =
		json_get_string(json_object_get(entry, "platform"), "architecture");

	return !architecture[0] || str_eq(own, architecture);
}

/* The one entry of a tag's index for an architecture; borrowed. */
static json_t *choose(const struct oci_layout *l, const json_t *image,
	const json_t *index, const char *architecture, struct err *e)
{
	json_t *entry, *found = NULL;
	_buf_ struct buf have = {0};
	size_t i, count = 0;

	json_array_foreach(json_object_get(index, "manifests"), i, entry)
	{
		_free_ char *platform = oci_platform_name(entry);

		buf_addf(&have, "%s%s", have.len ? ", " : "", platform);
		if (fits(entry, architecture)) {
			found = entry;
			count++;
		}
	}
	if (count == 1)
		return found;
	err_set(e, ERR_USAGE, "%s: %s has %s: say which with --arch", l->path,
		oci_index_name_of(image), have.len ? have.data : "no platform at all");
	return NULL;
}

json_t *oci_manifest_for(const struct oci_layout *l, const json_t *image,
	const char *architecture, struct err *e)
{
	_json_ json_t *index = NULL;
	json_t *found;

	if (media_of(json_get_string(image, "mediaType"))->kind != MEDIA_INDEX)
		return json_deep_copy(image);
	index = oci_blob_json(l, image, e);
	found = index ? choose(l, image, index, architecture, e) : NULL;
	return found ? json_deep_copy(found) : NULL;
}

static int add_json(
	struct tar *tar, const char *member, const json_t *value, struct err *e)
{
	_buf_ struct buf text = {0};

	json_dump(value, &text);
	return tar_add_bytes(tar, member, 0644, text.data, text.len, e);
}

/* Digest first, tar second: a damaged blob never gets into an archive. */
static int add_blobs(
	const struct oci_layout *l, struct tar *tar, const json_t *set, struct err *e)
{
	_str_vec_ struct str_vec names = {0};
	const char *hex;
	json_t *ignored;

	json_object_foreach((json_t *)set, hex, ignored) str_vec_add(&names, hex);
	str_vec_sort(&names);
	for (size_t i = 0; i < names.len; i++) {
		_free_ char *path = oci_blob_path(names.items[i]);

		if (oci_blob_check(l, json_object_get(set, names.items[i]), e) < 0 ||
			tar_add_file_as(tar, path, 0644, l->dir, path, e) < 0)
			return -1;
	}
	return 0;
}

static int fill_oci(const struct oci_layout *l, const struct oci_export *what,
	const json_t *image, struct tar *tar, struct err *e)
{
	_json_ json_t *index = oci_index_new(), *set = json_object(), *entry = NULL;
	_json_ json_t *version = json_pack("{s:s}", "imageLayoutVersion", "1.0.0");

	if (what->architecture[0]) {
		entry = oci_manifest_for(l, image, what->architecture, e);
		if (!entry)
			return -1;
		json_object_set(
			entry, "annotations", json_object_get(image, "annotations"));
	} else {
		entry = json_deep_copy(image);
	}
	json_array_append(json_object_get(index, "manifests"), entry);
	if (oci_reach(l, entry, set, e) < 0 ||
		add_json(tar, "oci-layout", version, e) < 0 ||
		add_json(tar, "index.json", index, e) < 0)
		return -1;
	return add_blobs(l, tar, set, e);
}

static int discard(struct sink *s, const void *data, size_t len, struct err *e)
{
	(void)s;
	(void)data;
	(void)len;
	(void)e;
	return 0;
}

static int discard_close(struct sink *s, struct err *e)
{
	(void)e;
	return s->failed ? -1 : 0;
}

/* Expands a layer once to learn its length and to prove its diff_id. */
static int measure(const struct oci_layout *l, const json_t *layer, const char *diff_id,
	uint64_t *size, struct err *e)
{
	struct sink nowhere = {.write = discard, .close = discard_close};
	_close_ int fd = oci_blob_open(l, layer, e);
	const char *name = oci_descriptor_hex(layer);
	char got[SHA256_HEX_LEN + 1];
	struct sink *s;

	if (fd < 0)
		return -1;
	s = sink_sha256(&nowhere, got, size);
	if (compress_expand(fd, name, s, LAYER_MAX, NULL, e) < 0) {
		sink_abort(s);
		e->code = e->code == ERR_INPUT ? ERR_STORE : e->code;
		return err_wrap(e, "%s", l->path);
	}
	if (sink_close(s, e) < 0)
		return -1;
	if (!str_eq(got, diff_id))
		return err_set(e, ERR_STORE,
			"%s/blobs/sha256/%s: expands to sha256:%s, not to its diff_id "
			"sha256:%s",
			l->path, name, got, diff_id);
	return 0;
}

static int add_layer(const struct oci_layout *l, const json_t *layer, const char *diff_id,
	const char *member, struct tar *tar, struct err *e)
{
	_close_ int fd = -1;
	uint64_t size;
	struct sink *s;

	if (oci_blob_check(l, layer, e) < 0 || measure(l, layer, diff_id, &size, e) < 0)
		return -1;
	fd = oci_blob_open(l, layer, e);
	s = fd < 0 ? NULL : tar_add_stream(tar, member, 0644, size, e);
	if (!s)
		return -1;
	if (compress_expand(fd, member, s, LAYER_MAX, NULL, e) < 0) {
		sink_abort(s);
		return -1;
	}
	return sink_close(s, e);
}

/* Layers as plain tars, since older docker knows no zstd; each of them once. */
static int add_layers(const struct oci_layout *l, const json_t *manifest,
	const json_t *config, struct tar *tar, json_t *names, struct err *e)
{
	const json_t *rootfs = json_object_get(config, "rootfs"), *layer;
	const json_t *diff_ids = json_object_get(rootfs, "diff_ids");
	_str_vec_ struct str_vec done = {0};
	size_t i;

	json_array_foreach(json_object_get(manifest, "layers"), i, layer)
	{
		const char *diff_id = json_string_value(json_array_get(diff_ids, i));
		_free_ char *member = NULL;

		if (!diff_id || !str_starts(diff_id, "sha256:") ||
			!digest_is_sha256(diff_id + 7))
			return err_set(e, ERR_STORE,
				"%s: a config lacks a diff_id for %s", l->path,
				json_get_string(layer, "digest"));
		member = xasprintf("%s.tar", diff_id + 7);
		json_array_append_new(names, json_string(member));
		if (str_vec_has(&done, member))
			continue;
		str_vec_add(&done, member);
		if (add_layer(l, layer, diff_id + 7, member, tar, e) < 0)
			return -1;
	}
	return 0;
}

/* The bytes of the config as they are: their digest is the image's id. */
static int add_config(const struct oci_layout *l, const json_t *descriptor,
	const char *member, struct tar *tar, struct err *e)
{
	_free_ char *path = oci_blob_path(oci_descriptor_hex(descriptor));

	return tar_add_file_as(tar, member, 0644, l->dir, path, e);
}

static int fill_docker(const struct oci_layout *l, const struct oci_export *what,
	const json_t *image, struct tar *tar, struct err *e)
{
	_json_ json_t *descriptor = oci_manifest_for(l, image, what->architecture, e);
	_json_ json_t *manifest = descriptor ? oci_blob_json(l, descriptor, e) : NULL;
	json_t *config_descriptor = json_object_get(manifest, "config");
	_json_ json_t *config = manifest ? oci_blob_json(l, config_descriptor, e) : NULL;
	_json_ json_t *names = json_array(), *list = NULL;
	_free_ char *config_name = NULL;

	if (!config)
		return -1;
	config_name = xasprintf("%s.json", oci_descriptor_hex(config_descriptor));
	if (add_config(l, config_descriptor, config_name, tar, e) < 0)
		return -1;
	if (add_layers(l, manifest, config, tar, names, e) < 0)
		return -1;
	list = json_pack("[{s:s, s:[s], s:O}]", "Config", config_name, "RepoTags",
		oci_index_name_of(image), "Layers", names);
	return add_json(tar, "manifest.json", list, e);
}

static int fill(const struct oci_layout *l, const struct oci_export *what,
	const json_t *image, int fd, struct err *e)
{
	struct tar *tar = tar_open(sink_fd(fd, what->path, NULL), 0);
	int ret = what->form == OCI_ARCHIVE ? fill_oci(l, what, image, tar, e)
					    : fill_docker(l, what, image, tar, e);

	if (ret == 0)
		return tar_close(tar, e);
	tar_abort(tar);
	return -1;
}

int oci_export(const struct oci_layout *l, const struct oci_export *what, struct err *e)
{
	_json_ json_t *index = oci_layout_index(l, e);
	_free_ char *temp = xasprintf("%s.tmp.%d", what->path, (int)getpid());
	const json_t *image =
		index ? oci_index_lookup(index, l->path, what->word, e) : NULL;
	_close_ int fd = -1;

	if (!image)
		return -1;
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "%s: can't be created", temp);
	if (fill(l, what, image, fd, e) == 0) {
		if (fsync(fd) == 0 && rename(temp, what->path) == 0)
			return 0;
		err_sys(e, "%s: can't be written", what->path);
	}
	unlink(temp);
	return -1;
}
