#include "orchestrator/base/stream.h"

#include <stdlib.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

int sink_write(struct sink *s, const void *data, size_t len, struct err *e)
{
	if (s->failed)
		return -1;
	if (s->write(s, data, len, e) == 0)
		return 0;
	s->failed = true;
	return -1;
}

int sink_close(struct sink *s, struct err *e)
{
	return s->close(s, e);
}

void sink_abort(struct sink *s)
{
	struct err ignored = {0};

	if (!s)
		return;
	s->failed = true;
	s->close(s, &ignored);
}

struct sink_fd {
	struct sink sink;
	int fd;
	char *name;
	uint64_t *count;
};

static int fd_write(struct sink *s, const void *data, size_t len, struct err *e)
{
	struct sink_fd *f = (struct sink_fd *)s;

	if (fs_write_all(f->fd, data, len, e) < 0)
		return err_wrap(e, "%s", f->name);
	if (f->count)
		*f->count += len;
	return 0;
}

static int fd_close(struct sink *s, struct err *e)
{
	struct sink_fd *f = (struct sink_fd *)s;
	int ret = s->failed ? -1 : 0;

	(void)e;
	free(f->name);
	free(f);
	return ret;
}

struct sink *sink_fd(int fd, const char *name, uint64_t *count)
{
	struct sink_fd *f = xcalloc(1, sizeof(*f));

	f->sink = (struct sink){.write = fd_write, .close = fd_close};
	f->fd = fd;
	f->name = xstrdup(name);
	f->count = count;
	if (count)
		*count = 0;
	return &f->sink;
}

struct sink_sha256 {
	struct sink sink;
	struct sink *next;
	struct digest *digest;
	char *hex;
	uint64_t *count;
};

static int sha256_write(struct sink *s, const void *data, size_t len, struct err *e)
{
	struct sink_sha256 *h = (struct sink_sha256 *)s;

	digest_add(h->digest, data, len);
	if (h->count)
		*h->count += len;
	return sink_write(h->next, data, len, e);
}

static int sha256_close(struct sink *s, struct err *e)
{
	struct sink_sha256 *h = (struct sink_sha256 *)s;
	int ret = -1;

	if (s->failed) {
		digest_free(h->digest);
		sink_abort(h->next);
	} else {
		digest_end(h->digest, h->hex);
		ret = sink_close(h->next, e);
	}
	free(h);
	return ret;
}

struct sink *sink_sha256(struct sink *next, char *hex, uint64_t *count)
{
	struct sink_sha256 *h = xcalloc(1, sizeof(*h));

	h->sink = (struct sink){.write = sha256_write, .close = sha256_close};
	h->next = next;
	h->digest = digest_new(DIGEST_SHA256);
	h->hex = hex;
	h->count = count;
	hex[0] = '\0';
	if (count)
		*count = 0;
	return &h->sink;
}
