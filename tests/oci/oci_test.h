/* oci_test.h: small images and layouts for the suites of oci/. */
#ifndef KILN_OCI_TEST_H
#define KILN_OCI_TEST_H

#include "oci/blob.h"
#include "oci/image.h"
#include "oci/index.h"
#include "oci/manage.h"
#include "oci/media.h"
#include "tests/test.h"

#define OCI_TEST_NAME "docker.io/linuxkit/kernel"
#define OCI_TEST_TIME 1700000000

/* A tree with what layers hold: modes, links, a long name, a dense file, a big file. All
 * mtimes are OCI_TEST_TIME. */
const char *oci_test_tree(void);

/* What an image is made of: a shared source layer and one of its own. */
struct oci_test_image {
	const char *arch, *variant;
	const char *tree;   /* the layer of its own, at the root */
	const char *source; /* a file for the layer that images share, or NULL */
	enum compression compression;
	int threads;
};
/* Writes it below a fresh directory and returns that. */
const char *oci_test_write(const struct oci_test_image *image);
/* The same below this directory. */
const char *oci_test_write_in(const struct oci_test_image *image, const char *dir);
/* A tiny image whose content is text: different text, different image. */
const char *oci_test_tiny(const char *arch, const char *text);

void oci_test_publish(const char *from, const char *layout, const char *tag, bool single);
/* The hex digest of the manifest that oci_test_write left. The caller frees. */
char *oci_test_manifest(const char *from);
/* "linux/amd64=<digest>,linux/arm64/v8=<digest>" of a tag; "" if there is none. */
char *oci_test_platforms(const char *layout, const char *tag);
/* Fails the test unless the layout is sound. */
void oci_test_sound(const char *layout);

#endif
