/* digest.h: SHA-256 and git's blob hash, streaming or whole. */
#ifndef KILN_DIGEST_H
#define KILN_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "orchestrator/base/err.h"

#define SHA256_LEN     32
#define SHA256_HEX_LEN 64

struct digest; /* opaque, owned: digest_free or digest_end frees */
enum digest_alg { DIGEST_SHA256, DIGEST_SHA1, DIGEST_SHA512 };

struct digest *digest_new(enum digest_alg alg);
void digest_add(struct digest *d, const void *data, size_t len);
/* Writes lower-case hex and a NUL into hex (2 * size + 1 bytes), frees d. */
void digest_end(struct digest *d, char *hex);
void digest_free(struct digest *d);
void digest_free_ptr(struct digest **d);
#define _digest_ __attribute__((cleanup(digest_free_ptr)))

void digest_sha256(const void *data, size_t len, char hex[SHA256_HEX_LEN + 1]);
/* Digest of a file's bytes; *size may be NULL. */
int digest_file(int dirfd, const char *path, char hex[SHA256_HEX_LEN + 1], uint64_t *size,
	struct err *e);
int digest_fd(int fd, const char *name, char hex[SHA256_HEX_LEN + 1], uint64_t *size,
	struct err *e);
/* Digest over a tree's contents: names, types, exec bits, link targets, bytes; not
 * times, owners or other mode bits. */
int digest_tree(int dirfd, const char *path, char hex[SHA256_HEX_LEN + 1], struct err *e);
/* Git's object name of a blob (SHA-1 over "blob <len>\0" and the data). */
void digest_git_blob(const void *data, size_t len, char hex[41]);
/* 64 lower-case hex digits and nothing else. */
bool digest_is_sha256(const char *s);

#endif
