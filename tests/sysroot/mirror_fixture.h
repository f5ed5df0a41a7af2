/* mirror_fixture.h: a Debian archive of a few small packages, ours to spoil. */
#ifndef KILN_TEST_MIRROR_FIXTURE_H
#define KILN_TEST_MIRROR_FIXTURE_H

#include "sysroot/sysroot.h"
#include "tests/test.h"

/* A copy of the archive for one test, with a cache of its own. */
struct mirror {
	const char *top;     /* debian/, conf/, ring.gpg */
	char *conf, *cache;  /* directories */
	char *url;	     /* of debian/ */
	const char *dirs[2]; /* for sysroot_load */
	const char *urls[2];
	struct sysroot_env env;
};

/* Once, before the tests: an unchecked fixture. */
void mirror_setup(void);
/* Whether it could be made; else says what is missing. */
bool mirror_here(void);
void mirror_copy(struct mirror *m);
/* Runs a shell command with $T as the copy's top, $M as the script that makes archives.
 */
void mirror_spoil(const struct mirror *m, const char *command);
/* Locks "t" into conf/. */
int mirror_lock(struct mirror *m, struct err *e);
/* Loads "t" and makes it into a fresh directory, whose path comes back in *root. */
int mirror_make(struct mirror *m, const struct sysroot_use *use, const char **root,
	struct err *e);
/* Whether a sentence fits a pattern, in which '*' stands for anything. */
bool like(const char *got, const char *pattern);
/* Digest of all below a directory. */
void tree_digest(const char *root, char hex[65]);

#endif
