#include "orchestrator/base/compress.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "orchestrator/base/compress_codec.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

/* One block on its way through the ring: filled by the writer, packed and handed on by
 * any thread, handed on in order and by one at a time. */
enum job_state { JOB_EMPTY, JOB_QUEUED, JOB_BUSY, JOB_DONE };
struct job {
	enum job_state state;
	uint8_t *in, *out;
	size_t in_len, out_len;
};

#define JOBS_PER_THREAD 4

struct packer {
	struct sink sink;
	struct sink *next;
	const struct codec *codec;
	int level;
	void *ctx; /* the writer's own */
	struct job *jobs;
	size_t job_count;
	size_t first, next_queued, filling; /* positions in the ring */
	bool emitting, emitted;
	bool broken; /* next refused a block, and error says why */
	struct err error;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* any of the above */
	bool quit;
	pthread_t *threads;
	size_t thread_count, threads_wanted;
};

static size_t after(const struct packer *p, size_t i)
{
	return (i + 1) % p->job_count;
}

/* Packs the oldest block that nobody packs yet, without the lock, which is held before
 * and afterwards. */
static bool pack_one(struct packer *p, void *ctx)
{
	struct job *job = &p->jobs[p->next_queued];

	if (job->state != JOB_QUEUED)
		return false;
	job->state = JOB_BUSY;
	p->next_queued = after(p, p->next_queued);
	pthread_mutex_unlock(&p->lock);
	job->out_len = p->codec->pack(
		ctx, job->in, job->in_len, job->out, p->codec->bound(p->codec->block));
	pthread_mutex_lock(&p->lock);
	job->state = JOB_DONE;
	pthread_cond_broadcast(&p->changed);
	return true;
}

/* Hands on the oldest block if it is packed and nobody does so already; the lock as
 * above. Workers do it too: what comes behind has a digest to make and a disk to wait
 * for, and the writer has a digest of its own before it. */
static bool emit_one(struct packer *p)
{
	struct job *job = &p->jobs[p->first];
	struct err e = {0};
	int ret;

	if (job->state != JOB_DONE || p->emitting || p->broken)
		return false;
	p->emitting = true;
	pthread_mutex_unlock(&p->lock);
	if (job->out_len == 0)
		ret = err_set(&e, ERR_INTERNAL,
			"a block of %zu bytes can't be compressed", job->in_len);
	else
		ret = sink_write(p->next, job->out, job->out_len, &e);
	pthread_mutex_lock(&p->lock);
	if (ret < 0) {
		p->broken = true;
		p->error = e;
	}
	job->state = JOB_EMPTY;
	job->in_len = 0;
	p->first = after(p, p->first);
	p->emitting = false;
	p->emitted = true;
	pthread_cond_broadcast(&p->changed);
	return true;
}

/* One step nearer to an empty ring; lock held. Nobody idles while there is something to
 * hand on or to pack. */
static void advance(struct packer *p, void *ctx)
{
	if (!emit_one(p) && !pack_one(p, ctx))
		pthread_cond_wait(&p->changed, &p->lock);
}

static void *work(void *arg)
{
	struct packer *p = arg;
	void *ctx = p->codec->open(p->level);

	pthread_mutex_lock(&p->lock);
	while (!p->quit)
		advance(p, ctx);
	pthread_mutex_unlock(&p->lock);
	p->codec->close(ctx);
	return NULL;
}

/* Threads begin with the first full block: small streams never need one. A thread that
 * can't be had is no error, since the writer packs as well: with n threads n - 1 are
 * started. */
static void start_threads(struct packer *p)
{
	while (p->thread_count < p->threads_wanted) {
		if (pthread_create(&p->threads[p->thread_count], NULL, work, p) != 0)
			p->threads_wanted = p->thread_count;
		else
			p->thread_count++;
	}
}

static void stop_threads(struct packer *p)
{
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->thread_count; i++)
		pthread_join(p->threads[i], NULL);
}

static int outcome(const struct packer *p, struct err *e)
{
	if (!p->broken)
		return 0;
	*e = p->error;
	return -1;
}

/* Queues the block that is being filled; waits, at work, for room for the next one. */
static int submit(struct packer *p, struct err *e)
{
	int ret;

	start_threads(p);
	pthread_mutex_lock(&p->lock);
	p->jobs[p->filling].state = JOB_QUEUED;
	pthread_cond_broadcast(&p->changed);
	p->filling = after(p, p->filling);
	while (!p->broken && p->jobs[p->filling].state != JOB_EMPTY)
		advance(p, p->ctx);
	ret = outcome(p, e);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

static int finish(struct packer *p, struct err *e)
{
	bool nothing;
	int ret;

	pthread_mutex_lock(&p->lock);
	nothing = p->first == p->filling && !p->emitted;
	if (p->jobs[p->filling].in_len > 0 || nothing) {
		p->jobs[p->filling].state = JOB_QUEUED; /* even nothing is one block */
		p->filling = after(p, p->filling);
		pthread_cond_broadcast(&p->changed);
	}
	while (!p->broken && p->jobs[p->first].state != JOB_EMPTY)
		advance(p, p->ctx);
	ret = outcome(p, e);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

static void prepare(struct packer *p, struct job *job)
{
	if (!job->in) {
		job->in = xmalloc(p->codec->block);
		job->out = xmalloc(p->codec->bound(p->codec->block));
	}
}

static int packer_write(struct sink *s, const void *data, size_t len, struct err *e)
{
	struct packer *p = (struct packer *)s;
	const uint8_t *from = data;

	while (len > 0) {
		struct job *job = &p->jobs[p->filling];
		size_t n = p->codec->block - job->in_len;

		prepare(p, job);
		if (n > len)
			n = len;
		memcpy(job->in + job->in_len, from, n);
		job->in_len += n;
		from += n;
		len -= n;
		if (job->in_len == p->codec->block && submit(p, e) < 0)
			return -1;
	}
	return 0;
}

static void packer_free(struct packer *p)
{
	stop_threads(p);
	for (size_t i = 0; i < p->job_count; i++) {
		free(p->jobs[i].in);
		free(p->jobs[i].out);
	}
	p->codec->close(p->ctx);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p->threads);
	free(p->jobs);
	free(p);
}

static int packer_close(struct sink *s, struct err *e)
{
	struct packer *p = (struct packer *)s;
	struct sink *next = p->next;
	int ret = -1;

	if (!s->failed) {
		prepare(p, &p->jobs[p->filling]);
		ret = finish(p, e);
	}
	packer_free(p);
	if (ret == 0)
		return sink_close(next, e);
	sink_abort(next);
	return -1;
}

static struct sink *packer_new(
	struct sink *next, const struct codec *codec, int level, size_t threads)
{
	struct packer *p = xcalloc(1, sizeof(*p));

	p->sink = (struct sink){.write = packer_write, .close = packer_close};
	p->next = next;
	p->codec = codec;
	p->level = level;
	p->ctx = codec->open(level);
	p->job_count = threads * JOBS_PER_THREAD;
	p->jobs = xcalloc(p->job_count, sizeof(*p->jobs));
	p->threads_wanted = threads - 1;
	p->threads = xcalloc(threads, sizeof(*p->threads));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	return &p->sink;
}

struct sink *compress_sink(
	struct sink *next, enum compression how, int level, int threads)
{
	if (threads <= 0)
		threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (threads < 1)
		threads = 1;
	switch (how) {
	case COMPRESS_GZIP:
		return packer_new(next, &codec_gzip, level, (size_t)threads);
	case COMPRESS_ZSTD:
		return packer_new(next, &codec_zstd, level, (size_t)threads);
	case COMPRESS_XZ:
		return compress_xz_sink(next, level, threads);
	case COMPRESS_NONE:
		break;
	}
	return next;
}

static const char *const names[] = {
	[COMPRESS_NONE] = "none",
	[COMPRESS_GZIP] = "gzip",
	[COMPRESS_ZSTD] = "zstd",
	[COMPRESS_XZ] = "xz",
};

int compress_by_name(const char *name, enum compression *how, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eq(name, names[i])) {
			*how = (enum compression)i;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE,
		"'%s' is no compression: it is one of gzip, zstd, none and xz", name);
}

const char *compress_name(enum compression how)
{
	return names[how];
}

/* Compressed data has all byte values about equally often, so the sum of squares of the
 * counts is near its least; text and machine code are far from that. A sample of whole
 * pages is enough, and integers alone decide, so that every machine decides alike. */
bool compress_is_dense(const uint8_t *data, size_t len)
{
	const size_t page = 4096, every = 16 * page;
	uint64_t counts[256] = {0}, total = 0, squares = 0;

	for (size_t at = 0; at + page <= len; at += every) {
		for (size_t i = 0; i < page; i++)
			counts[data[at + i]]++;
		total += page;
	}
	if (total == 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		squares += counts[i] * counts[i];
	/* Random bytes give total^2/256 + total. 1/16 above that is taken for dense. */
	return squares < total * total / 256 + total * total / 4096 + 2 * total;
}
