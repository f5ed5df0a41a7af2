/* timed FILE COMMAND...: runs a command and appends "<wall> <cpu>" in seconds to FILE. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	struct rusage used;
	int status;
	FILE *to;
	pid_t pid;

	if (argc < 3)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return 1;
	to = fopen(argv[1], "a");
	if (!to)
		return 1;
	fprintf(to, "%.3f %.3f\n",
		(double)(end.tv_sec - start.tv_sec) +
			(double)(end.tv_nsec - start.tv_nsec) / 1e9,
		seconds(&used.ru_utime) + seconds(&used.ru_stime));
	return fclose(to) == 0 ? 0 : 1;
}
