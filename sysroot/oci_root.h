/* oci_root.h: between the provider oci and the reader of layouts. */
#ifndef KILN_SYSROOT_OCI_ROOT_H
#define KILN_SYSROOT_OCI_ROOT_H

#include "sysroot/provider.h"

/* One image of a layout, or of a directory that skopeo made (flat: blobs beside the
 * manifest). Owned: oci_root_free. */
struct oci_root {
	char *dir;
	bool flat;
	char manifest[SHA256_HEX_LEN + 1]; /* digest of the manifest's bytes */
	struct str_vec layers;		   /* sha256, the lowest first */
};

/* Finds the image for this machine in dir; tag may be NULL where there is one image only.
 * Nothing but index and manifest is read. */
int oci_root_read(const char *dir, const char *tag, struct oci_root *out, struct err *e);
void oci_root_free(struct oci_root *r);
/* Applies the layers to dirfd, each proved before it is unpacked. */
int oci_root_unpack(const struct oci_root *r, int dirfd, struct err *e);

#endif
