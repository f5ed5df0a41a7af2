#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/terminal.h"
#include "tests/test.h"

static void person(int terminal, int (*fn)(void *arg), void *arg)
{
	int status;

	setsid();
	if (ioctl(terminal, TIOCSCTTY, 0))
		_exit(98);
	for (int fd = 0; fd < 3; fd++)
		dup2(terminal, fd);
	status = fn(arg);
	fflush(NULL);
	_exit(tcgetpgrp(terminal) == getpgrp() ? status : 99);
}

int test_on_terminal(int (*fn)(void *arg), void *arg, const char *typed, struct buf *out)
{
	int master, terminal, status;
	char chunk[1024];
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(openpty(&master, &terminal, NULL, NULL, NULL), 0);
	pid = fork();
	if (pid == 0) {
		close(master);
		person(terminal, fn, arg);
	}
	close(terminal);
	ck_assert_int_eq(write(master, typed, strlen(typed)), (ssize_t)strlen(typed));
	/* Ends when nobody holds the terminal any more. */
	while ((n = read(master, chunk, sizeof(chunk))) > 0)
		buf_add(out, chunk, (size_t)n);
	close(master);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
