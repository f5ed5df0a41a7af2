/* source_stream.c: a tarball is read once: a thread reads, digests and decompresses it,
 * and feeds gpgv and the unpacker through a pipe each. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "kernel/source_int.h"
#include "orchestrator/base/archive.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/unxz.h"

enum { PIPE_SIZE = 1 << 20, READERS = 2 };
#define MOST_BYTES (UINT64_C(16) << 30)

/* What the reading thread works on. */
struct pump {
	struct source_stream *stream;
	int in;
	int outs[READERS]; /* write ends; -1: none, or its reader has left */
	char sha256[SHA256_HEX_LEN + 1];
	struct err err;
	int status;
};

static void pump_close(struct pump *p)
{
	for (size_t i = 0; i < READERS; i++)
		if (p->outs[i] >= 0)
			close(steal_fd(&p->outs[i]));
}
#define _pump_ __attribute__((cleanup(pump_close)))

/* A reader that has left (EPIPE) says itself why; the others still get everything. */
static int write_out(int *fd, const char *data, size_t len, struct err *e)
{
	while (len && *fd >= 0) {
		ssize_t n = write(*fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE) {
			close(steal_fd(fd));
			return 0;
		}
		if (n < 0)
			return err_sys(e, "can't write to a pipe");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int take(void *arg, const void *data, size_t len, struct err *e)
{
	struct pump *p = arg;
	for (size_t i = 0; i < READERS; i++)
		if (write_out(&p->outs[i], data, len, e))
			return -1;
	return 0;
}

/* A tar that is not compressed by xz: as it is, for archive_unpack knows the rest. */
static int pump_plain(struct pump *p, struct digest *digest, struct err *e)
{
	_free_ char *chunk = xmalloc(PIPE_SIZE);
	for (;;) {
		ssize_t n = read(p->in, chunk, PIPE_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "can't read %s", p->stream->name);
		if (n == 0)
			return 0;
		digest_add(digest, chunk, (size_t)n);
		if (take(p, chunk, (size_t)n, e))
			return -1;
	}
}

static int pump_bytes(struct pump *p, struct err *e)
{
	_digest_ struct digest *digest = digest_new(DIGEST_SHA256);
	char magic[6];
	ssize_t n = pread(p->in, magic, sizeof(magic), 0);
	struct unxz u = {
		.fd = p->in,
		.name = p->stream->name,
		.max_bytes = MOST_BYTES,
		.digest = digest,
		.take = take,
		.arg = p,
	};
	int status = unxz_is(magic, n < 0 ? 0 : (size_t)n) ? unxz_run(&u, e)
							   : pump_plain(p, digest, e);
	digest_end(steal(digest), p->sha256);
	return status;
}

static void *pump_run(void *arg)
{
	struct pump *p = arg;
	/* A pipe without a reader is an answer here, not a reason to die. */
	sigset_t pipe_signal;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	p->status = pump_bytes(p, &p->err);
	pump_close(p); /* the readers see the end */
	return NULL;
}

static int open_pipe(int *read_end, int *write_end, struct err *e)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC))
		return err_sys(e, "can't make a pipe");
	*read_end = fds[0];
	*write_end = fds[1];
	fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE); /* a smaller one only is slower */
	return 0;
}

static int note_newest(const char *path, const struct stat *st, void *arg, struct err *e)
{
	(void)path, (void)e;
	struct source_stream *s = arg;
	if (st->st_mtime > s->newest)
		s->newest = st->st_mtime;
	return 1;
}

static int unpack(struct source_stream *s, int fd, struct err *e)
{
	const struct archive_policy policy = {
		.strip = 1,
		.keep_times = true,
		.filter = note_newest,
		.filter_arg = s,
	};
	return archive_unpack(fd, s->name, s->dirfd, &policy, e);
}

/* Whose failure it was. A damaged or false file makes every reader fail, so the reader of
 * the file comes first, the signature next, and the unpacker last. */
static int verdict(struct pump *p, int signature, const struct err *signature_err,
	int unpacked, const struct err *unpack_err, struct err *e)
{
	const struct source_stream *s = p->stream;
	if (s->sha256 && !p->status && strcmp(p->sha256, s->sha256))
		return err_set(e, ERR_VERIFY, "the sha256 of %s is %s, %s was expected",
			s->name, p->sha256, s->sha256);
	if (p->status) {
		*e = p->err;
		return -1;
	}
	if (signature) {
		*e = *signature_err;
		return -1;
	}
	if (unpacked) {
		*e = *unpack_err;
		return -1;
	}
	return 0;
}

int source_stream_run(struct source_stream *s, struct err *e)
{
	_close_ int in = open(s->path, O_RDONLY | O_CLOEXEC);
	_close_ int tar = -1, signed_data = -1;
	_pump_ struct pump p = {.stream = s, .in = in, .outs = {-1, -1}};
	struct err signature_err = {0}, unpack_err = {0};
	struct gpgv *gpgv = NULL;
	int signature = 0, unpacked = 0;
	pthread_t thread;
	if (in < 0)
		return err_sys(e, "can't read %s", s->path);
	if (s->dirfd >= 0 && open_pipe(&tar, &p.outs[0], e))
		return -1;
	if (s->signature) {
		if (open_pipe(&signed_data, &p.outs[1], e))
			return -1;
		gpgv = gpgv_start(s->signature, signed_data, s->role, e);
		if (!gpgv)
			return -1;
		close(steal_fd(&signed_data));
	}
	if (pthread_create(&thread, NULL, pump_run, &p)) {
		gpgv_kill(gpgv);
		return err_set(e, ERR_INTERNAL, "can't start a thread");
	}
	if (tar >= 0) {
		unpacked = unpack(s, tar, &unpack_err);
		close(steal_fd(&tar));
	}
	pthread_join(thread, NULL);
	if (gpgv)
		signature = gpgv_end(gpgv, &s->signer, &signature_err);
	return verdict(&p, signature, &signature_err, unpacked, &unpack_err, e);
}
