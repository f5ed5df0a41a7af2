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

int source_identity(const struct source_spec *spec, char **identity, struct err *e)
{
	const struct given g = source_given(spec);
	return given_identity(&g, identity, NULL, e);
}

int source_local_fetch(
	const struct source_spec *spec, int out, struct source_info *info, struct err *e)
{
	_free_ char *identity = NULL;
	if (source_identity(spec, &identity, e))
		return -1;
	const char *sha256 = str_starts(identity, "sha256:") ? identity + 7 : "";
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

static int copy_content(const struct given *g, const char *identity, int out,
	struct source_info *info, struct err *e)
{
	if (fs_copy_tree(AT_FDCWD, g->place, out, SOURCE_TREE, not_git, NULL, e))
		return err_wrap(e, "%s=%s", g->key, g->place);
	return given_unchanged(g, identity, &info->date, e);
}

/* The commit, as git archive gives it: what is ignored or staged has no part in it. */
static int export_commit(const struct given *g, const char *identity, int out,
	struct source_info *info, struct err *e)
{
	const char *path = g->place, *commit = identity + strlen("git:");
	_buf_ struct buf date = {0};
	const char *const show[] = {"show", "-s", "--format=%ct", commit, NULL};
	int fds[2];
	uint64_t seconds;
	if (!given_git(path, show, &date) || !str_to_u64(str_trim(date.data), &seconds))
		return given_unchanged(g, identity, NULL, e)
			       ? -1
			       : err_set(e, ERR_INPUT, "git can't show %s of %s", commit,
					 path);
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
	const struct given g = source_given(spec);
	const char *identity = info->url + strlen("local:");
	if (str_starts(identity, "git:"))
		return export_commit(&g, identity, out, info, e);
	return copy_content(&g, identity, out, info, e);
}
