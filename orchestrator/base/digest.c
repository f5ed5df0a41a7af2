#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

struct digest {
	EVP_MD_CTX *ctx;
};

/* OpenSSL fails here only for want of memory or of its own tables. */
static void must(int ok)
{
	if (ok != 1) {
		fprintf(stderr, "kiln: the digest library failed\n");
		abort();
	}
}

struct digest *digest_new(enum digest_alg alg)
{
	const EVP_MD *md = alg == DIGEST_SHA1	  ? EVP_sha1()
			   : alg == DIGEST_SHA512 ? EVP_sha512()
						  : EVP_sha256();
	struct digest *d = xcalloc(1, sizeof(*d));

	d->ctx = EVP_MD_CTX_new();
	must(d->ctx != NULL);
	must(EVP_DigestInit_ex(d->ctx, md, NULL));
	return d;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	must(EVP_DigestUpdate(d->ctx, data, len));
}

void digest_end(struct digest *d, char *hex)
{
	unsigned char bin[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	must(EVP_DigestFinal_ex(d->ctx, bin, &len));
	for (unsigned i = 0; i < len; i++) {
		hex[2 * i] = "0123456789abcdef"[bin[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[bin[i] & 15];
	}
	hex[2 * len] = '\0';
	digest_free(d);
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void digest_free_ptr(struct digest **d)
{
	digest_free(*d);
	*d = NULL;
}

void digest_sha256(const void *data, size_t len, char hex[SHA256_HEX_LEN + 1])
{
	struct digest *d = digest_new(DIGEST_SHA256);

	digest_add(d, data, len);
	digest_end(d, hex);
}

void digest_git_blob(const void *data, size_t len, char hex[41])
{
	struct digest *d = digest_new(DIGEST_SHA1);
	char head[32];
	int head_len =
		snprintf(head, sizeof(head), "blob %zu", len) + 1; /* with its NUL */

	digest_add(d, head, (size_t)head_len);
	digest_add(d, data, len);
	digest_end(d, hex);
}

/* Adds all that can be read from fd; returns -1 with errno. */
static int add_fd(struct digest *d, int fd, uint64_t *size)
{
	_free_ char *chunk = xmalloc(1 << 18);

	for (;;) {
		ssize_t got = read(fd, chunk, 1 << 18);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			return 0;
		digest_add(d, chunk, (size_t)got);
		*size += (uint64_t)got;
	}
}

int digest_fd(int fd, const char *name, char hex[SHA256_HEX_LEN + 1], uint64_t *size,
	struct err *e)
{
	_digest_ struct digest *d = digest_new(DIGEST_SHA256);
	uint64_t count = 0;

	if (add_fd(d, fd, &count) < 0)
		return err_sys(e, "can't read %s", name);
	digest_end(steal(d), hex);
	if (size)
		*size = count;
	return 0;
}

int digest_file(int dirfd, const char *path, char hex[SHA256_HEX_LEN + 1], uint64_t *size,
	struct err *e)
{
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "can't open %s", path);
	return digest_fd(fd, path, hex, size, e);
}

/* One field of a tree's digest, its length in front, so that no two trees run together.
 */
static void add_field(struct digest *d, const void *data, size_t len)
{
	char head[32];
	int head_len = snprintf(head, sizeof(head), "%zu:", len);

	digest_add(d, head, (size_t)head_len);
	digest_add(d, data, len);
}

static int add_entry(const struct fs_entry *entry, void *arg, struct err *e)
{
	struct digest *d = arg;
	const struct stat *st = entry->st;
	char hex[SHA256_HEX_LEN + 1], target[4096];
	ssize_t len;

	add_field(d, entry->rel, strlen(entry->rel));
	if (S_ISDIR(st->st_mode)) {
		add_field(d, "d", 1);
		return 0;
	}
	if (S_ISLNK(st->st_mode)) {
		len = readlinkat(entry->parent_fd, entry->name, target, sizeof(target));
		if (len < 0)
			return err_sys(e, "can't read the link %s", entry->rel);
		add_field(d, "l", 1);
		add_field(d, target, (size_t)len);
		return 0;
	}
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_INPUT,
			"%s is neither a file, a directory nor a link: remove it",
			entry->rel);
	add_field(d, st->st_mode & 0100 ? "x" : "f", 1);
	if (digest_file(entry->parent_fd, entry->name, hex, NULL, e) < 0)
		return -1;
	add_field(d, hex, SHA256_HEX_LEN);
	return 0;
}

int digest_tree(int dirfd, const char *path, char hex[SHA256_HEX_LEN + 1], struct err *e)
{
	_digest_ struct digest *d = digest_new(DIGEST_SHA256);

	if (fs_walk(dirfd, path, add_entry, d, e) < 0)
		return err_wrap(e, "%s", path);
	digest_end(steal(d), hex);
	return 0;
}

bool digest_is_sha256(const char *s)
{
	return strlen(s) == SHA256_HEX_LEN &&
	       strspn(s, "0123456789abcdef") == SHA256_HEX_LEN;
}
