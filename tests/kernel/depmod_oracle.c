#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/kernel/depmod_oracle.h"

/* Where fetched packages stay for the next run. */
static const char *cache_dir(void)
{
	static char dir[4200];
	const char *build = test_build_dir();

	if (access(build, W_OK) == 0)
		snprintf(dir, sizeof(dir), "%s%s/oracles", *build == '/' ? "" : "./",
			build);
	else
		snprintf(dir, sizeof(dir), "/tmp/kiln-oracles-%d", (int)getuid());
	return dir;
}

static bool fetch(const char *suite, const char *dir, const char *packages)
{
	_buf_ struct buf out = {0};
	int status = test_sh(&out,
		"flock /tmp/kiln-oracles-%d.lock "
		"sh tests/kernel/debian-fetch.sh %s %s %s",
		(int)getuid(), suite, dir, packages);

	if (status)
		fprintf(stderr, "%s", buf_str(&out));
	return test_need_that(status == 0, "a Debian mirror for apt");
}

const char *oracle_tool(int release, const char *tool)
{
	static char command[9000];
	const char *cache = cache_dir();
	_free_ char *dir = test_path("%s/kmod34", cache);

	if (release == 30) {
		/* Debian 12's; another host may have another. */
		if (!test_need(tool) ||
			!test_need_that(
				test_sh(NULL, "depmod -V | grep -q 'version 30'") == 0,
				"kmod 30"))
			return NULL;
		return tool;
	}
	if (!fetch("trixie", dir,
		    "kmod libkmod2 liblzma5 zlib1g libzstd1 libc6 libssl3t64"))
		return NULL;
	snprintf(command, sizeof(command),
		"%s/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path "
		"%s/usr/lib/x86_64-linux-gnu --argv0 %s %s/usr/bin/kmod",
		dir, dir, tool, dir);
	return command;
}

const char *oracle_depmod(int release)
{
	return oracle_tool(release, "depmod");
}

const char *oracle_tree(const char **version)
{
	static char dir[4300];
	static char release[256];
	_buf_ struct buf name = {0};

	snprintf(dir, sizeof(dir), "%s/cloud", cache_dir());
	if (!fetch("bookworm", dir, "'linux-image-6.*-cloud-amd64*'"))
		return NULL;
	ck_assert_int_eq(test_sh(&name, "ls %s/lib/modules", dir), 0);
	snprintf(release, sizeof(release), "%.*s", (int)strcspn(buf_str(&name), "\n"),
		buf_str(&name));
	*version = release;
	return dir;
}

const char *small_tree(void)
{
	const char *dir = test_tmpdir();
	_buf_ struct buf out = {0};

	ck_assert_msg(test_sh(&out, "sh tests/kernel/depmod-tree.sh %s", dir) == 0, "%s",
		buf_str(&out));
	return dir;
}

void compare_depmod(int release, const char *tree, const char *kernel, const char *args,
	const char *what)
{
	const char *oracle = oracle_depmod(release);
	_buf_ struct buf out = {0};

	if (!oracle)
		return;
	ck_assert_msg(test_sh(&out, "sh tests/kernel/depmod-compare.sh '%s' %d %s %s %s",
			      oracle, release, tree, kernel, args) == 0,
		"%s, compat %d: %s", what, release, buf_str(&out));
}
