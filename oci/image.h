/* image.h: OCI images from files: layers, config, manifest, and the layout's index. */
#ifndef KILN_OCI_IMAGE_H
#define KILN_OCI_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/compress.h"
#include "orchestrator/base/err.h"
#include "orchestrator/base/json.h"

/* A layer: files of the host under names in the image, written in the order given. */
struct oci_file {
	const char *member; /* "kernel", "usr/bin/perf": relative, no leading slash */
	const char
		*path; /* host path of a regular file; a directory: the tree below it */
	bool executable;
};
struct oci_layer {
	const char *title;	      /* for the layer's annotation and progress */
	const struct oci_file *files; /* ended by .member == NULL */
	enum compression compression;
};

struct oci_image {
	const char *architecture, *variant; /* OCI platform: "arm64", "v8" or "" */
	int64_t created;		    /* seconds */
	const struct oci_layer *layers;	    /* ended by .files == NULL */
	const char *const *labels;	    /* key, value, key, value, NULL */
	const char *const *annotations;	    /* likewise, on the manifest */
	const char *artifact_type;	    /* NULL: an image, not another artifact */
};

/* Writes blobs/sha256/<hex> below out and out/manifest.json: the descriptor of the
 * manifest with its platform. The same input gives the same bytes, with any number of
 * threads. Nothing is synced: whoever commits the directory does that. */
int oci_image_write(const struct oci_image *image, int threads, int out, struct err *e);

/* Publishes an image that oci_image_write left in dir `from` into the layout at `layout`
 * (made where missing), under several tags at once, each an index with one entry per
 * platform. name is "docker.io/linuxkit/kernel". Blobs are linked or copied; index.json
 * is replaced atomically under a lock. single[i] true: a tag for that one platform alone.
 */
struct oci_tag {
	const char *tag;
	bool single;
};
int oci_publish(const char *from, const char *layout, const char *name,
	const struct oci_tag *tags, size_t count, struct err *e);
/* Whether every tag already points at exactly what `from` holds: cheap, reads a few
 * small files. */
bool oci_published(const char *from, const char *layout, const char *name,
	const struct oci_tag *tags, size_t count);

#endif
