/* oci_root.c: which image of a layout, and which layers it has. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/json.h"
#include "sysroot/oci_root.h"

#define JSON_LIMIT (8 << 20)
#define MAX_NESTED 3 /* an index in an index in an index */

/* How OCI calls this machine. */
static const char *host_platform(void)
{
	static const char *const names[][2] = {
		{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"riscv64", "riscv64"}};
	static struct utsname name;

	uname(&name);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(names[i][0], name.machine))
			return names[i][1];
	return name.machine;
}

/* The hex of "sha256:<hex>", or NULL. */
static const char *sha256_of(const char *digest)
{
	if (!digest || !str_starts(digest, "sha256:") || !digest_is_sha256(digest + 7))
		return NULL;
	return digest + 7;
}

/* Reads a JSON blob and proves it. NULL with e. */
static json_t *read_blob(const struct oci_root *r, const char *hex, struct err *e)
{
	_free_ char *path =
		xasprintf("%s/%s%s", r->dir, r->flat ? "" : "blobs/sha256/", hex);
	_buf_ struct buf text = {0};
	char got[SHA256_HEX_LEN + 1];

	if (fs_read(AT_FDCWD, path, JSON_LIMIT, &text, e))
		return NULL;
	digest_sha256(buf_str(&text), text.len, got);
	if (!str_eq(got, hex)) {
		err_set(e, ERR_VERIFY, "%s: the blob is damaged (its sha256 is %s)", path,
			got);
		return NULL;
	}
	return json_parse(text.data, text.len, path, ERR_INPUT, e);
}

/* "docker.io/x/y:tag" and "tag" both answer to "tag"; the full name to itself. */
static bool has_tag(const json_t *descriptor, const char *tag)
{
	static const char *const keys[] = {
		"org.opencontainers.image.ref.name", "io.containerd.image.name"};
	const json_t *annotations = json_object_get(descriptor, "annotations");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *name = json_get_string(annotations, keys[i]);
		const char *colon = name ? strrchr(name, ':') : NULL;

		if (str_eq(name, tag) || (colon && str_eq(colon + 1, tag)))
			return true;
	}
	return false;
}

static bool for_host(const json_t *descriptor)
{
	const json_t *platform = json_object_get(descriptor, "platform");
	const char *arch = json_get_string(platform, "architecture");

	return !arch || str_eq(arch, "unknown") || str_eq(arch, host_platform());
}

/* The one descriptor that is meant; NULL with e. */
static const json_t *choose(
	const struct oci_root *r, const json_t *index, const char *tag, struct err *e)
{
	const json_t *manifests = json_object_get(index, "manifests"), *found = NULL;
	size_t fits = 0;

	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const json_t *d = json_array_get(manifests, i);

		if ((tag && !has_tag(d, tag)) || !for_host(d))
			continue;
		found = d;
		fits++;
	}
	if (fits == 1)
		return found;
	if (fits > 1)
		err_set(e, ERR_USAGE,
			"%s holds %zu images for %s: say which with tag = NAME in a conf",
			r->dir, fits, host_platform());
	else
		err_set(e, ERR_USAGE, "%s holds no image%s%s for %s", r->dir,
			tag ? " tagged " : "", tag ? tag : "", host_platform());
	return NULL;
}

static int take_layers(struct oci_root *r, const json_t *manifest, struct err *e)
{
	const json_t *layers = json_object_get(manifest, "layers");

	for (size_t i = 0; i < json_array_size(layers); i++) {
		const char *digest = json_get_string(json_array_get(layers, i), "digest");
		const char *hex = sha256_of(digest);

		if (!hex)
			return err_set(e, ERR_INPUT, "%s: layer %zu has no sha256 digest",
				r->dir, i + 1);
		str_vec_add(&r->layers, hex);
	}
	if (r->layers.len == 0)
		return err_set(e, ERR_INPUT, "%s: the image has no layers", r->dir);
	return 0;
}

/* Follows descriptors down to a manifest. */
static int descend(struct oci_root *r, const json_t *top, const char *tag, struct err *e)
{
	json_t *blob = NULL;
	int ret = -1;

	for (int depth = 0; depth <= MAX_NESTED; depth++) {
		const json_t *d = choose(r, depth ? blob : top, depth ? NULL : tag, e);
		const char *hex = d ? sha256_of(json_get_string(d, "digest")) : NULL;
		json_t *next;

		if (d && !hex)
			err_set(e, ERR_INPUT, "%s: a descriptor has no sha256 digest",
				r->dir);
		next = hex ? read_blob(r, hex, e) : NULL;
		if (next)
			memcpy(r->manifest, hex, sizeof(r->manifest));
		json_decref(blob);
		blob = next;
		if (!blob)
			return -1;
		if (json_object_get(blob, "layers")) {
			ret = take_layers(r, blob, e);
			json_decref(blob);
			return ret;
		}
	}
	json_decref(blob);
	return err_set(e, ERR_INPUT, "%s: indexes are nested too deep", r->dir);
}

/* A directory made by `skopeo copy ... dir:`: its manifest.json is the image's. */
static int read_flat(struct oci_root *r, const char *path, struct err *e)
{
	_buf_ struct buf text = {0};
	_json_ json_t *manifest = NULL;

	r->flat = true;
	if (fs_read(AT_FDCWD, path, JSON_LIMIT, &text, e))
		return -1;
	manifest = json_parse(buf_str(&text), text.len, path, ERR_INPUT, e);
	if (!manifest)
		return -1;
	if (!json_object_get(manifest, "layers"))
		return err_set(e, ERR_INPUT, "%s is not an image's manifest", path);
	digest_sha256(text.data, text.len, r->manifest);
	return take_layers(r, manifest, e);
}

int oci_root_read(const char *dir, const char *tag, struct oci_root *r, struct err *e)
{
	_free_ char *index_path = fs_join(dir, "index.json");
	_free_ char *flat_path = fs_join(dir, "manifest.json");
	_buf_ struct buf text = {0};
	_json_ json_t *index = NULL;

	*r = (struct oci_root){.dir = xstrdup(dir)};
	if (!fs_exists(AT_FDCWD, index_path)) {
		if (fs_exists(AT_FDCWD, flat_path))
			return read_flat(r, flat_path, e);
		return err_set(e, ERR_USAGE,
			"%s is no OCI layout (no index.json) and no skopeo directory (no "
			"manifest.json)",
			dir);
	}
	if (fs_read(AT_FDCWD, index_path, JSON_LIMIT, &text, e))
		return -1;
	index = json_parse(buf_str(&text), text.len, index_path, ERR_INPUT, e);
	return index ? descend(r, index, tag, e) : -1;
}

void oci_root_free(struct oci_root *r)
{
	free(r->dir);
	str_vec_free(&r->layers);
	*r = (struct oci_root){0};
}
