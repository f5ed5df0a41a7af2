/* gc.c: what index.json reaches, and the end of what it does not. */
#include <errno.h>
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

/* Deeper than any client nests indexes. */
#define DEPTH_MAX 8

static int add_leaf(
	const struct oci_layout *l, const json_t *descriptor, json_t *set, struct err *e)
{
	const char *hex = oci_descriptor_hex(descriptor);

	if (!hex)
		return err_set(
			e, ERR_STORE, "%s: a descriptor has no sha256 digest", l->path);
	json_object_set(set, hex, (json_t *)descriptor);
	return 0;
}

/* By what it holds, not by its media type: what other tools put in stays reachable. */
static int reach(const struct oci_layout *l, const json_t *descriptor, json_t *set,
	unsigned depth, struct err *e)
{
	const char *hex = oci_descriptor_hex(descriptor);
	_json_ json_t *value = NULL;
	json_t *child;
	size_t i;

	if (hex && json_object_get(set, hex))
		return 0;
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_STORE, "%s: indexes are nested more than %d deep",
			l->path, DEPTH_MAX);
	value = oci_blob_json(l, descriptor, e);
	if (!value || add_leaf(l, descriptor, set, e) < 0)
		return -1;
	json_array_foreach(json_object_get(value, "manifests"), i,
		child) if (reach(l, child, set, depth + 1, e) < 0) return -1;
	json_array_foreach(json_object_get(value, "layers"), i,
		child) if (add_leaf(l, child, set, e) < 0) return -1;
	child = json_object_get(value, "config");
	return child ? add_leaf(l, child, set, e) : 0;
}

int oci_reach(
	const struct oci_layout *l, const json_t *descriptor, json_t *set, struct err *e)
{
	return reach(l, descriptor, set, 0, e);
}

int oci_reach_all(
	const struct oci_layout *l, const json_t *index, json_t *set, struct err *e)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i,
		entry) if (reach(l, entry, set, 0, e) < 0) return err_wrap(e, "%s",
		oci_index_name_of(entry));
	return 0;
}

static int drop(const struct oci_layout *l, const char *name, struct oci_census *census,
	struct err *e)
{
	_free_ char *path = oci_blob_path(name);
	struct stat st;

	if (fstatat(l->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s/%s", l->path, path);
	if (fs_remove(l->dir, path, e) < 0)
		return err_wrap(e, "%s", l->path);
	census->garbage++;
	census->garbage_bytes += (uint64_t)st.st_size;
	return 0;
}

int oci_collect(const struct oci_layout *l, struct oci_census *census, struct err *e)
{
	_json_ json_t *index = oci_layout_index(l, e), *set = json_object();
	_str_vec_ struct str_vec names = {0};

	if (!index)
		return -1;
	if (oci_reach_all(l, index, set, e) < 0)
		return err_hint(e, "nothing was removed; 'kiln image verify' tells more");
	if (oci_layout_sweep(l, e) < 0 || fs_list(l->dir, "blobs/sha256", &names, e) < 0)
		return -1;
	census->images = json_array_size(json_object_get(index, "manifests"));
	for (size_t i = 0; i < names.len; i++) {
		if (json_object_get(set, names.items[i]))
			census->blobs++;
		else if (drop(l, names.items[i], census, e) < 0)
			return -1;
	}
	return 0;
}

int oci_forget(
	const struct oci_layout *l, const char *const *words, size_t count, struct err *e)
{
	_json_ json_t *index = oci_layout_index(l, e);
	json_t *manifests = json_object_get(index, "manifests");

	if (!index)
		return -1;
	for (size_t i = 0; i < count; i++) {
		json_t *entry = oci_index_lookup(index, l->path, words[i], e);

		if (!entry)
			return -1;
		for (size_t k = json_array_size(manifests); k > 0; k--)
			if (json_array_get(manifests, k - 1) == entry)
				json_array_remove(manifests, k - 1);
	}
	return oci_layout_set_index(l, index, e);
}
