#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "orchestrator/base/mem.h"
#include "orchestrator/jobserver.h"

int jobserver_open(struct jobserver *j, unsigned jobs, struct err *e)
{
	char path[64];
	int fds[2];

	*j = (struct jobserver){-1, -1, -1};
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "can't make the jobserver's pipe");
	j->read_fd = fds[0];
	j->write_fd = fds[1];
	/* Opened anew, so that O_NONBLOCK is kiln's alone and no make sees it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", j->read_fd);
	j->poll_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (j->poll_fd < 0)
		return err_sys(e, "can't open the jobserver's pipe (is /proc mounted?)");
	for (unsigned i = 0; i < jobs; i++)
		jobserver_give(j);
	return 0;
}

bool jobserver_take(struct jobserver *j)
{
	char token;

	return read(j->poll_fd, &token, 1) == 1;
}

void jobserver_give(struct jobserver *j)
{
	ssize_t ignored = write(j->write_fd, "+", 1); /* the pipe has room for 65,536 */

	(void)ignored;
}

void jobserver_close(struct jobserver *j)
{
	mem_close_ptr(&j->read_fd);
	mem_close_ptr(&j->write_fd);
	mem_close_ptr(&j->poll_fd);
}
