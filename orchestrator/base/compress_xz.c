/* xz by liblzma's threaded encoder: also for one thread, since the plain encoder writes
 * other block headers. */
#include <lzma.h>
#include <stdlib.h>
#include "orchestrator/base/compress_codec.h"
#include "orchestrator/base/mem.h"

/* Measured on a kernel tree: -1 takes a third of the time of -3 for a tenth more. */
#define DEFAULT_LEVEL 1
#define OUT_SIZE      (256 << 10)

struct xz {
	struct sink sink;
	struct sink *next;
	lzma_stream stream;
	lzma_ret started;
	uint8_t out[OUT_SIZE];
};

static int xz_run(struct xz *x, lzma_action action, struct err *e)
{
	lzma_ret ret;

	do {
		size_t len;

		x->stream.next_out = x->out;
		x->stream.avail_out = OUT_SIZE;
		ret = lzma_code(&x->stream, action);
		len = OUT_SIZE - x->stream.avail_out;
		if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			return err_set(
				e, ERR_INTERNAL, "liblzma failed with code %d", ret);
		if (len > 0 && sink_write(x->next, x->out, len, e) < 0)
			return -1;
	} while (action == LZMA_FINISH ? ret != LZMA_STREAM_END : x->stream.avail_in > 0);
	return 0;
}

static int xz_write(struct sink *s, const void *data, size_t len, struct err *e)
{
	struct xz *x = (struct xz *)s;

	if (x->started != LZMA_OK)
		return err_set(
			e, ERR_INTERNAL, "liblzma does not start: code %d", x->started);
	x->stream.next_in = data;
	x->stream.avail_in = len;
	return xz_run(x, LZMA_RUN, e);
}

static int xz_close(struct sink *s, struct err *e)
{
	struct xz *x = (struct xz *)s;
	struct sink *next = x->next;
	int ret = s->failed ? -1 : xz_run(x, LZMA_FINISH, e);

	lzma_end(&x->stream);
	free(x);
	if (ret == 0)
		return sink_close(next, e);
	sink_abort(next);
	return -1;
}

struct sink *compress_xz_sink(struct sink *next, int level, int threads)
{
	struct xz *x = xcalloc(1, sizeof(*x));
	lzma_mt options = {
		.threads = (uint32_t)threads,
		.preset = (uint32_t)(level == 0 ? DEFAULT_LEVEL : level),
		.check = LZMA_CHECK_CRC64,
		/* Given, so that blocks are cut alike for any number of threads. */
		.block_size = 8 << 20,
	};

	x->sink = (struct sink){.write = xz_write, .close = xz_close};
	x->next = next;
	x->stream = (lzma_stream)LZMA_STREAM_INIT;
	x->started = lzma_stream_encoder_mt(&x->stream, &options);
	return &x->sink;
}
