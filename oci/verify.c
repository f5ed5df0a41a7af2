/* verify.c: every descriptor that index.json reaches is held against what it names. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "oci/blob.h"
#include "oci/index.h"
#include "oci/manage.h"
#include "oci/media.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/stream.h"

#define DEPTH_MAX 8
/* What a layer may expand to. */
#define LAYER_MAX (64ULL << 30)

struct verifier {
	const struct oci_layout *l;
	struct str_vec *faults;
	const char *image; /* name of the image at hand */
	json_t *seen;	   /* "digest mediaType" -> true: shared blobs are read once */
	json_t *counted;   /* hex -> true */
	struct oci_census *census;
};

static void fault(struct verifier *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void fault(struct verifier *v, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	str_vec_addf(v->faults, "%s: %s", v->image, text);
}

static void fault_of(struct verifier *v, const struct err *e)
{
	fault(v, "%s", e->msg);
}

static void count(struct verifier *v, const json_t *descriptor)
{
	const char *hex = oci_descriptor_hex(descriptor);

	if (!hex || json_object_get(v->counted, hex))
		return;
	json_object_set_new(v->counted, hex, json_true());
	v->census->blobs++;
	if (oci_descriptor_size(descriptor) > 0)
		v->census->bytes += (uint64_t)oci_descriptor_size(descriptor);
}

/* Whether this descriptor was checked before; notes that it is now. */
static bool seen(struct verifier *v, const json_t *descriptor, const char *extra)
{
	const char *digest = json_get_string(descriptor, "digest");
	const char *type = json_get_string(descriptor, "mediaType");
	_free_ char *key = xasprintf("%s %lld %s %s", digest ? digest : "",
		(long long)oci_descriptor_size(descriptor), type ? type : "", extra);

	if (json_object_get(v->seen, key))
		return true;
	json_object_set_new(v->seen, key, json_true());
	return false;
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
	(void)s;
	(void)e;
	return 0;
}

/* Expands a layer and compares its diff_id. */
static void check_content(struct verifier *v, const json_t *layer,
	const struct media *media, const char *diff_id)
{
	struct err e = {0};
	_close_ int fd = oci_blob_open(v->l, layer, &e);
	struct sink nowhere = {.write = discard, .close = discard_close};
	const char *hex = oci_descriptor_hex(layer);
	char got[SHA256_HEX_LEN + 1];
	struct sink *s = sink_sha256(&nowhere, got, NULL);
	enum compression found;

	if (fd < 0 || compress_expand(fd, hex, s, LAYER_MAX, &found, &e) < 0) {
		sink_abort(s);
		fault_of(v, &e);
		return;
	}
	sink_close(s, &e);
	if (found != media->compression)
		fault(v, "layer sha256:%s: its media type is %s, but its bytes are %s",
			hex, media->type, compress_name(found));
	else if (!str_eq(got, diff_id))
		fault(v,
			"layer sha256:%s: expands to sha256:%s, but the config's diff_id "
			"is "
			"sha256:%s",
			hex, got, diff_id);
}

static void check_layer(struct verifier *v, const json_t *layer, const char *diff_id)
{
	const char *type = json_get_string(layer, "mediaType");
	const struct media *media = media_of(type);
	struct err e = {0};

	count(v, layer);
	if (media->kind != MEDIA_LAYER) {
		fault(v, "layer %s: its media type '%s' is no layer's",
			oci_index_name_of(layer), type ? type : "");
		return;
	}
	if (!diff_id || !str_starts(diff_id, "sha256:")) {
		fault(v, "layer %s: the config has no diff_id for it",
			oci_index_name_of(layer));
		return;
	}
	if (seen(v, layer, diff_id))
		return;
	if (oci_blob_check(v->l, layer, &e) < 0)
		fault_of(v, &e);
	else
		check_content(v, layer, media, diff_id + 7);
}

/* Config and platform say the same, where both say something. */
static void check_platform(
	struct verifier *v, const json_t *config, const json_t *platform)
{
	static const char *const keys[] = {"architecture", "os", "variant"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *inside = json_get_string(config, keys[i]);
		const char *outside = json_get_string(platform, keys[i]);

		if (!inside && i < 2)
			fault(v, "its config has no \"%s\"", keys[i]);
		else if (platform && !str_eq(inside, outside))
			fault(v, "its config says %s '%s', the index '%s'", keys[i],
				inside ? inside : "", outside ? outside : "");
	}
}

static void check_image(
	struct verifier *v, const json_t *manifest, const json_t *platform)
{
	const json_t *descriptor = json_object_get(manifest, "config");
	const json_t *layers = json_object_get(manifest, "layers"), *layer, *diff_ids;
	struct err e = {0};
	_json_ json_t *config = oci_blob_json(v->l, descriptor, &e);
	size_t i;

	count(v, descriptor);
	if (!config) {
		fault_of(v, &e);
		return;
	}
	check_platform(v, config, platform);
	diff_ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
	if (json_array_size(diff_ids) != json_array_size(layers))
		fault(v, "it has %zu layers, but its config has %zu diff_ids",
			json_array_size(layers), json_array_size(diff_ids));
	json_array_foreach(layers, i, layer)
		check_layer(v, layer, json_string_value(json_array_get(diff_ids, i)));
}

/* What is no image but another artifact: its blobs are what they are said to be. */
static void check_artifact(struct verifier *v, const json_t *manifest)
{
	const json_t *config = json_object_get(manifest, "config"), *layer;
	const char *type = json_get_string(config, "mediaType");
	struct err e = {0};
	size_t i;

	if (str_is_empty(type) || media_of(type)->kind != MEDIA_OTHER)
		fault(v, "its config has the media type '%s'", type ? type : "");
	if (oci_blob_check(v->l, config, &e) < 0)
		fault_of(v, &e);
	count(v, config);
	json_array_foreach(json_object_get(manifest, "layers"), i, layer)
	{
		const char *layer_type = json_get_string(layer, "mediaType");

		count(v, layer);
		if (media_of(layer_type)->kind == MEDIA_LAYER)
			fault(v, "it has layers, but its config has the media type '%s'",
				type ? type : "");
		else if (oci_blob_check(v->l, layer, &e) < 0)
			fault_of(v, &e);
	}
}

static const char *manifest_fault(const json_t *manifest)
{
	if (json_integer_value(json_object_get(manifest, "schemaVersion")) != 2)
		return "schemaVersion is not 2";
	if (!json_is_object(json_object_get(manifest, "config")))
		return "there is no \"config\"";
	if (!json_is_array(json_object_get(manifest, "layers")))
		return "there is no array \"layers\"";
	/* CVE-2021-41190: what could be read as either is neither. */
	if (json_object_get(manifest, "manifests"))
		return "it has the fields of an index beside those of a manifest";
	return NULL;
}

static void check_manifest(
	struct verifier *v, const json_t *manifest, const json_t *platform)
{
	const json_t *config = json_object_get(manifest, "config");
	const char *wrong = manifest_fault(manifest);

	if (wrong)
		fault(v, "manifest: %s", wrong);
	else if (media_of(json_get_string(config, "mediaType"))->kind == MEDIA_CONFIG)
		check_image(v, manifest, platform);
	else
		check_artifact(v, manifest);
}

static void check_entry(
	struct verifier *v, const json_t *descriptor, bool nested, unsigned depth);

static void check_index(struct verifier *v, const json_t *index, unsigned depth)
{
	const char *wrong = oci_index_fault(index);
	const json_t *entry;
	size_t i;

	if (wrong) {
		fault(v, "index: %s", wrong);
		return;
	}
	json_array_foreach(json_object_get(index, "manifests"), i, entry)
		check_entry(v, entry, true, depth + 1);
}

/* An entry of index.json or, nested, of the index of a tag. */
static void check_entry(
	struct verifier *v, const json_t *descriptor, bool nested, unsigned depth)
{
	const char *type = json_get_string(descriptor, "mediaType"), *inner;
	const json_t *platform = json_object_get(descriptor, "platform");
	const struct media *media = media_of(type);
	_free_ char *name = oci_platform_name(descriptor);
	_json_ json_t *value = NULL;
	struct err e = {0};

	if (media->kind != MEDIA_INDEX && media->kind != MEDIA_MANIFEST) {
		fault(v,
			"%s has the media type '%s', which is neither an index's nor a "
			"manifest's",
			json_get_string(descriptor, "digest"), type ? type : "");
		return;
	}
	if (nested && media->kind == MEDIA_MANIFEST && !platform)
		fault(v, "%s has no platform", json_get_string(descriptor, "digest"));
	if (depth > DEPTH_MAX) {
		fault(v, "indexes are nested more than %d deep", DEPTH_MAX);
		return;
	}
	if (seen(v, descriptor, platform ? name : ""))
		return;
	count(v, descriptor);
	value = oci_blob_json(v->l, descriptor, &e);
	if (!value) {
		fault_of(v, &e);
		return;
	}
	inner = json_get_string(value, "mediaType");
	if (inner && !str_eq(inner, type))
		fault(v, "sha256:%s calls itself %s, its descriptor %s",
			oci_descriptor_hex(descriptor), inner, type);
	else if (media->kind == MEDIA_INDEX)
		check_index(v, value, depth);
	else
		check_manifest(v, value, platform);
}

static int count_garbage(struct verifier *v, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (fs_list(v->l->dir, "blobs/sha256", &names, e) < 0)
		return err_wrap(e, "%s", v->l->path);
	for (size_t i = 0; i < names.len; i++) {
		_free_ char *path = oci_blob_path(names.items[i]);
		struct stat st;

		if (json_object_get(v->counted, names.items[i]) ||
			fstatat(v->l->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		v->census->garbage++;
		v->census->garbage_bytes += (uint64_t)st.st_size;
	}
	return 0;
}

/* What clients look images up by has to be there once. */
static void check_names(struct verifier *v, const json_t *index)
{
	static const char *const keys[] = {OCI_IMAGE_NAME, OCI_REF_NAME};
	const json_t *entry;
	size_t i;

	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		_json_ json_t *names = json_object();

		json_array_foreach(json_object_get(index, "manifests"), i, entry)
		{
			const char *name = json_get_string(
				json_object_get(entry, "annotations"), keys[k]);

			v->image = oci_index_name_of(entry);
			if (name && json_object_get(names, name))
				fault(v, "index.json has more than one entry with %s %s",
					keys[k], name);
			if (name)
				json_object_set_new(names, name, json_true());
		}
	}
}

int oci_verify(const struct oci_layout *l, struct str_vec *faults,
	struct oci_census *census, struct err *e)
{
	_json_ json_t *index = oci_layout_index(l, e);
	_json_ json_t *seen_set = json_object(), *counted = json_object();
	struct verifier v = {.l = l,
		.faults = faults,
		.seen = seen_set,
		.counted = counted,
		.census = census};
	const json_t *entry;
	size_t i;

	if (!index)
		return -1;
	census->images = json_array_size(json_object_get(index, "manifests"));
	check_names(&v, index);
	json_array_foreach(json_object_get(index, "manifests"), i, entry)
	{
		v.image = oci_index_name_of(entry);
		check_entry(&v, entry, false, 0);
	}
	return count_garbage(&v, e);
}
