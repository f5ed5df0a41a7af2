/* download.c: which URL, how often, and what a file must be before it has its name. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include "orchestrator/base/download_int.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"

static const struct download_timing patient = {
	.connect_ms = 20000,
	.stall_seconds = 30,
	.stall_bytes = 1024,
	.backoff_ms = 1000,
	.longest_wait_ms = 120000,
};
struct download_timing download_timing = {
	.connect_ms = 20000,
	.stall_seconds = 30,
	.stall_bytes = 1024,
	.backoff_ms = 1000,
	.longest_wait_ms = 120000,
};

void download_set_timing(const struct download_timing *timing)
{
	download_timing = timing ? *timing : patient;
}

uint64_t download_limit(const struct download *d)
{
	return d->max_size ? d->max_size : DOWNLOAD_MAX_SIZE;
}

static const char *what_of(const struct download *d)
{
	return d->what ? d->what : d->name;
}

/* One file on its way: what all its URLs and tries share. */
struct job {
	const struct download *d;
	struct http *http;
	struct part part;
	const bool *stop;
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
	struct buf reasons;
	bool wrong; /* something came and was not what was asked for */
};

/* Sleeps in slices, so that the failure of another download ends it. */
static void wait_ms(const struct job *j, unsigned ms)
{
	while (ms && !(j->stop && __atomic_load_n(j->stop, __ATOMIC_RELAXED))) {
		unsigned slice = ms < 100 ? ms : 100;
		struct timespec t = {.tv_nsec = (long)slice * 1000000};
		nanosleep(&t, NULL);
		ms -= slice;
	}
}

/* The end of a transfer: the digest decides. */
static enum try_end prove(struct job *j, struct attempt *a)
{
	char hex[SHA256_HEX_LEN + 1];
	part_digest(&j->part, hex);
	if (j->d->got_sha256)
		memcpy(j->d->got_sha256, hex, sizeof(hex));
	if (!j->d->sha256 || !strcmp(hex, j->d->sha256))
		return TRY_DONE;
	if (part_reset(&j->part, &a->err))
		return TRY_LOCAL;
	snprintf(a->reason, sizeof(a->reason), "its sha256 is %s, %s was expected", hex,
		j->d->sha256);
	/* What was there before may be the wrong half: once more, from the beginning. */
	return a->resumed ? TRY_AGAIN : TRY_WRONG;
}

static enum try_end try_once(struct job *j, struct attempt *a)
{
	uint64_t limit = j->d->size ? j->d->size : download_limit(j->d);
	if (j->part.len > limit && part_reset(&j->part, &a->err))
		return TRY_LOCAL;
	enum try_end end = TRY_DONE;
	if (!strncasecmp(a->url, "file:", 5))
		end = file_try(a);
	else if (!j->d->size || j->part.len < j->d->size)
		end = http_try(j->http, a);
	else
		a->resumed = true; /* all of it was there already */
	return end == TRY_DONE ? prove(j, a) : end;
}

static void note_reason(struct job *j, const char *url, const char *reason, int tries)
{
	_free_ char *printable = download_url_public(url);
	_free_ char *safe = str_printable(reason);
	buf_addf(&j->reasons, "%s%s: %s", j->reasons.len ? "; " : "", printable, safe);
	if (tries > 1)
		buf_addf(&j->reasons, " (%d tries)", tries);
}

/* How often one URL was tried. */
struct count {
	int tries;
	int failed; /* in a row, without having brought anything worth it */
};

/* Whether and how long to wait before the next try. */
static bool pause_before(struct job *j, struct attempt *a, const struct count *c)
{
	const struct download_timing *t = &download_timing;
	if (a->wait_ms > t->longest_wait_ms) {
		size_t len = strlen(a->reason);
		snprintf(a->reason + len, sizeof(a->reason) - len,
			", and asks to come back in %u s", a->wait_ms / 1000);
		return false;
	}
	if (c->failed >= DOWNLOAD_TRIES || c->tries >= DOWNLOAD_MOST_TRIES)
		return false;
	unsigned backoff = t->backoff_ms << (c->failed - 1);
	log_verbose("%s: %s; trying again", what_of(j->d), a->reason);
	wait_ms(j, a->wait_ms > backoff ? a->wait_ms : backoff);
	return true;
}

/* One URL, until it is done or has no more to give. */
static enum try_end try_url(struct job *j, const char *url, struct err *e)
{
	struct count c = {0};
	uint64_t most = j->part.len; /* what earlier tries brought is no progress */
	for (;;) {
		struct attempt a = {
			.d = j->d,
			.part = &j->part,
			.url = url,
			.stop = j->stop,
			.progress = j->progress,
			.progress_arg = j->progress_arg,
		};
		enum try_end end = try_once(j, &a);
		c.tries++;
		if (end == TRY_LOCAL)
			*e = a.err;
		if (end == TRY_DONE || end == TRY_LOCAL || end == TRY_STOPPED)
			return end;
		c.failed = j->part.len >= most + DOWNLOAD_PROGRESS ? 1 : c.failed + 1;
		if (j->part.len > most)
			most = j->part.len;
		if (end == TRY_AGAIN && pause_before(j, &a, &c))
			continue;
		note_reason(j, url, a.reason, c.tries);
		return end;
	}
}

static enum try_end try_urls(struct job *j, struct err *e)
{
	enum try_end end = TRY_REFUSED;
	for (const char *const *url = j->d->urls; *url; url++) {
		end = try_url(j, *url, e);
		if (end == TRY_DONE || end == TRY_LOCAL || end == TRY_STOPPED)
			return end;
		j->wrong |= end == TRY_WRONG;
	}
	return end;
}

/* The failure of all URLs, as one sentence. */
static int fail(struct job *j, enum try_end end, struct err *e)
{
	if (end == TRY_LOCAL)
		return err_wrap(e, "%s", what_of(j->d));
	if (end == TRY_STOPPED)
		return err_set(e, ERR_INTERRUPT, "%s: stopped", what_of(j->d));
	if (!j->d->urls[0])
		return err_set(
			e, ERR_NETWORK, "%s: no URL to fetch it from", what_of(j->d));
	return err_set(e, j->wrong ? ERR_VERIFY : ERR_NETWORK, "%s can't be fetched: %s",
		what_of(j->d), buf_str(&j->reasons));
}

/* 1: the file is there under its final name already. */
static int already_there(const struct download *d)
{
	char hex[SHA256_HEX_LEN + 1];
	uint64_t size;
	struct err ignored = {0};
	if (!d->sha256 || !fs_exists(d->dirfd, d->name) ||
		digest_file(d->dirfd, d->name, hex, &size, &ignored) ||
		strcmp(hex, d->sha256))
		return 0;
	if (d->got_sha256)
		memcpy(d->got_sha256, hex, sizeof(hex));
	return 1;
}

static void job_free(struct job *j)
{
	part_close(&j->part);
	buf_free(&j->reasons);
}
#define _job_ __attribute__((cleanup(job_free)))

static int run_job(struct job *j, struct err *e)
{
	const struct download *d = j->d;
	if (already_there(d))
		return 0;
	if (part_open(&j->part, d->dirfd, d->name, e))
		return err_wrap(e, "%s", what_of(d));
	/* Another kiln may have brought it while we waited for its lock. */
	if (already_there(d)) {
		part_discard(&j->part);
		return 0;
	}
	enum try_end end = try_urls(j, e);
	if (end != TRY_DONE) {
		if (!j->part.len)
			part_discard(&j->part);
		return fail(j, end, e);
	}
	return part_publish(&j->part, d->name, e);
}

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	const struct download *d = arg;
	log_progress(what_of(d), done, total);
}

int download_file(const struct download *d, struct err *e)
{
	_job_ struct job j = {
		.d = d,
		.part = {.fd = -1},
		.progress = show_progress,
		.progress_arg = (void *)d,
	};
	j.http = http_new();
	int result = run_job(&j, e);
	http_free(j.http);
	return result;
}

int download_text(const char *url, size_t limit, struct buf *out, struct err *e)
{
	const char *const urls[] = {url, NULL};
	_free_ char *what = download_url_public(url);
	struct download d = {.urls = urls, .name = what, .max_size = limit};
	_job_ struct job j = {.d = &d, .part = {.fd = -1}};
	if (part_open_memory(&j.part, e))
		return -1;
	j.http = http_new();
	enum try_end end = try_urls(&j, e);
	http_free(j.http);
	if (end != TRY_DONE)
		return fail(&j, end, e);
	if (lseek(j.part.fd, 0, SEEK_SET))
		return err_sys(e, "can't read what came from %s", what);
	return fs_read_fd(j.part.fd, what, limit, out, e);
}

/* Several files at once: what the threads share. */
struct batch {
	const struct download *list;
	size_t count, next;
	pthread_mutex_t lock;
	bool stop;
	uint64_t *done; /* bytes of each file */
	uint64_t finished, total;
	struct err err; /* of the first that failed */
};

struct batch_job {
	struct batch *batch;
	size_t index;
};

/* One line for all of them: bytes where every size is known. */
static void batch_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)total;
	struct batch_job *bj = arg;
	struct batch *b = bj->batch;
	pthread_mutex_lock(&b->lock);
	b->finished += done - b->done[bj->index];
	b->done[bj->index] = done;
	log_progress(
		b->count == 1 ? what_of(b->list) : "downloads", b->finished, b->total);
	pthread_mutex_unlock(&b->lock);
}

static bool batch_next(struct batch *b, size_t *index)
{
	pthread_mutex_lock(&b->lock);
	bool more = !b->stop && b->next < b->count;
	if (more)
		*index = b->next++;
	pthread_mutex_unlock(&b->lock);
	return more;
}

static void batch_fail(struct batch *b, const struct err *e)
{
	pthread_mutex_lock(&b->lock);
	if (!b->stop)
		b->err = *e;
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&b->lock);
}

static void *batch_worker(void *arg)
{
	struct batch *b = arg;
	struct http *http = http_new();
	struct batch_job bj = {.batch = b};
	while (batch_next(b, &bj.index)) {
		struct err e = {0};
		_job_ struct job j = {
			.d = &b->list[bj.index],
			.http = http,
			.part = {.fd = -1},
			.stop = &b->stop,
			.progress = batch_progress,
			.progress_arg = &bj,
		};
		if (run_job(&j, &e))
			batch_fail(b, &e);
		else if (j.d->size)
			batch_progress(&bj, j.d->size, 0);
	}
	http_free(http);
	return NULL;
}

static uint64_t total_size(const struct download *list, size_t count)
{
	uint64_t total = 0;
	for (size_t i = 0; i < count; i++) {
		if (!list[i].size)
			return 0;
		total += list[i].size;
	}
	return total;
}

int download_files(
	const struct download *d, size_t count, unsigned parallel, struct err *e)
{
	enum { MOST = 16 };
	struct batch b = {
		.list = d,
		.count = count,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.total = total_size(d, count),
	};
	pthread_t threads[MOST];
	unsigned started = 0;
	unsigned wanted = parallel < 1 ? 1 : parallel > MOST ? MOST : parallel;
	b.done = xcalloc(count + 1, sizeof(*b.done));
	for (; started < wanted && started < count; started++)
		if (pthread_create(&threads[started], NULL, batch_worker, &b))
			break;
	if (!started)
		batch_worker(&b);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(b.done);
	if (!b.stop)
		return 0;
	*e = b.err;
	return -1;
}
