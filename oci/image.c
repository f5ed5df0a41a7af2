/* image.c: from files to a manifest: layers, config, manifest, and its descriptor. */
#include "oci/image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include "oci/blob.h"
#include "oci/layer.h"
#include "oci/media.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

static void format_time(int64_t seconds, char text[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static json_t *map_of(const char *const *pairs)
{
	json_t *map = json_object();

	for (; pairs && pairs[0]; pairs += 2)
		json_object_set_new(map, pairs[0], json_string(pairs[1]));
	return map;
}

static json_t *platform_of(const struct oci_image *image)
{
	json_t *platform = json_pack(
		"{s:s, s:s}", "architecture", image->architecture, "os", "linux");

	if (!str_is_empty(image->variant))
		json_object_set_new(platform, "variant", json_string(image->variant));
	return platform;
}

/* What write_layers fills and config and manifest take in. */
struct parts {
	char created[32];
	json_t *layers, *diff_ids, *history;
};

static void parts_free(struct parts *p)
{
	json_decref(p->layers);
	json_decref(p->diff_ids);
	json_decref(p->history);
}

static int write_layers(const struct oci_layout *l, const struct oci_image *image,
	int threads, struct parts *p, struct err *e)
{
	for (const struct oci_layer *layer = image->layers; layer->files; layer++) {
		struct oci_layer_blob blob;
		_free_ char *diff_id = NULL;
		json_t *descriptor;

		if (oci_layer_write(l, layer, image->created, threads, &blob, e) < 0)
			return -1;
		descriptor = oci_descriptor(
			media_layer_type(layer->compression), blob.digest, blob.size);
		json_object_set_new(descriptor, "annotations",
			json_pack(
				"{s:s}", "org.opencontainers.image.title", layer->title));
		json_array_append_new(p->layers, descriptor);
		diff_id = xasprintf("sha256:%s", blob.diff_id);
		json_array_append_new(p->diff_ids, json_string(diff_id));
		json_array_append_new(p->history,
			json_pack("{s:s, s:s, s:s}", "created", p->created, "created_by",
				"kiln", "comment", layer->title));
	}
	return 0;
}

static json_t *make_config(const struct oci_image *image, const struct parts *p)
{
	json_t *config = platform_of(image);

	json_object_set_new(config, "created", json_string(p->created));
	json_object_set_new(config, "config",
		json_pack("{s:o, s:[], s:[], s:s}", "Labels", map_of(image->labels),
			"Entrypoint", "Cmd", "WorkingDir", "/"));
	json_object_set_new(config, "rootfs",
		json_pack("{s:s, s:O}", "type", "layers", "diff_ids", p->diff_ids));
	json_object_set(config, "history", p->history);
	return config;
}

static json_t *make_manifest(
	const struct oci_image *image, const struct parts *p, json_t *config)
{
	json_t *annotations = map_of(image->annotations);
	json_t *manifest = json_pack("{s:i, s:s, s:O, s:O, s:o}", "schemaVersion", 2,
		"mediaType", OCI_MANIFEST, "config", config, "layers", p->layers,
		"annotations", annotations);

	json_object_set_new(
		annotations, "org.opencontainers.image.created", json_string(p->created));
	if (image->artifact_type)
		json_object_set_new(
			manifest, "artifactType", json_string(image->artifact_type));
	return manifest;
}

/* What skopeo and podman add to a multi-arch index where zstd is in it: given from the
 * start, the index keeps its digest when they copy it. */
static void note_zstd(const struct oci_image *image, json_t *descriptor)
{
	for (const struct oci_layer *layer = image->layers; layer->files; layer++)
		if (layer->compression == COMPRESS_ZSTD)
			json_object_set_new(descriptor, "annotations",
				json_pack("{s:s}",
					"io.github.containers.compression.zstd", "true"));
}

/* manifest.json comes last: whoever finds it finds all that it names. */
static int write_manifest(const struct oci_layout *l, const struct oci_image *image,
	const struct parts *p, struct err *e)
{
	_json_ json_t *config = make_config(image, p), *config_descriptor = NULL;
	_json_ json_t *manifest = NULL, *descriptor = NULL;
	_buf_ struct buf text = {0};

	config_descriptor = oci_blob_store_json(l, config, OCI_CONFIG, e);
	if (!config_descriptor)
		return -1;
	manifest = make_manifest(image, p, config_descriptor);
	descriptor = oci_blob_store_json(l, manifest, OCI_MANIFEST, e);
	if (!descriptor)
		return -1;
	json_object_set_new(descriptor, "platform", platform_of(image));
	note_zstd(image, descriptor);
	json_dump(descriptor, &text);
	return oci_write_small(
		l, "manifest.json.tmp", "manifest.json", text.data, text.len, e);
}

int oci_image_write(const struct oci_image *image, int threads, int out, struct err *e)
{
	/* The caller keeps its fd. */
	struct oci_layout l = {.dir = out, .path = "image"};
	struct parts p = {.layers = json_array(),
		.diff_ids = json_array(),
		.history = json_array()};
	int ret = -1;

	format_time(image->created, p.created);
	if (fs_mkdirs(out, "blobs/sha256", 0755, e) == 0 &&
		write_layers(&l, image, threads, &p, e) == 0)
		ret = write_manifest(&l, image, &p, e);
	parts_free(&p);
	return ret;
}
