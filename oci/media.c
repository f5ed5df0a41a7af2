#include "oci/media.h"

#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

static const struct media known[] = {
	{OCI_INDEX, MEDIA_INDEX, COMPRESS_NONE},
	{OCI_MANIFEST, MEDIA_MANIFEST, COMPRESS_NONE},
	{OCI_CONFIG, MEDIA_CONFIG, COMPRESS_NONE},
	{OCI_LAYER, MEDIA_LAYER, COMPRESS_NONE},
	{OCI_LAYER "+gzip", MEDIA_LAYER, COMPRESS_GZIP},
	{OCI_LAYER "+zstd", MEDIA_LAYER, COMPRESS_ZSTD},
};

const struct media *media_of(const char *type)
{
	static const struct media other = {"", MEDIA_OTHER, COMPRESS_NONE};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(type, known[i].type))
			return &known[i];
	return &other;
}

const char *media_layer_type(enum compression compression)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].kind == MEDIA_LAYER && known[i].compression == compression)
			return known[i].type;
	return NULL;
}
