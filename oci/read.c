/* read.c: one file of an image, as the layers on top of each other show it. */
#include "oci/manage.h"

#include <stdlib.h>
#include "oci/blob.h"
#include "oci/index.h"
#include "orchestrator/base/archive.h"
#include "orchestrator/base/mem.h"

/* 1: out has the file; 2: the layer hides it from those below; 0: it says nothing. */
static int look_in(const struct oci_layout *l, const json_t *layer, const char *file,
	size_t limit, struct buf *out, struct err *e)
{
	_free_ char *whiteout = xasprintf(".wh.%s", file);
	const char *const members[] = {file, whiteout, ".wh..wh..opq", NULL};
	_free_ char *name = NULL;
	_close_ int fd = -1;
	int found;

	if (oci_blob_check(l, layer, e) < 0)
		return -1;
	fd = oci_blob_open(l, layer, e);
	if (fd < 0)
		return -1;
	name = xasprintf("%s/blobs/sha256/%s", l->path, oci_descriptor_hex(layer));
	found = archive_find(fd, name, members, limit, out, e);
	return found > 1 ? 2 : found;
}

static int look_for(const struct oci_layout *l, const json_t *layers,
	const struct oci_wanted *w, struct buf *out, struct err *e)
{
	int found = 0;

	for (size_t i = json_array_size(layers); i > 0 && !found; i--)
		found = look_in(
			l, json_array_get(layers, i - 1), w->file, w->limit, out, e);
	if (found == 1 || found < 0)
		return found < 0 ? -1 : 0;
	return err_set(e, ERR_USAGE, "%s: the image %s has no file %s", l->path, w->word,
		w->file);
}

int oci_image_file(const struct oci_layout *l, const struct oci_wanted *w,
	struct buf *out, struct err *e)
{
	_json_ json_t *index = oci_layout_index(l, e);
	const json_t *image = index ? oci_index_lookup(index, l->path, w->word, e) : NULL;
	_json_ json_t *descriptor =
		image ? oci_manifest_for(l, image, w->architecture, e) : NULL;
	_json_ json_t *manifest = descriptor ? oci_blob_json(l, descriptor, e) : NULL;

	if (!manifest)
		return -1;
	return look_for(l, json_object_get(manifest, "layers"), w, out, e);
}
