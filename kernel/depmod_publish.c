#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/depmod_publish.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

void publication_end(struct publication *p)
{
	for (size_t i = 0; i < p->n_fds; i++)
		mem_close_ptr(&p->fds[i]);
	/* Committed files have no temporary name any more. */
	for (size_t i = 0; i < p->temps.len; i++)
		unlinkat(p->dir, p->temps.items[i], 0);
	free(p->fds);
	str_vec_free(&p->names);
	str_vec_free(&p->temps);
}

int publication_add(
	struct publication *p, const char *name, const struct buf *data, struct err *e)
{
	_free_ char *temp = xasprintf("%s.%d.tmp", name, (int)getpid());
	int fd;

	unlinkat(p->dir, temp, 0);
	fd = openat(p->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "can't create %s", temp);
	str_vec_add(&p->names, name);
	str_vec_add(&p->temps, temp);
	p->fds = xrealloc(p->fds, (p->n_fds + 1) * sizeof(*p->fds));
	p->fds[p->n_fds++] = fd;
	if (fs_write_all(fd, data->data, data->len, e) < 0)
		return err_wrap(e, "%s", name);
	/* The disk can begin: the syncs of all files wait for one another less. */
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static int sync_all(struct publication *p, struct err *e)
{
	for (size_t i = 0; i < p->n_fds; i++)
		if (fsync(p->fds[i]) < 0 || close(steal_fd(&p->fds[i])) < 0)
			return err_sys(e, "can't write %s", p->names.items[i]);
	return 0;
}

int publication_commit(struct publication *p, struct err *e)
{
	if (sync_all(p, e) < 0)
		return -1;
	for (size_t i = 0; i < p->names.len; i++) {
		struct stat st;

		if (fstatat(p->dir, p->names.items[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISDIR(st.st_mode))
			return err_set(e, ERR_IO, "can't replace %s: it is a directory",
				p->names.items[i]);
	}
	for (size_t i = 0; i < p->names.len; i++)
		if (renameat(p->dir, p->temps.items[i], p->dir, p->names.items[i]) < 0)
			return err_sys(e, "can't rename %s to %s", p->temps.items[i],
				p->names.items[i]);
	if (fsync(p->dir) < 0)
		return err_sys(e, "can't sync the directory of %s", p->names.items[0]);
	return 0;
}
