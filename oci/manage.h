/* manage.h: what people do with a layout that is there: list, verify, export, remove. */
#ifndef KILN_OCI_MANAGE_H
#define KILN_OCI_MANAGE_H

#include <stdint.h>
#include "oci/layout.h"
#include "orchestrator/base/str.h"

/* Adds a descriptor and all that are reached from it to set, an object with their hex
 * digests as keys. ERR_STORE when an index or manifest can't be read. */
int oci_reach(
	const struct oci_layout *l, const json_t *descriptor, json_t *set, struct err *e);
/* The same for everything that index.json names. */
int oci_reach_all(
	const struct oci_layout *l, const json_t *index, json_t *set, struct err *e);

struct oci_census {
	size_t images, blobs; /* names in index.json; blobs reached */
	uint64_t bytes;	      /* of those */
	size_t garbage;	      /* blobs that nothing reaches */
	uint64_t garbage_bytes;
};

/* Checks every descriptor that index.json reaches: size, digest, media type, platform,
 * diff_ids. Each fault is a sentence in faults; -1 with ERR_STORE when there is no index
 * to begin with. The lock is held. */
int oci_verify(const struct oci_layout *l, struct str_vec *faults,
	struct oci_census *census, struct err *e);

/* Removes blobs that nothing reaches; census tells what is left, and as garbage what
 * went. Nothing is removed while anything that index.json names can't be read. The
 * exclusive lock is held. */
int oci_collect(const struct oci_layout *l, struct oci_census *census, struct err *e);
/* Takes the images that these words name out of index.json; blobs stay. The exclusive
 * lock is held. */
int oci_forget(const struct oci_layout *l, const char *const *words, size_t count,
	struct err *e);

/* The descriptor of one platform's manifest; architecture "": the only one. NULL on
 * error; else the caller owns it. */
json_t *oci_manifest_for(const struct oci_layout *l, const json_t *image,
	const char *architecture, struct err *e);

/* One file at the root of an image. */
struct oci_wanted {
	const char *word;	  /* the image */
	const char *architecture; /* "": the only one */
	const char *file;	  /* "kernel_config" */
	size_t limit;		  /* more bytes are an error */
};
/* Appends its bytes to out, from the topmost layer that has it; layers are proved before
 * they are read. A lock is held. */
int oci_image_file(const struct oci_layout *l, const struct oci_wanted *w,
	struct buf *out, struct err *e);

/* An archive that appears whole under path. What goes into it is proved first. */
enum oci_archive { OCI_ARCHIVE, DOCKER_ARCHIVE };
struct oci_export {
	enum oci_archive form;
	const char *word;	  /* the image */
	const char *architecture; /* "": all of an oci-archive, the only one for docker */
	const char *path;
};
/* A lock is held. */
int oci_export(const struct oci_layout *l, const struct oci_export *what, struct err *e);

#endif
