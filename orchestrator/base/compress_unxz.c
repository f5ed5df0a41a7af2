/* compress_unxz.c: decoding .xz, block by block on all cores where there are blocks. */
#include <errno.h>
#include <lzma.h>
#include <string.h>
#include <unistd.h>
#include "orchestrator/base/mem.h"
#include "orchestrator/base/unxz.h"

enum { CHUNK_IN = 256 << 10, CHUNK_OUT = 128 << 10 };
/* Of one stream; kernel.org's need 65 MiB, xz -9 the same, a bomb's header any size. */
#define MEMORY_LIMIT (UINT64_C(1) << 30)

bool unxz_is(const void *data, size_t len)
{
	return len >= 6 && !memcmp(data,
				   "\xfd"
				   "7zXZ\0",
				   6);
}

static void stream_end(lzma_stream *s)
{
	lzma_end(s);
}
#define _lzma_ __attribute__((cleanup(stream_end)))

static int start(lzma_stream *s, struct err *e)
{
	lzma_ret code;
#if LZMA_VERSION >= 50040002
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	lzma_mt options = {
		.flags = LZMA_CONCATENATED,
		.threads = cpus < 1   ? 1
			   : cpus > 8 ? 8
				      : (uint32_t)cpus,
		.memlimit_threading = MEMORY_LIMIT,
		.memlimit_stop = MEMORY_LIMIT,
	};
	code = lzma_stream_decoder_mt(s, &options);
#else
	code = lzma_stream_decoder(s, MEMORY_LIMIT, LZMA_CONCATENATED);
#endif
	if (code != LZMA_OK)
		return err_set(e, ERR_INTERNAL, "liblzma can't start (%d)", (int)code);
	return 0;
}

static int refuse(const struct unxz *u, lzma_ret code, struct err *e)
{
	static const struct {
		lzma_ret code;
		const char *text;
	} texts[] = {
		{LZMA_FORMAT_ERROR, "it is not in .xz format"},
		{LZMA_DATA_ERROR, "its data is damaged, or something follows it"},
		{LZMA_BUF_ERROR, "it ends too early"},
		{LZMA_OPTIONS_ERROR, "it needs a newer liblzma"},
		{LZMA_MEMLIMIT_ERROR, "it wants more than 1 GiB of memory"},
		{LZMA_MEM_ERROR, "there is not enough memory"},
	};
	const char *text = "liblzma fails";
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].code == code)
			text = texts[i].text;
	return err_set(e, ERR_INPUT, "%s can't be decompressed: %s", u->name, text);
}

/* The next compressed bytes; 0 at the end of the file. */
static ssize_t fill(const struct unxz *u, uint8_t *chunk, struct err *e)
{
	for (;;) {
		ssize_t n = read(u->fd, chunk, CHUNK_IN);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "can't read %s", u->name);
		if (u->digest)
			digest_add(u->digest, chunk, (size_t)n);
		return n;
	}
}

static int hand_over(
	const struct unxz *u, lzma_stream *s, const uint8_t *out, struct err *e)
{
	size_t len = CHUNK_OUT - s->avail_out;
	if (s->total_out > u->max_bytes)
		return err_set(e, ERR_INPUT, "%s unpacks to more than %llu bytes",
			u->name, (unsigned long long)u->max_bytes);
	return len ? u->take(u->arg, out, len, e) : 0;
}

int unxz_run(const struct unxz *u, struct err *e)
{
	_free_ uint8_t *in = xmalloc(CHUNK_IN), *out = xmalloc(CHUNK_OUT);
	_lzma_ lzma_stream s = LZMA_STREAM_INIT;
	lzma_action action = LZMA_RUN;
	if (start(&s, e))
		return -1;
	s.next_out = out;
	s.avail_out = CHUNK_OUT;
	for (;;) {
		if (!s.avail_in && action == LZMA_RUN) {
			ssize_t n = fill(u, in, e);
			if (n < 0)
				return -1;
			s.next_in = in;
			s.avail_in = (size_t)n;
			if (n == 0)
				action = LZMA_FINISH;
		}
		lzma_ret code = lzma_code(&s, action);
		if (!s.avail_out || code != LZMA_OK) {
			if (hand_over(u, &s, out, e))
				return -1;
			s.next_out = out;
			s.avail_out = CHUNK_OUT;
		}
		if (code == LZMA_STREAM_END)
			return 0;
		if (code != LZMA_OK)
			return refuse(u, code, e);
	}
}
