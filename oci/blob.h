/* blob.h: blobs, named by their digest, below the blobs/sha256 of some directory. */
#ifndef KILN_OCI_BLOB_H
#define KILN_OCI_BLOB_H

#include <stdint.h>
#include "oci/layout.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/json.h"

/* What kiln reads whole: indexes, manifests, configs. The registries' own limit. */
#define OCI_JSON_MAX (4 << 20)

/* {"mediaType", "digest", "size"}; the caller owns it. */
json_t *oci_descriptor(const char *media_type, const char *hex, uint64_t size);
/* The 64 hex digits behind "sha256:" of a descriptor, or NULL if it has none. */
const char *oci_descriptor_hex(const json_t *descriptor);
/* Its size; -1 if it has none. */
json_int_t oci_descriptor_size(const json_t *descriptor);
/* Mutable path of a blob below its layout; the caller frees. */
char *oci_blob_path(const char *hex);

/* Writes a small file by rename, without syncing it: many of these are synced together by
 * whoever commits them. */
int oci_write_small(const struct oci_layout *l, const char *temp, const char *path,
	const void *data, size_t len, struct err *e);
/* Writes data as a blob (which may be there already), unsynced, and fills hex. */
int oci_blob_store(const struct oci_layout *l, const void *data, size_t len,
	char hex[SHA256_HEX_LEN + 1], struct err *e);
/* Stores a value's bytes and returns the descriptor; NULL on error. */
json_t *oci_blob_store_json(const struct oci_layout *l, const json_t *value,
	const char *media_type, struct err *e);

/* All of these fail with ERR_STORE, naming the blob. */

/* Opens what a descriptor names: a regular file of just its size. Returns the fd. */
int oci_blob_open(const struct oci_layout *l, const json_t *descriptor, struct err *e);
/* The same, and the digest is proved. */
int oci_blob_check(const struct oci_layout *l, const json_t *descriptor, struct err *e);
/* Reads an index, manifest or config, proved by its digest. NULL on error. */
json_t *oci_blob_json(
	const struct oci_layout *l, const json_t *descriptor, struct err *e);

#endif
