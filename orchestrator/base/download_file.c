/* download_file.c: file:// URLs, which an air gap's mirror has: copied, never trusted. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/download_int.h"
#include "orchestrator/base/mem.h"

/* The path of file:///path or file://localhost/path, with %20 and the like decoded. */
static char *path_of(const char *url)
{
	const char *rest = url + strlen("file://");
	if (!strncmp(rest, "localhost/", 10))
		rest += 9;
	if (*rest != '/')
		return NULL;
	int len = 0;
	char *plain = curl_easy_unescape(NULL, rest, 0, &len);
	if (!plain || strlen(plain) != (size_t)len) {
		curl_free(plain);
		return NULL;
	}
	char *path = xstrdup(plain);
	curl_free(plain);
	return path;
}

static enum try_end refuse(struct attempt *a, const char *reason)
{
	snprintf(a->reason, sizeof(a->reason), "%s", reason);
	return TRY_REFUSED;
}

static enum try_end copy(struct attempt *a, int fd, uint64_t total)
{
	enum { CHUNK = 1024 * 1024 };
	_free_ char *chunk = xmalloc(CHUNK);
	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse(a, strerror(errno));
		if (n == 0)
			return TRY_DONE;
		if (a->part->len + (uint64_t)n > total)
			return refuse(a, "the file grew while it was read");
		if (part_append(a->part, chunk, (size_t)n, &a->err))
			return TRY_LOCAL;
		if (a->progress)
			a->progress(a->progress_arg, a->part->len, total);
		if (a->stop && __atomic_load_n(a->stop, __ATOMIC_RELAXED))
			return TRY_STOPPED;
	}
}

enum try_end file_try(struct attempt *a)
{
	_free_ char *path = path_of(a->url);
	if (!path)
		return refuse(a, "not a file URL with an absolute path (file:///...)");
	/* O_NONBLOCK: a FIFO must not hold us up. */
	_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		snprintf(a->reason, sizeof(a->reason), "%s", strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? TRY_MISSING : TRY_REFUSED;
	}
	struct stat st;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return refuse(a, "not a regular file");
	uint64_t total = (uint64_t)st.st_size;
	if (a->d->size && total != a->d->size) {
		snprintf(a->reason, sizeof(a->reason),
			"the file has %llu bytes, %llu were expected",
			(unsigned long long)total, (unsigned long long)a->d->size);
		return TRY_REFUSED;
	}
	if (total > download_limit(a->d)) {
		snprintf(a->reason, sizeof(a->reason),
			"the file has %llu bytes, the limit is %llu",
			(unsigned long long)total,
			(unsigned long long)download_limit(a->d));
		return TRY_REFUSED;
	}
	if (a->part->len && part_reset(a->part, &a->err))
		return TRY_LOCAL;
	return copy(a, fd, total);
}
