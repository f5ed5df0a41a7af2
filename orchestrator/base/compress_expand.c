/* The way back: one loop reads and hands on, a decoder per format does a step of it. */
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>
#include "orchestrator/base/compress_codec.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

#define IN_SIZE	 (256 << 10)
#define OUT_SIZE (512 << 10)
/* A decoder that would need a larger window than this is refused. */
#define WINDOW_LOG_MAX 27
#define XZ_MEMORY_MAX  (256 << 20)

/* What a decoder works on. in is what is left of the input. */
struct window {
	const uint8_t *in;
	size_t in_len;
	bool at_eof; /* nothing follows in */
	uint8_t *out;
	size_t out_len; /* produced by this step */
};

enum step { STEP_MORE, STEP_END, STEP_BAD };

struct decoder {
	enum compression how;
	uint8_t magic[6];
	size_t magic_len;
	void *(*open)(void);
	/* Consumes and produces something. STEP_END: a whole stream is over, and in may
	 * hold the begin of another one. */
	enum step (*step)(void *ctx, struct window *w);
	void (*close)(void *ctx);
};

static void *gzip_open(void)
{
	struct inflate_state *s = xcalloc(1, sizeof(*s));

	isal_inflate_init(s);
	s->crc_flag = ISAL_GZIP;
	return s;
}

static enum step gzip_step(void *ctx, struct window *w)
{
	struct inflate_state *s = ctx;
	int ret;

	s->next_in = (uint8_t *)w->in;
	s->avail_in = (uint32_t)w->in_len;
	s->next_out = w->out;
	s->avail_out = OUT_SIZE;
	ret = isal_inflate(s);
	w->in = s->next_in;
	w->in_len = s->avail_in;
	w->out_len = OUT_SIZE - s->avail_out;
	if (ret != ISAL_DECOMP_OK && ret != ISAL_END_INPUT)
		return STEP_BAD;
	if (s->block_state != ISAL_BLOCK_FINISH)
		return STEP_MORE;
	isal_inflate_reset(s);
	s->crc_flag = ISAL_GZIP;
	return STEP_END;
}

static void *zstd_open(void)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();

	if (!d)
		abort(); /* out of memory, as xmalloc */
	ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	return d;
}

static enum step zstd_step(void *ctx, struct window *w)
{
	ZSTD_inBuffer in = {.src = w->in, .size = w->in_len};
	ZSTD_outBuffer out = {.dst = w->out, .size = OUT_SIZE};
	size_t ret = ZSTD_decompressStream(ctx, &out, &in);

	w->in += in.pos;
	w->in_len -= in.pos;
	w->out_len = out.pos;
	if (ZSTD_isError(ret))
		return STEP_BAD;
	return ret == 0 ? STEP_END : STEP_MORE;
}

static void zstd_close(void *ctx)
{
	ZSTD_freeDCtx(ctx);
}

static void *xz_open(void)
{
	lzma_stream *s = xcalloc(1, sizeof(*s));

	*s = (lzma_stream)LZMA_STREAM_INIT;
	if (lzma_stream_decoder(s, XZ_MEMORY_MAX, 0) != LZMA_OK)
		abort(); /* out of memory, as xmalloc */
	return s;
}

static enum step xz_step(void *ctx, struct window *w)
{
	lzma_stream *s = ctx;
	lzma_ret ret;

	s->next_in = w->in;
	s->avail_in = w->in_len;
	s->next_out = w->out;
	s->avail_out = OUT_SIZE;
	ret = lzma_code(s, LZMA_RUN);
	w->in = s->next_in;
	w->in_len = s->avail_in;
	w->out_len = OUT_SIZE - s->avail_out;
	if (ret == LZMA_STREAM_END)
		return lzma_stream_decoder(s, XZ_MEMORY_MAX, 0) == LZMA_OK ? STEP_END
									   : STEP_BAD;
	return ret == LZMA_OK || ret == LZMA_BUF_ERROR ? STEP_MORE : STEP_BAD;
}

static void xz_close(void *ctx)
{
	lzma_end(ctx);
	free(ctx);
}

static const struct decoder decoders[] = {
	{COMPRESS_GZIP, {0x1f, 0x8b}, 2, gzip_open, gzip_step, free},
	{COMPRESS_ZSTD, {0x28, 0xb5, 0x2f, 0xfd}, 4, zstd_open, zstd_step, zstd_close},
	{COMPRESS_XZ, {0xfd, '7', 'z', 'X', 'Z', 0}, 6, xz_open, xz_step, xz_close},
};

static const struct decoder *decoder_for(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(decoders); i++) {
		const struct decoder *d = &decoders[i];

		if (len >= d->magic_len && memcmp(data, d->magic, d->magic_len) == 0)
			return d;
	}
	return NULL;
}

struct expander {
	int fd;
	const char *name;
	struct sink *out;
	uint64_t max, done;
	uint8_t *buffer, *produced;
	struct window w;
};

/* Fills the buffer behind what is left in it. */
static int refill(struct expander *x, struct err *e)
{
	struct window *w = &x->w;

	memmove(x->buffer, w->in, w->in_len);
	w->in = x->buffer;
	while (!w->at_eof && w->in_len < IN_SIZE) {
		ssize_t n = read(x->fd, x->buffer + w->in_len, IN_SIZE - w->in_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "%s: can't be read", x->name);
		w->in_len += (size_t)n;
		w->at_eof = n == 0;
	}
	return 0;
}

static int hand_on(struct expander *x, const uint8_t *data, size_t len, struct err *e)
{
	x->done += len;
	if (x->max > 0 && x->done > x->max)
		return err_set(e, ERR_INPUT,
			"%s: expands to more than the %llu bytes allowed", x->name,
			(unsigned long long)x->max);
	return len == 0 ? 0 : sink_write(x->out, data, len, e);
}

static int pass_plain(struct expander *x, struct err *e)
{
	while (x->w.in_len > 0) {
		if (hand_on(x, x->w.in, x->w.in_len, e) < 0)
			return -1;
		x->w.in_len = 0;
		if (refill(x, e) < 0)
			return -1;
	}
	return 0;
}

static int damaged(const struct expander *x, const char *how, struct err *e)
{
	return err_set(e, ERR_INPUT,
		"%s: the compressed data %s after %llu good bytes; it has to be made or "
		"fetched "
		"anew",
		x->name, how, (unsigned long long)x->done);
}

static int expand_with(
	struct expander *x, const struct decoder *d, void *ctx, struct err *e)
{
	for (;;) {
		size_t had;
		enum step step;

		if (x->w.in_len < IN_SIZE / 2 && refill(x, e) < 0)
			return -1;
		had = x->w.in_len;
		x->w.out = x->produced;
		step = d->step(ctx, &x->w);
		if (hand_on(x, x->produced, x->w.out_len, e) < 0)
			return -1;
		if (step == STEP_BAD)
			return damaged(x, "is damaged", e);
		if (step == STEP_MORE && x->w.out_len == 0 && had == x->w.in_len)
			return damaged(x, "ends too early", e);
		if (step != STEP_END)
			continue;
		if (x->w.in_len < d->magic_len && refill(x, e) < 0)
			return -1;
		if (x->w.in_len == 0)
			return 0;
		if (decoder_for(x->w.in, x->w.in_len) != d)
			return damaged(x, "is followed by other bytes", e);
	}
}

int compress_expand(int fd, const char *name, struct sink *out, uint64_t max,
	enum compression *found, struct err *e)
{
	_free_ uint8_t *buffer = xmalloc(IN_SIZE), *produced = xmalloc(OUT_SIZE);
	struct expander x = {.fd = fd,
		.name = name,
		.out = out,
		.max = max,
		.buffer = buffer,
		.produced = produced,
		.w = {.in = buffer}};
	const struct decoder *d;
	void *ctx;
	int ret;

	if (refill(&x, e) < 0)
		return -1;
	d = decoder_for(x.w.in, x.w.in_len);
	if (found)
		*found = d ? d->how : COMPRESS_NONE;
	if (!d)
		return pass_plain(&x, e);
	ctx = d->open();
	ret = expand_with(&x, d, ctx, e);
	d->close(ctx);
	return ret;
}
