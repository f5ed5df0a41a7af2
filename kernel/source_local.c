/* source_local.c: KERNEL_SOURCE=/path: a git checkout by its commit, any other tree by
 * its content, a tarball by its digest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/source_int.h"
#include "orchestrator/base/archive.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/proc.h"

/* Runs git in the tree; false when it fails, with nothing said. */
static bool git(const char *path, const char *const *words, struct buf *out)
{
	_str_vec_ struct str_vec argv = {0};
	struct proc_end end;
	struct err ignored = {0};
	str_vec_add(&argv, "git");
	str_vec_add(&argv, "-C");
	str_vec_add(&argv, path);
	for (; *words; words++)
		str_vec_add(&argv, *words);
	return !proc_capture((const char *const *)argv.items, false, 1 << 20, out, &end,
		       &ignored) &&
	       proc_ok(&end);
}

/* The commit of a checkout in which nothing was changed; NULL for all else. */
static char *clean_commit(const char *path)
{
	static const char *const status[] = {"status", "--porcelain", NULL};
	static const char *const commit[] = {"rev-parse", "--verify", "HEAD", NULL};
	_free_ char *dot_git = fs_join(path, ".git");
	_buf_ struct buf changes = {0}, head = {0};
	if (!fs_exists(AT_FDCWD, dot_git) || !git(path, status, &changes) ||
		changes.len || !git(path, commit, &head))
		return NULL;
	return xstrdup(str_trim(head.data));
}

/* A digest over what a copy would hold: names, types, exec bits, bytes, and the newest
 * mtime, which becomes the kernel's date. */
struct content {
	struct digest *digest;
	int64_t newest;
};

static int add_entry(const struct fs_entry *entry, void *arg, struct err *e)
{
	struct content *c = arg;
	char hex[SHA256_HEX_LEN + 1] = "", target[4096];
	const struct stat *st = entry->st;
	if (str_eq(entry->rel, ".git"))
		return S_ISDIR(st->st_mode) ? 1 : 0;
	if (S_ISREG(st->st_mode)) {
		if (digest_file(entry->parent_fd, entry->name, hex, NULL, e))
			return -1;
		if (st->st_mtime > c->newest)
			c->newest = st->st_mtime;
	}
	ssize_t n = 0;
	if (S_ISLNK(st->st_mode))
		n = readlinkat(entry->parent_fd, entry->name, target, sizeof(target));
	if (n < 0)
		return err_sys(e, "can't read the link %s", entry->rel);
	digest_add(c->digest, entry->rel, strlen(entry->rel) + 1);
	char kind = S_ISREG(st->st_mode)   ? (st->st_mode & 0100 ? 'x' : 'f')
		    : S_ISDIR(st->st_mode) ? 'd'
		    : S_ISLNK(st->st_mode) ? 'l'
					   : '?';
	digest_add(c->digest, &kind, 1);
	digest_add(c->digest, hex, sizeof(hex));
	digest_add(c->digest, target, (size_t)n);
	digest_add(c->digest, "", 1);
	return 0;
}

static int content_identity(
	const char *path, char **identity, int64_t *date, struct err *e)
{
	struct content c = {.digest = digest_new(DIGEST_SHA256)};
	char hex[SHA256_HEX_LEN + 1];
	int status = fs_walk(AT_FDCWD, path, add_entry, &c, e);
	digest_end(c.digest, hex);
	if (status)
		return err_wrap(e, "KERNEL_SOURCE=%s", path);
	*date = c.newest;
	*identity = xasprintf("content:%s@%lld", hex, (long long)c.newest);
	return 0;
}

int source_local_identity(const char *path, char **identity, struct err *e)
{
	struct stat st;
	char hex[SHA256_HEX_LEN + 1];
	int64_t date;
	if (stat(path, &st))
		return err_set(
			e, ERR_USAGE, "KERNEL_SOURCE=%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode)) {
		if (digest_file(AT_FDCWD, path, hex, NULL, e))
			return -1;
		*identity = xasprintf("sha256:%s", hex);
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE,
			"KERNEL_SOURCE=%s is neither a tree nor a tarball", path);
	_free_ char *commit = clean_commit(path);
	if (!commit)
		return content_identity(path, identity, &date, e);
	*identity = xasprintf("git:%s", commit);
	return 0;
}

int source_identity(const struct source_spec *spec, char **identity, struct err *e)
{
	*identity = NULL;
	if (source_is_local(spec))
		return source_local_identity(spec->url, identity, e);
	*identity = xstrdup("");
	return 0;
}

int source_local_fetch(
	const struct source_spec *spec, int out, struct source_info *info, struct err *e)
{
	_free_ char *identity = NULL;
	if (source_local_identity(spec->url, &identity, e))
		return -1;
	const char *sha256 = str_starts(identity, "sha256:") ? identity + 7 : "";
	if (spec->pin && !str_eq(sha256, spec->pin))
		return err_set(e, ERR_VERIFY,
			"KERNEL_SOURCE=%s is %s, KERNEL_SHA256 demands %s", spec->url,
			identity, spec->pin);
	if (*sha256 && fs_copy_file(AT_FDCWD, spec->url, out, SOURCE_TARBALL, 0644, e))
		return -1;
	info->url = xasprintf("local:%s", identity);
	info->sha256 = xstrdup(sha256);
	source_info_prove(info, "none: a local %s", *sha256 ? "tarball" : "tree");
	return 0;
}

static bool not_git(const char *path, const struct stat *st, void *arg)
{
	(void)st, (void)arg;
	return !str_eq(path, ".git");
}

static int changed(const char *path, struct err *e)
{
	return err_set(e, ERR_USAGE,
		"KERNEL_SOURCE=%s was changed since this build was planned; build again",
		path);
}

static int copy_content(const char *path, const char *identity, int out,
	struct source_info *info, struct err *e)
{
	_free_ char *now = NULL;
	if (fs_copy_tree(AT_FDCWD, path, out, SOURCE_TREE, not_git, NULL, e))
		return err_wrap(e, "KERNEL_SOURCE=%s", path);
	if (content_identity(path, &now, &info->date, e))
		return -1;
	return str_eq(now, identity) ? 0 : changed(path, e);
}

/* The commit, as git archive gives it: what is ignored or staged has no part in it. */
static int export_commit(const char *path, const char *commit, int out,
	struct source_info *info, struct err *e)
{
	_buf_ struct buf date = {0};
	const char *const show[] = {"show", "-s", "--format=%ct", commit, NULL};
	int fds[2];
	uint64_t seconds;
	if (!git(path, show, &date) || !str_to_u64(str_trim(date.data), &seconds))
		return changed(path, e);
	info->date = (int64_t)seconds;
	if (mkdirat(out, SOURCE_TREE, 0755))
		return err_sys(e, "can't make %s", SOURCE_TREE);
	_close_ int tree = fs_open_dir(out, SOURCE_TREE, e);
	if (tree < 0)
		return -1;
	if (pipe2(fds, O_CLOEXEC))
		return err_sys(e, "can't make a pipe");
	_close_ int read_end = fds[0], write_end = fds[1];
	const char *const argv[] = {
		"git", "-C", path, "archive", "--format=tar", commit, NULL};
	struct proc_spec spec = {.argv = argv, .in = -1, .out = write_end, .err = -1};
	pid_t pid = proc_start(&spec, e);
	if (pid < 0)
		return -1;
	close(steal_fd(&write_end));
	const struct archive_policy policy = {.keep_times = true};
	int status = archive_unpack(read_end, "git archive", tree, &policy, e);
	struct proc_end end;
	struct err waited = {0};
	close(steal_fd(&read_end));
	if (proc_wait(pid, &end, &waited) || (!status && !proc_ok(&end)))
		return err_set(e, ERR_INPUT, "git archive of %s failed (%s)", path,
			proc_describe(&end));
	return status;
}

int source_local_unpack(
	const struct source_spec *spec, int out, struct source_info *info, struct err *e)
{
	const char *identity = info->url + strlen("local:");
	if (str_starts(identity, "git:"))
		return export_commit(spec->url, identity + 4, out, info, e);
	return copy_content(spec->url, identity, out, info, e);
}
