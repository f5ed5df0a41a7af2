/* publish.c: an image enters a layout: blobs first, index.json last, all under its lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "oci/blob.h"
#include "oci/image.h"
#include "oci/index.h"
#include "oci/media.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

/* The descriptor that oci_image_write left. */
static json_t *read_descriptor(const struct oci_layout *from, struct err *e)
{
	_buf_ struct buf text = {0};
	_free_ char *name = fs_join(from->path, "manifest.json");

	if (fs_read(from->dir, "manifest.json", OCI_JSON_MAX, &text, e) < 0) {
		err_wrap(e, "%s", from->path);
		return NULL;
	}
	return json_parse(buf_str(&text), text.len, name, ERR_STORE, e);
}

/* Brings a blob whole under a temporary name: linked where that works, else copied and
 * proved. */
static int bring(const struct oci_layout *from, const struct oci_layout *to,
	const json_t *descriptor, const char *path, const char *temp, struct err *e)
{
	const char *want = oci_descriptor_hex(descriptor);
	_close_ int fd = -1;
	char got[SHA256_HEX_LEN + 1];

	unlinkat(to->dir, temp, 0);
	if (linkat(from->dir, path, to->dir, temp, 0) == 0)
		return 0;
	if (fs_copy_file(from->dir, path, to->dir, temp, 0644, e) < 0)
		return err_wrap(e, "%s", to->path);
	fd = openat(to->dir, temp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, "%s/%s: can't be written", to->path, temp);
	if (digest_fd(fd, temp, got, NULL, e) < 0)
		return -1;
	if (!str_eq(want, got))
		return err_set(e, ERR_STORE,
			"%s/%s: its bytes have another digest, sha256:%s; build the "
			"image "
			"anew",
			from->path, path, got);
	return 0;
}

/* Whether the layout has this very blob already. A blob of the same size may still be
 * damaged: only the same inode, or the right digest, is taken. */
static bool is_there(const struct oci_layout *to, const struct stat *source,
	const json_t *descriptor, const char *path)
{
	struct err ignored = {0};
	struct stat st;

	if (fstatat(to->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (st.st_dev == source->st_dev && st.st_ino == source->st_ino)
		return true;
	return oci_blob_check(to, descriptor, &ignored) == 0;
}

static int place_blob(const struct oci_layout *from, const struct oci_layout *to,
	const json_t *descriptor, struct err *e)
{
	_close_ int fd = oci_blob_open(from, descriptor, e);
	_free_ char *path = NULL, *temp = xasprintf("blob.tmp.%d", (int)getpid());
	struct stat st;

	if (fd < 0)
		return -1;
	path = oci_blob_path(oci_descriptor_hex(descriptor));
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s/%s", from->path, path);
	if (is_there(to, &st, descriptor, path))
		return 0;
	if (bring(from, to, descriptor, path, temp, e) == 0) {
		if (renameat(to->dir, temp, to->dir, path) == 0)
			return 0;
		err_sys(e, "%s/%s: can't be renamed into place", to->path, path);
	}
	unlinkat(to->dir, temp, 0);
	return -1;
}

static int place_blobs(const struct oci_layout *from, const struct oci_layout *to,
	const json_t *descriptor, struct err *e)
{
	_json_ json_t *manifest = oci_blob_json(from, descriptor, e);
	json_t *layer;
	size_t i;

	if (!manifest)
		return -1;
	json_array_foreach(json_object_get(manifest, "layers"), i,
		layer) if (place_blob(from, to, layer, e) < 0) return -1;
	if (place_blob(from, to, json_object_get(manifest, "config"), e) < 0)
		return -1;
	return place_blob(from, to, descriptor, e);
}

/* What index.json is going to name is on disk before it is named: the blobs were synced
 * when they came, the indexes of the tags are now, and then all their names. */
static int sync_blobs(
	const struct oci_layout *l, const struct str_vec *indexes, struct err *e)
{
	_close_ int dir = -1;

	for (size_t i = 0; i < indexes->len; i++) {
		_free_ char *path = oci_blob_path(indexes->items[i]);
		_close_ int fd = openat(l->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0 || fsync(fd) < 0)
			return err_sys(e, "%s/%s: can't be synced", l->path, path);
	}
	dir = fs_open_dir(l->dir, "blobs/sha256", e);
	if (dir < 0)
		return err_wrap(e, "%s", l->path);
	return fsync(dir) < 0 ? err_sys(e, "%s/blobs/sha256: can't be synced", l->path)
			      : 0;
}

/* The index of a tag as it is now: an empty one for a new tag, or where the tag was given
 * to a bare manifest by another tool. */
static json_t *index_of_tag(const struct oci_layout *l, const json_t *top,
	const char *full_name, struct err *e)
{
	const json_t *descriptor = oci_index_named(top, full_name);
	_json_ json_t *index = NULL;
	const char *fault;

	if (!descriptor ||
		media_of(json_get_string(descriptor, "mediaType"))->kind != MEDIA_INDEX)
		return oci_index_new();
	index = oci_blob_json(l, descriptor, e);
	if (!index)
		return NULL;
	fault = oci_index_fault(index);
	if (fault) {
		err_set(e, ERR_STORE, "%s: the index of %s: %s", l->path, full_name,
			fault);
		return NULL;
	}
	return steal(index);
}

static int set_tag(const struct oci_layout *l, json_t *top, json_t *descriptor,
	const char *name, const struct oci_tag *tag, struct str_vec *indexes,
	struct err *e)
{
	_free_ char *full_name = xasprintf("%s:%s", name, tag->tag);
	_json_ json_t *index =
		tag->single ? oci_index_new() : index_of_tag(l, top, full_name, e);
	_json_ json_t *stored = NULL;

	if (!index)
		return err_hint(
			e, "'kiln image rm %s' lets the tag be made anew", full_name);
	oci_index_set_platform(index, descriptor);
	stored = oci_blob_store_json(l, index, OCI_INDEX, e);
	if (!stored)
		return -1;
	str_vec_add(indexes, oci_descriptor_hex(stored));
	oci_index_set_name(top, stored, name, tag->tag);
	return 0;
}

int oci_publish(const char *from, const char *layout, const char *name,
	const struct oci_tag *tags, size_t count, struct err *e)
{
	_layout_ struct oci_layout source = OCI_LAYOUT_CLOSED, l = OCI_LAYOUT_CLOSED;
	_json_ json_t *descriptor = NULL, *top = NULL;
	_str_vec_ struct str_vec indexes = {0};

	if (oci_layout_open_dir(&source, from, e) < 0)
		return -1;
	descriptor = read_descriptor(&source, e);
	if (!descriptor || oci_layout_make(&l, layout, e) < 0 ||
		oci_layout_lock(&l, true, e) < 0 || oci_layout_sweep(&l, e) < 0)
		return -1;
	top = oci_layout_index(&l, e);
	if (!top || place_blobs(&source, &l, descriptor, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (set_tag(&l, top, descriptor, name, &tags[i], &indexes, e) < 0)
			return -1;
	return sync_blobs(&l, &indexes, e) < 0 ? -1 : oci_layout_set_index(&l, top, e);
}

static bool blobs_are_there(const struct oci_layout *from, const struct oci_layout *l,
	const json_t *descriptor)
{
	struct err ignored = {0};
	_json_ json_t *manifest = oci_blob_json(from, descriptor, &ignored);
	_close_ int fd = oci_blob_open(l, descriptor, &ignored);
	_close_ int config = -1;
	const json_t *layer;
	size_t i;

	config = oci_blob_open(l, json_object_get(manifest, "config"), &ignored);
	if (!manifest || fd < 0 || config < 0)
		return false;
	json_array_foreach(json_object_get(manifest, "layers"), i, layer)
	{
		_close_ int blob = oci_blob_open(l, layer, &ignored);

		if (blob < 0)
			return false;
	}
	return true;
}

static bool tag_holds(const struct oci_layout *l, const json_t *top, json_t *descriptor,
	const char *name, const struct oci_tag *tag)
{
	_free_ char *full_name = xasprintf("%s:%s", name, tag->tag);
	struct err ignored = {0};
	_json_ json_t *index = NULL;
	json_t *manifests, *entry;
	size_t i;

	if (!oci_index_named(top, full_name))
		return false;
	index = index_of_tag(l, top, full_name, &ignored);
	manifests = json_object_get(index, "manifests");
	if (tag->single && json_array_size(manifests) != 1)
		return false;
	json_array_foreach(
		manifests, i, entry) if (json_equal(entry, descriptor)) return true;
	return false;
}

bool oci_published(const char *from, const char *layout, const char *name,
	const struct oci_tag *tags, size_t count)
{
	_layout_ struct oci_layout source = OCI_LAYOUT_CLOSED, l = OCI_LAYOUT_CLOSED;
	_json_ json_t *descriptor = NULL, *top = NULL;
	struct err ignored = {0};

	if (oci_layout_open_dir(&source, from, &ignored) < 0 ||
		oci_layout_open(&l, layout, &ignored) < 0 ||
		oci_layout_lock(&l, false, &ignored) < 0)
		return false;
	descriptor = read_descriptor(&source, &ignored);
	top = oci_layout_index(&l, &ignored);
	if (!descriptor || !top || !blobs_are_there(&source, &l, descriptor))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!tag_holds(&l, top, descriptor, name, &tags[i]))
			return false;
	return true;
}
