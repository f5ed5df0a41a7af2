/* gzip members by ISA-L. Its levels 1 and 2 give the same bytes on every x86_64 processor
 * with SSE 4.2; level 3 does not (it depends on AVX2 and AVX-512), so it is not offered.
 */
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include "orchestrator/base/compress_codec.h"
#include "orchestrator/base/mem.h"

#define DEFAULT_LEVEL 2
#define STORED_MAX    65535
#define HEADER_LEN    10
#define TRAILER_LEN   8

struct gzip {
	struct isal_zstream stream;
	uint32_t level;
	uint32_t work_len;
	uint8_t *work;
};

static size_t stored_len(size_t len)
{
	return HEADER_LEN + TRAILER_LEN + len + 5 * (len / STORED_MAX + 1);
}

static size_t gzip_bound(size_t len)
{
	/* ISA-L falls back to stored blocks when the output would not fit. */
	return stored_len(len) + 512;
}

static void *gzip_open(int level)
{
	struct gzip *g = xcalloc(1, sizeof(*g));

	g->level = level == 1 ? 1 : DEFAULT_LEVEL;
	g->work_len = g->level == 1 ? ISAL_DEF_LVL1_DEFAULT : ISAL_DEF_LVL2_DEFAULT;
	g->work = xmalloc(g->work_len);
	return g;
}

static void gzip_close(void *ctx)
{
	struct gzip *g = ctx;

	free(g->work);
	free(g);
}

static uint8_t *put_le(uint8_t *out, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		*out++ = (uint8_t)(value >> (8 * i));
	return out;
}

/* A member of stored blocks: as fast as copying, for what is compressed already. */
static size_t gzip_store(const uint8_t *in, size_t len, uint8_t *out)
{
	static const uint8_t header[HEADER_LEN] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	uint8_t *to = out;
	size_t left = len;

	memcpy(to, header, sizeof(header));
	to += sizeof(header);
	do {
		uint32_t n = left > STORED_MAX ? STORED_MAX : (uint32_t)left;

		*to++ = n == left; /* the last block? */
		to = put_le(to, n, 2);
		to = put_le(to, ~n, 2);
		memcpy(to, in + (len - left), n);
		to += n;
		left -= n;
	} while (left > 0);
	to = put_le(to, crc32_gzip_refl(0, in, len), 4);
	to = put_le(to, (uint32_t)len, 4);
	return (size_t)(to - out);
}

static size_t gzip_pack(
	void *ctx, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	struct gzip *g = ctx;
	struct isal_zstream *z = &g->stream;

	if (compress_is_dense(in, in_len))
		return gzip_store(in, in_len, out);
	isal_deflate_stateless_init(z);
	z->level = g->level;
	z->level_buf = g->work;
	z->level_buf_size = g->work_len;
	z->gzip_flag = IGZIP_GZIP;
	z->end_of_stream = 1;
	z->flush = NO_FLUSH;
	z->next_in = (uint8_t *)in;
	z->avail_in = (uint32_t)in_len;
	z->next_out = out;
	z->avail_out = (uint32_t)out_len;
	if (isal_deflate_stateless(z) != COMP_OK || z->avail_in > 0)
		return 0;
	return z->total_out;
}

const struct codec codec_gzip = {
	.block = 1 << 20,
	.bound = gzip_bound,
	.open = gzip_open,
	.pack = gzip_pack,
	.close = gzip_close,
};
