/* source_unpack.c: from what a fetch left to a tree. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/source_int.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"

/* The value of "KEY = value" in the first lines of the tree's Makefile; the caller frees.
 */
static char *makefile_value(const char *text, const char *key)
{
	_free_ char *copy = xstrdup(text);
	char *line, *pos = copy;
	size_t n = strlen(key);
	while ((line = str_next_line(&pos))) {
		if (!str_starts(line, key))
			continue;
		char *value = line + n + strspn(line + n, " \t");
		if (*value == '=')
			return xstrdup(str_trim(value + 1));
	}
	return xstrdup("");
}

/* "6.1.176" as the tree's own Makefile says it; "6.12" where SUBLEVEL is 0. */
static char *tree_version(const char *makefile)
{
	_free_ char *major = makefile_value(makefile, "VERSION");
	_free_ char *minor = makefile_value(makefile, "PATCHLEVEL");
	_free_ char *sublevel = makefile_value(makefile, "SUBLEVEL");
	_free_ char *extra = makefile_value(makefile, "EXTRAVERSION");
	bool first = !*sublevel || str_eq(sublevel, "0");
	return xasprintf("%s.%s%s%s%s", major, minor, first ? "" : ".",
		first ? "" : sublevel, extra);
}

static int check_version(const struct source_spec *spec, int tree, struct err *e)
{
	_buf_ struct buf text = {0};
	if (!fs_exists(tree, "Makefile") || !fs_exists(tree, "Kconfig"))
		return err_set(e, ERR_INPUT,
			"it is no kernel tree: there is no Makefile and Kconfig at its "
			"top");
	if (fs_read(tree, "Makefile", 1 << 20, &text, e))
		return -1;
	_free_ char *version = tree_version(buf_str(&text));
	size_t len = strlen(spec->version);
	bool same = str_eq(version, spec->version) ||
		    (str_ends(spec->version, ".0") && strlen(version) == len - 2 &&
			    str_starts(spec->version, version));
	if (same)
		return 0;
	return err_set(e, spec->url ? ERR_USAGE : ERR_VERIFY,
		"KERNEL_VERSION is %s, but the Makefile of the tree says %s",
		spec->version, version);
}

static int make_dir(int out, const char *name, struct err *e)
{
	if (mkdirat(out, name, 0755) && errno != EEXIST)
		return err_sys(e, "can't make %s", name);
	return fs_open_dir(out, name, e);
}

static int unpack_tarball(const struct source_spec *spec, const char *from, int dirfd,
	struct source_info *info, struct err *e)
{
	_source_keys_ struct source_keys keys = {0};
	_free_ char *path = fs_join(from, SOURCE_TARBALL);
	_free_ char *sig = fs_join(from, SOURCE_TARBALL_SIG);
	bool is_signed = fs_exists(AT_FDCWD, sig);
	struct source_stream stream = {
		.path = path,
		.name = SOURCE_TARBALL,
		.sha256 = info->sha256,
		.signature = is_signed ? sig : NULL,
		.dirfd = dirfd,
	};
	if (is_signed) {
		if (source_keys_load(spec->keys, &keys, e))
			return -1;
		stream.role = &keys.developers;
	}
	if (source_stream_run(&stream, e))
		return -1;
	if (stream.newest > info->date)
		info->date = stream.newest;
	if (is_signed)
		source_info_prove(info, "%s by %s (%s)", SOURCE_TARBALL_SIG,
			stream.signer.fingerprint, stream.signer.uid);
	return 0;
}

static int unpack_tree(const struct source_spec *spec, const char *from, int out,
	struct source_info *info, struct err *e)
{
	_free_ char *tarball = fs_join(from, SOURCE_TARBALL);
	if (!fs_exists(AT_FDCWD, tarball))
		return source_local_unpack(spec, out, info, e);
	_close_ int tree = make_dir(out, SOURCE_TREE, e);
	return tree < 0 ? -1 : unpack_tarball(spec, from, tree, info, e);
}

int source_unpack(
	const struct source_spec *asked, const char *from, int out, struct err *e)
{
	const struct source_spec plain = source_spec_plain(asked), *spec = &plain;
	_source_info_ struct source_info info = {0};
	if (source_info_read(from, &info, e))
		return -1;
	if (unpack_tree(spec, from, out, &info, e))
		return err_wrap(e, "the source of %s", spec->version);
	_close_ int tree = fs_open_dir(out, SOURCE_TREE, e);
	if (tree < 0)
		return -1;
	if (check_version(spec, tree, e))
		return err_wrap(e, "the source of %s", spec->version);
	return source_info_write(out, &info, e);
}
