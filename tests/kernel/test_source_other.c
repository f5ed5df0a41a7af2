/* Sources that are none of kernel.org's layout: a URL with a pin, trees and tarballs of
 * this host, and the host's own package. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/source.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "tests/test.h"

/* Runs one spec from start to end; *unpacked (if not NULL) receives the directory. */
static int run(const struct source_spec *spec, const char *const *mirrors,
	struct source_info *info, char **unpacked, struct err *e)
{
	_free_ char *cache = xstrdup(test_tmpdir()), *from = xstrdup(test_tmpdir());
	_free_ char *to = xstrdup(test_tmpdir());
	struct source_env env = {.cache = cache, .mirrors = mirrors};
	_close_ int from_fd = fs_open_dir(AT_FDCWD, from, e);
	_close_ int to_fd = fs_open_dir(AT_FDCWD, to, e);
	struct source_spec s = *spec;
	s.keys = s.keys ? s.keys : to;
	*e = (struct err){0};
	source_info_free(info);
	if (source_fetch(&s, &env, from_fd, e) || source_unpack(&s, from, to_fd, e) ||
		source_info_read(to, info, e))
		return -1;
	if (unpacked)
		*unpacked = steal(to);
	return 0;
}

/* A tiny tree as a directory, as a git checkout, and as tarballs of three kinds. */
static char *make_sources(void)
{
	_buf_ struct buf out = {0};
	char *dir = xstrdup(test_tmpdir());
	int status = test_sh(&out,
		"set -e; cd '%s'; mkdir -p t/kernel; printf 'VERSION = 6\\nPATCHLEVEL = "
		"1\\n"
		"SUBLEVEL = 9\\nEXTRAVERSION =\\n' > t/Makefile; echo x > t/Kconfig; "
		"echo y > "
		"t/kernel/y.c; ln -s y.c t/kernel/link; find t -exec touch -h -d "
		"@1600000000 {} +; "
		"tar czf t.tar.gz t; tar cJf t.tar.xz t; tar cf t.tar t; sha256sum "
		"t.tar* > sums",
		dir);
	ck_assert_msg(status == 0, "%s", buf_str(&out));
	return dir;
}

START_TEST(pinned_url)
{
	static const char *const names[] = {"t.tar", "t.tar.gz", "t.tar.xz"};
	_free_ char *dir = make_sources();
	_source_info_ struct source_info info = {0};
	struct err e = {0};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char hex[65];
		_free_ char *path = test_path("%s/%s", dir, names[i]);
		_free_ char *url = test_path("file://%s", path), *to = NULL;
		ck_ok(digest_file(AT_FDCWD, path, hex, NULL, &e), &e);
		struct source_spec spec = {.version = "6.1.9", .url = url, .pin = hex};
		ck_ok(run(&spec, NULL, &info, &to, &e), &e);
		ck_assert_str_eq(info.proof, "sha256 pinned by KERNEL_SHA256");
		ck_assert_str_eq(info.sha256, hex);
		ck_assert_str_eq(info.url, url);
		ck_assert_int_eq(info.date, 1600000000);
		ck_assert_int_eq(test_sh(NULL, "diff -r '%s/t' '%s/tree'", dir, to), 0);
		/* The pin has to agree, and the version too. */
		hex[0] = hex[0] == '0' ? '1' : '0';
		ck_assert_int_eq(run(&spec, NULL, &info, NULL, &e), -1);
		ck_assert_int_eq(e.code, ERR_VERIFY);
		hex[0] = '0';
	}
}
END_TEST

START_TEST(other_version)
{
	char hex[65];
	_free_ char *dir = make_sources(), *path = test_path("%s/t.tar.xz", dir);
	_free_ char *url = test_path("file://%s", path);
	_source_info_ struct source_info info = {0};
	struct err e = {0};
	ck_ok(digest_file(AT_FDCWD, path, hex, NULL, &e), &e);
	struct source_spec spec = {.version = "6.1.8", .url = url, .pin = hex};
	ck_fails(run(&spec, NULL, &info, NULL, &e), &e, ERR_USAGE,
		"the source of 6.1.8: KERNEL_VERSION is 6.1.8, but the Makefile of the "
		"tree says "
		"6.1.9");
}
END_TEST

START_TEST(local_tree_and_tarball)
{
	_free_ char *dir = make_sources();
	_source_info_ struct source_info info = {0};
	struct err e = {0};
	static const char *const names[] = {"t", "t.tar.xz", "t.tar.gz"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		_free_ char *path = test_path("%s/%s", dir, names[i]), *to = NULL;
		_free_ char *before = NULL, *after = NULL;
		struct source_spec spec = {.version = "6.1.9", .url = path};
		ck_ok(source_identity(&spec, &before, &e), &e);
		ck_ok(run(&spec, NULL, &info, &to, &e), &e);
		ck_assert_int_eq(test_sh(NULL, "diff -r '%s/t' '%s/tree'", dir, to), 0);
		ck_assert_int_eq(info.date, 1600000000);
		_free_ char *url = test_path("local:%s", before);
		ck_assert_str_eq(info.url, url);
		/* Other content is another identity. */
		test_sh(NULL,
			"cd '%s' && if [ -d %s ]; then echo z >> t/Kconfig; else echo z "
			">> "
			"%s; fi && touch -d @1600000000 t/Kconfig",
			dir, names[i], names[i]);
		ck_ok(source_identity(&spec, &after, &e), &e);
		ck_assert_str_ne(before, after);
		test_sh(NULL,
			"cd '%s' && echo x > t/Kconfig && touch -d @1600000000 t/Kconfig",
			dir);
	}
}
END_TEST

START_TEST(git_checkout)
{
	_free_ char *dir = make_sources(), *path = test_path("%s/t", dir);
	_free_ char *identity = NULL, *again = NULL, *dirty = NULL, *to = NULL;
	_source_info_ struct source_info info = {0};
	_buf_ struct buf out = {0};
	struct err e = {0};
	if (!test_need("git"))
		return;
	ck_assert_int_eq(
		test_sh(&out,
			"cd '%s' && git init -q && echo '*.o' > .gitignore && git add . "
			"&& "
			"GIT_COMMITTER_DATE='@1650000000 +0000' git -c user.name=x -c "
			"user.email=x@x commit -qm x --date='@1640000000 +0000' && git "
			"rev-parse HEAD",
			path),
		0);
	struct source_spec spec = {.version = "6.1.9", .url = path};
	ck_ok(source_identity(&spec, &identity, &e), &e);
	_free_ char *want = test_path("git:%s", str_trim(out.data));
	ck_assert_str_eq(identity, want);
	/* What git ignores has no part in it, neither in the name nor in the tree. */
	test_sh(NULL, "echo o > '%s/x.o'; touch '%s/Makefile'", path, path);
	ck_ok(source_identity(&spec, &again, &e), &e);
	ck_assert_str_eq(identity, again);
	ck_ok(run(&spec, NULL, &info, &to, &e), &e);
	ck_assert_int_eq(
		test_sh(NULL,
			"diff -r -x .git -x x.o '%s' '%s/tree' && ! ls '%s'/tree/x.o",
			path, to, to),
		0);
	ck_assert_int_eq(info.date, 1650000000);
	/* A change that is not committed makes it a tree like any other. */
	test_sh(NULL, "echo more >> '%s/Kconfig'", path);
	ck_ok(source_identity(&spec, &dirty, &e), &e);
	ck_assert_msg(str_starts(dirty, "content:"), "%s", dirty);
	_free_ char *to_dirty = NULL;
	ck_ok(run(&spec, NULL, &info, &to_dirty, &e), &e);
	ck_assert_int_eq(
		test_sh(NULL, "diff -r -x .git '%s' '%s/tree' && ! ls -d '%s'/tree/.git",
			path, to_dirty, to_dirty),
		0);
}
END_TEST

START_TEST(no_such_tree)
{
	struct err e = {0};
	_free_ char *identity = NULL;
	struct source_spec spec = {.version = "6.1.9", .url = "/nonexistent/tree"};
	ck_fails(source_identity(&spec, &identity, &e), &e, ERR_USAGE,
		"KERNEL_SOURCE=/nonexistent/tree: No such file or directory");
}
END_TEST

/* A stand-in for apt, first in PATH: what it is asked, and what it answers. Packages are
 * real .debs by dpkg-deb. */
static char *fake_apt(void)
{
	_buf_ struct buf out = {0};
	char *dir = xstrdup(test_tmpdir());
	_free_ char *sources = make_sources();
	int status = test_sh(&out,
		"set -e; cd '%s'; mkdir -p bin p/DEBIAN p/usr/src p/usr/share/doc/x\n"
		"printf 'Package: linux-source-6.1\\nVersion: 6.1.9-2\\nArchitecture: "
		"all\\n"
		"Maintainer: x <x@test.invalid>\\nDescription: x\\n' > p/DEBIAN/control\n"
		"cp '%s/t.tar.xz' p/usr/src/linux-source-6.1.tar.xz; echo > "
		"p/usr/share/doc/x/y\n"
		"dpkg-deb -b p pkg.deb\n"
		"cat > bin/apt-cache <<'E'\n#!/bin/sh\n"
		"echo ' linux-source-6.1 |   6.1.9-2 | http://deb.test.invalid/d x/main "
		"amd64 "
		"Packages'\n"
		"echo ' linux-source-6.1 | 1:6.1.8-1~bpo1+1 | http://deb.test.invalid/d "
		"x/main "
		"amd64 Packages'\n"
		"echo ' linux-source-6.1 |  6.1.10-1 | http://deb.test.invalid/d x/main "
		"Sources'\nE\n"
		"cat > bin/apt-get <<'E'\n#!/bin/sh\n"
		"case \"$*\" in *indextargets*) echo 'http://deb.test.invalid/d Test'; "
		"exit;; esac\n"
		"echo \"$@\" >> '%s/asked'\n"
		"for last; do :; done\n"
		"[ \"$last\" = linux-source-6.1=6.1.9-2 ] || { echo; echo 'E: not "
		"authenticated'; "
		"exit 100; }\n"
		"cp '%s/pkg.deb' linux-source-6.1_6.1.9-2_all.deb\nE\n"
		"chmod 755 bin/*",
		dir, sources, dir, dir);
	ck_assert_msg(status == 0, "%s", buf_str(&out));
	_free_ char *path = test_path("%s/bin:%s", dir, getenv("PATH"));
	setenv("PATH", path, 1);
	return dir;
}

START_TEST(apt)
{
	static const char *const mirrors[] = {"apt:", NULL};
	static const char *const after[] = {"file:///nonexistent", "apt:", NULL};
	_source_info_ struct source_info info = {0};
	struct err e = {0};
	char *version = NULL;
	if (!test_need("dpkg-deb"))
		return;
	_free_ char *dir = fake_apt(), *to = NULL;
	struct source_spec spec = {.version = "6.1.9", .apt = true};
	ck_ok(run(&spec, mirrors, &info, &to, &e), &e);
	ck_assert_str_eq(info.url, "apt:linux-source-6.1=6.1.9-2");
	ck_assert_str_eq(info.proof,
		"Test archive signature (apt), package linux-source-6.1 6.1.9-2");
	ck_assert_int_eq(info.date, 1600000000);
	_free_ char *asked_path = test_path("%s/asked", dir),
		    *asked = test_read(asked_path);
	ck_assert_msg(
		strstr(asked, "-o APT::Get::AllowUnauthenticated=false"), "%s", asked);
	/* Behind mirrors that have nothing it takes over; each says why it was left. */
	ck_ok(run(&spec, after, &info, NULL, &e), &e);
	spec.version = "6.1.7";
	ck_fails(run(&spec, mirrors, &info, NULL, &e), &e, ERR_NETWORK,
		"the source of 6.1.7: apt: has linux-source-6.1 as 6.1.9, 6.1.8, not "
		"6.1.7");
	spec.version = "6.1.8";
	ck_fails(run(&spec, mirrors, &info, NULL, &e), &e, ERR_NETWORK,
		"the source of 6.1.8: apt: apt-get download "
		"linux-source-6.1=1:6.1.8-1~bpo1+1 "
		"failed (exit status 100): not authenticated");
	/* The newest by version, and only binary packages count. */
	_free_ char *cache = xstrdup(test_tmpdir());
	struct source_env env = {.cache = cache, .mirrors = mirrors};
	spec.keys = cache;
	ck_ok(source_latest("6.1", &spec, &env, &version, &e), &e);
	ck_assert_str_eq(version, "6.1.9");
	free(version);
	_close_ int out = fs_open_dir(AT_FDCWD, cache, &e);
	spec.rt = "6.1.9-rt1";
	ck_fails(source_queue_fetch(&spec, &env, out, &e), &e, ERR_NETWORK,
		"the patch queue of 6.1.9-rt1: apt: has no patch queue of the RT "
		"project; name a mirror with projects/rt beside it");
}
END_TEST

/* Nobody gets the distribution's tree who did not ask for it. */
START_TEST(apt_is_never_silent)
{
	static const char *const mirrors[] = {"file:///nonexistent", "apt:", NULL};
	_source_info_ struct source_info info = {0};
	struct err e = {0};
	char zero[65];
	if (!test_need("dpkg-deb"))
		return;
	_free_ char *dir = fake_apt(), *asked = test_path("%s/asked", dir);
	struct source_spec spec = {.version = "6.1.9"};
	ck_assert_int_eq(run(&spec, mirrors, &info, NULL, &e), -1);
	ck_assert_int_eq(e.code, ERR_NETWORK);
	ck_assert(!fs_exists(AT_FDCWD, asked));
	/* And a pin holds for it as for every other. */
	memset(zero, '0', 64);
	zero[64] = '\0';
	spec.apt = true;
	spec.pin = zero;
	ck_assert_int_eq(run(&spec, mirrors, &info, NULL, &e), -1);
	ck_assert_int_eq(e.code, ERR_VERIFY);
	ck_assert_msg(strstr(e.msg, "KERNEL_SHA256 demands 000"), "%s", e.msg);
}
END_TEST

Suite *suite_source_other(void);
Suite *suite_source_other(void)
{
	Suite *s = suite_create("source_other");
	test_case(s, "other", 60, pinned_url, other_version, local_tree_and_tarball,
		git_checkout, no_such_tree, apt, apt_is_never_silent);
	return s;
}
