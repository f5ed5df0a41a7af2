/* layer.h: one layer in one pass: tar, diff_id, compression, digest, blob. */
#ifndef KILN_OCI_LAYER_H
#define KILN_OCI_LAYER_H

#include "oci/image.h"
#include "oci/layout.h"

struct oci_layer_blob {
	char digest[65], diff_id[65]; /* hex */
	uint64_t size, plain_size;
};

/* Writes the layer's blob into l; every member gets this mtime. */
int oci_layer_write(const struct oci_layout *l, const struct oci_layer *layer,
	int64_t mtime, int threads, struct oci_layer_blob *blob, struct err *e);

#endif
