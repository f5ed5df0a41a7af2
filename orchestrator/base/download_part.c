/* download_part.c: what has come so far of one file, locked, digested and resumable. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/download_int.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"

/* Beside <name>.part: the URL and the validator of its bytes, a line each. It is written
 * without a sync: after a power cut it may be wrong, and then the file starts over or its
 * digest disagrees. */
static char *origin_name(const struct part *p)
{
	return xasprintf("%s.from", p->name);
}

static void origin_read(struct part *p)
{
	_free_ char *name = origin_name(p);
	_buf_ struct buf text = {0};
	struct err ignored = {0};
	if (fs_read(p->dirfd, name, 16384, &text, &ignored))
		return;
	char *pos = text.data;
	char *url = str_next_line(&pos), *validator = str_next_line(&pos);
	if (url && validator) {
		p->url = xstrdup(url);
		p->validator = *validator ? xstrdup(validator) : NULL;
	}
}

void part_set_origin(struct part *p, const char *url, const char *validator)
{
	free(p->url);
	free(p->validator);
	p->url = xstrdup(url);
	p->validator = validator && *validator ? xstrdup(validator) : NULL;
	if (!p->name)
		return;
	_free_ char *name = origin_name(p);
	_buf_ struct buf text = {0};
	struct err ignored = {0};
	buf_addf(&text, "%s\n%s\n", url, p->validator ? p->validator : "");
	_close_ int fd = openat(p->dirfd, name,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)fs_write_all(fd, text.data, text.len, &ignored);
}

/* Whether the locked fd is still what the name stands for: its last holder may have
 * published or discarded it while we waited for the lock. */
static bool still_named(const struct part *p)
{
	struct stat mine, named;
	return fstat(p->fd, &mine) == 0 &&
	       fstatat(p->dirfd, p->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

static int open_locked(struct part *p, struct err *e)
{
	for (;;) {
		p->fd = openat(p->dirfd, p->name,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (p->fd < 0)
			return err_sys(e, "can't write %s", p->name);
		if (flock(p->fd, LOCK_EX | LOCK_NB)) {
			if (errno != EWOULDBLOCK)
				return err_sys(e, "can't lock %s", p->name);
			log_info("waiting for another kiln that is fetching %.*s",
				(int)(strlen(p->name) - strlen(".part")), p->name);
			while (flock(p->fd, LOCK_EX))
				if (errno != EINTR)
					return err_sys(e, "can't lock %s", p->name);
		}
		if (still_named(p))
			return 0;
		close(steal_fd(&p->fd));
	}
}

/* Digests what an earlier call left. */
static int digest_existing(struct part *p, struct err *e)
{
	enum { CHUNK = 256 * 1024 };
	_free_ char *chunk = xmalloc(CHUNK);
	for (;;) {
		ssize_t n = pread(p->fd, chunk, CHUNK, (off_t)p->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "can't read %s", p->name);
		if (n == 0)
			return 0;
		digest_add(p->digest, chunk, (size_t)n);
		p->len += (uint64_t)n;
	}
}

int part_open(struct part *p, int dirfd, const char *name, struct err *e)
{
	*p = (struct part){.dirfd = dirfd, .fd = -1};
	p->name = xasprintf("%s.part", name);
	if (open_locked(p, e))
		return -1;
	p->digest = digest_new(DIGEST_SHA256);
	if (digest_existing(p, e))
		return -1;
	if (p->len)
		origin_read(p);
	return 0;
}

int part_open_memory(struct part *p, struct err *e)
{
	*p = (struct part){.dirfd = -1, .fd = memfd_create("download", MFD_CLOEXEC)};
	if (p->fd < 0)
		return err_sys(e, "can't make a memory file");
	p->digest = digest_new(DIGEST_SHA256);
	return 0;
}

int part_append(struct part *p, const void *data, size_t len, struct err *e)
{
	const char *bytes = data;
	for (size_t done = 0; done < len;) {
		ssize_t n =
			pwrite(p->fd, bytes + done, len - done, (off_t)(p->len + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(
				e, "can't write %s", p->name ? p->name : "to memory");
		done += (size_t)n;
	}
	digest_add(p->digest, data, len);
	p->len += len;
	return 0;
}

int part_reset(struct part *p, struct err *e)
{
	if (ftruncate(p->fd, 0))
		return err_sys(e, "can't empty %s", p->name ? p->name : "a memory file");
	digest_free(p->digest);
	p->digest = digest_new(DIGEST_SHA256);
	p->len = 0;
	mem_free_ptr(&p->url);
	mem_free_ptr(&p->validator);
	p->url = p->validator = NULL;
	return 0;
}

void part_digest(struct part *p, char hex[SHA256_HEX_LEN + 1])
{
	digest_end(steal(p->digest), hex);
}

int part_publish(struct part *p, const char *name, struct err *e)
{
	if (fsync(p->fd))
		return err_sys(e, "can't write %s", p->name);
	if (renameat(p->dirfd, p->name, p->dirfd, name))
		return err_sys(e, "can't rename %s to %s", p->name, name);
	_free_ char *origin = origin_name(p);
	unlinkat(p->dirfd, origin, 0);
	return 0;
}

void part_discard(struct part *p)
{
	if (!p->name)
		return;
	_free_ char *origin = origin_name(p);
	unlinkat(p->dirfd, origin, 0);
	unlinkat(p->dirfd, p->name, 0);
}

void part_close(struct part *p)
{
	if (p->fd >= 0)
		close(p->fd);
	digest_free(p->digest);
	free(p->name);
	free(p->url);
	free(p->validator);
	*p = (struct part){.fd = -1};
}
