/* source_unpack.c: from what a fetch left to a tree and a queue of patches. */
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

static int unpack_one(const struct source_spec *spec, const char *from,
	const char *tarball, const char *sig, const char *sha256, int dirfd,
	struct source_info *info, struct err *e)
{
	_source_keys_ struct source_keys keys = {0};
	_free_ char *path = fs_join(from, tarball), *sig_path = fs_join(from, sig);
	bool is_signed = fs_exists(AT_FDCWD, sig_path);
	struct source_stream stream = {
		.path = path,
		.name = tarball,
		.sha256 = sha256,
		.signature = is_signed ? sig_path : NULL,
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
		source_info_prove(info, "%s by %s (%s)", sig, stream.signer.fingerprint,
			stream.signer.uid);
	return 0;
}

/* The queue's own order, as plain names; every one of them has to be there. */
static int write_series(int queue, struct err *e)
{
	_buf_ struct buf text = {0}, plain = {0};
	if (!fs_exists(queue, "series"))
		return err_set(e, ERR_INPUT, "%s has no series file", SOURCE_QUEUE);
	if (fs_read(queue, "series", 1 << 20, &text, e))
		return -1;
	buf_str(&text);
	char *line, *pos = text.data;
	unsigned number = 0, count = 0;
	while ((line = str_next_line(&pos))) {
		number++;
		line[strcspn(line, "#")] = '\0';
		char *name = str_trim(line);
		name[strcspn(name, " \t")] = '\0'; /* quilt's options, such as -p1 */
		if (!*name)
			continue;
		struct stat st;
		if (strchr(name, '/') || *name == '.' ||
			fstatat(queue, name, &st, AT_SYMLINK_NOFOLLOW) ||
			!S_ISREG(st.st_mode)) {
			_free_ char *safe = str_printable(name);
			return err_set(e, ERR_INPUT,
				"%s: series:%u: there is no patch %s", SOURCE_QUEUE,
				number, safe);
		}
		buf_addf(&plain, "%s\n", name);
		count++;
	}
	if (!count)
		return err_set(e, ERR_INPUT, "%s: series names no patch", SOURCE_QUEUE);
	return fs_publish(queue, "series", plain.data, plain.len, 0644, e);
}

static int unpack_queue(const struct source_spec *spec, const char *from, int out,
	struct source_info *info, struct err *e)
{
	_close_ int queue = make_dir(out, SOURCE_QUEUE_DIR, e);
	/* The kernel's date is that of its tarball, the queue's is none. */
	int64_t date = info->date;
	if (queue < 0 || unpack_one(spec, from, SOURCE_QUEUE, SOURCE_QUEUE_SIG, NULL,
				 queue, info, e))
		return -1;
	info->date = date;
	return write_series(queue, e);
}

static int unpack_tree(const struct source_spec *spec, const char *from, int out,
	struct source_info *info, struct err *e)
{
	_free_ char *tarball = fs_join(from, SOURCE_TARBALL);
	if (!fs_exists(AT_FDCWD, tarball))
		return source_local_unpack(spec, out, info, e);
	_close_ int tree = make_dir(out, SOURCE_TREE, e);
	return tree < 0 ? -1
			: unpack_one(spec, from, SOURCE_TARBALL, SOURCE_TARBALL_SIG,
				  info->sha256, tree, info, e);
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
	if (spec->rt && unpack_queue(spec, from, out, &info, e))
		return err_wrap(e, "the patch queue of %s", spec->rt);
	return source_info_write(out, &info, e);
}
