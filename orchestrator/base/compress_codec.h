/* compress_codec.h: between compress.c and the files that know one library each. */
#ifndef KILN_COMPRESS_CODEC_H
#define KILN_COMPRESS_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include "orchestrator/base/compress.h"

/* A format in which independently compressed blocks, one after the other, are a valid
 * whole (gzip members, zstd frames). A context serves one thread. */
struct codec {
	size_t block; /* input bytes of every block but the last */
	size_t (*bound)(size_t in_len);
	void *(*open)(int level);
	/* Returns the length of what was written to out, 0 if the library refused. */
	size_t (*pack)(void *ctx, const uint8_t *in, size_t in_len, uint8_t *out,
		size_t out_len);
	void (*close)(void *ctx);
};
extern const struct codec codec_gzip, codec_zstd;

/* Whether data looks compressed or encrypted: its bytes are all about equally frequent.
 */
bool compress_is_dense(const uint8_t *data, size_t len);

/* xz has one index behind all blocks, so liblzma's own threads do it. */
struct sink *compress_xz_sink(struct sink *next, int level, int threads);

#endif
