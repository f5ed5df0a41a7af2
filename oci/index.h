/* index.h: image indexes: the names in index.json and the platforms of one tag. */
#ifndef KILN_OCI_INDEX_H
#define KILN_OCI_INDEX_H

#include "orchestrator/base/json.h"

/* {"schemaVersion": 2, "mediaType": ..., "manifests": []}; the caller owns it. */
json_t *oci_index_new(void);
/* NULL when value has the form of an index, else what is wrong with it. */
const char *oci_index_fault(const json_t *value);

/* The descriptor of index.json with this full name ("docker.io/linuxkit/kernel:6.12"),
 * or NULL. Borrowed. */
json_t *oci_index_named(const json_t *index, const char *full_name);
/* The one descriptor that a user's word means: a full name, a ref.name, or the end of a
 * full name behind a slash. Borrowed; NULL with ERR_USAGE. path is for the error. */
json_t *oci_index_lookup(
	const json_t *index, const char *path, const char *word, struct err *e);
/* The name to show: io.containerd.image.name, else ref.name, else the digest. */
const char *oci_index_name_of(const json_t *descriptor);

/* Puts descriptor (borrowed) under a full name into index.json's value, replacing what
 * had that name; its ref.name is the tag, "image:tag" or the full name: the first that no
 * other image has. */
void oci_index_set_name(
	json_t *index, json_t *descriptor, const char *name, const char *tag);
/* Puts a manifest's descriptor into the index of a tag, replacing the one of the same
 * platform; sorted by platform. */
void oci_index_set_platform(json_t *index, json_t *descriptor);

/* "linux/arm64/v8" of a descriptor's platform; the caller frees. */
char *oci_platform_name(const json_t *descriptor);

#endif
