/* media.h: the media types that kiln knows, and what stands behind each. */
#ifndef KILN_OCI_MEDIA_H
#define KILN_OCI_MEDIA_H

#include "orchestrator/base/compress.h"

#define OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG   "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER    "application/vnd.oci.image.layer.v1.tar"

#define OCI_REF_NAME   "org.opencontainers.image.ref.name"
#define OCI_IMAGE_NAME "io.containerd.image.name"

enum media_kind { MEDIA_OTHER, MEDIA_INDEX, MEDIA_MANIFEST, MEDIA_CONFIG, MEDIA_LAYER };

struct media {
	const char *type;
	enum media_kind kind;
	enum compression compression; /* of a layer */
};

/* Never NULL: what is not known is MEDIA_OTHER. */
const struct media *media_of(const char *type);
/* The media type of a layer; NULL where no layer is compressed like that. */
const char *media_layer_type(enum compression compression);

#endif
