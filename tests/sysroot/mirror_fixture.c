#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/sysroot/mirror_fixture.h"

static const char *original;

void mirror_setup(void)
{
	static const char *const programs[] = {"gpg", "gpgv", "dpkg-deb", "xz"};
	_buf_ struct buf out = {0};

	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		if (!proc_in_path(programs[i]))
			return;
	original = test_tmpdir();
	if (test_sh(&out, "sh %s/tests/sysroot/mirror.sh %s", test_source_dir(),
		    original))
		ck_abort_msg("mirror.sh: %s", buf_str(&out));
}

bool mirror_here(void)
{
	return test_need("gpg") && test_need("gpgv") && test_need("dpkg-deb") &&
	       test_need("xz") && original;
}

void mirror_copy(struct mirror *copy)
{
	/* Lives as long as the test: its strings are reachable to the end. */
	static struct mirror kept;
	struct mirror *m = &kept;

	m->top = test_tmpdir();
	ck_assert_int_eq(
		test_sh(NULL, "cp -a %s/. %s && sed -i 's|%s|%s|' %s/conf/t.conf",
			original, m->top, original, m->top, m->top),
		0);
	m->conf = test_path("%s/conf", m->top);
	m->cache = test_path("%s/cache", m->top);
	m->url = test_path("file://%s/debian", m->top);
	m->dirs[0] = m->conf;
	m->urls[0] = m->url;
	m->dirs[1] = m->urls[1] = NULL;
	m->env = (struct sysroot_env){.cache = m->cache, .mirrors = m->urls};
	*copy = kept;
}

void mirror_spoil(const struct mirror *m, const char *command)
{
	_buf_ struct buf out = {0};

	ck_assert_msg(
		test_sh(&out, "set -e; T=%s; M='sh %s/tests/sysroot/mirror.sh %s'; %s",
			m->top, test_source_dir(), m->top, command) == 0,
		"%s: %s", command, buf_str(&out));
}

int mirror_lock(struct mirror *m, struct err *e)
{
	return sysroot_lock(m->dirs, "t", m->conf, &m->env, e);
}

int mirror_make(
	struct mirror *m, const struct sysroot_use *use, const char **root, struct err *e)
{
	struct sysroot *s = sysroot_load(m->dirs, "t", use, e);
	_close_ int dir = -1;
	int r;

	if (!s)
		return -1;
	*root = test_tmpdir();
	dir = fs_open_dir(AT_FDCWD, *root, e);
	r = sysroot_make(s, &m->env, dir, e);
	sysroot_free(s);
	return r;
}

void tree_digest(const char *root, char hex[65])
{
	struct err e = {0};

	ck_ok(digest_tree(AT_FDCWD, root, hex, &e), &e);
}

bool like(const char *got, const char *pattern)
{
	for (; *pattern && *pattern != '*'; pattern++, got++)
		if (*got != *pattern)
			return false;
	if (*pattern == '\0')
		return *got == '\0';
	for (;; got++) {
		if (like(got, pattern + 1))
			return true;
		if (*got == '\0')
			return false;
	}
}
