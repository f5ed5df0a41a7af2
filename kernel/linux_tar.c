#include <fcntl.h>
#include <unistd.h>
#include "kernel/kbuild.h"
#include "kernel/kmake.h"
#include "orchestrator/base/compress.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/stream.h"
#include "orchestrator/base/tar.h"

/* xz -1: on kernel sources 10 % larger than -3 in a third of the time. */
#define XZ_LEVEL 1

struct job {
	int64_t date;
	unsigned threads;
};

/* Runs in the box, where the layers are one tree; the file is its stdout. */
static int write_tree(void *arg, struct err *e)
{
	const struct job *job = arg;
	struct sink *file = sink_fd(STDOUT_FILENO, "linux.tar.xz", NULL);
	struct tar *t = tar_open(
		compress_sink(file, COMPRESS_XZ, XZ_LEVEL, (int)job->threads), job->date);

	if (tar_add_dir(t, "linux", e) ||
		tar_add_tree(t, "linux/", AT_FDCWD, KMAKE_TREE, NULL, NULL, e)) {
		tar_abort(t);
		return -1;
	}
	return tar_close(t, e);
}

int kernel_archive(const struct kbuild *k, int out, struct err *e)
{
	static const char tmp[] = "linux.tar.xz.tmp";
	_close_ int fd = openat(out, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct job job = {k->date, k->jobs ? k->jobs : 1};
	struct kmake_run run = {
		.call = write_tree, .arg = &job, .in = -1, .out = fd, .err = -1};
	struct proc_end end;

	if (fd < 0)
		return err_sys(e, "making linux.tar.xz");
	if (kmake_box(k, &run, &end, e))
		return err_wrap(e, "writing linux.tar.xz");
	if (!proc_ok(&end))
		return err_set(e, ERR_INTERNAL, "writing linux.tar.xz ended with %s",
			proc_describe(&end));
	if (fsync(fd) || renameat(out, tmp, out, "linux.tar.xz"))
		return err_sys(e, "writing linux.tar.xz");
	return 0;
}
