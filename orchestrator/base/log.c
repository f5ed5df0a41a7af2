#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "orchestrator/base/log.h"

static enum log_level level = LOG_NORMAL;
static int progress_fd = -1;

void log_set_level(enum log_level new_level)
{
	level = new_level;
}

enum log_level log_get_level(void)
{
	return level;
}

/* One write per line: lines of several processes don't mix. */
static void say(const char *prefix, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
static void say(const char *prefix, const char *fmt, va_list ap)
{
	char line[4096];
	size_t len = (size_t)snprintf(line, sizeof(line), "%s", prefix);
	int more = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	ssize_t ignored;

	len += more > 0 ? (size_t)more : 0;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (level < LOG_NORMAL)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void log_verbose(const char *fmt, ...)
{
	va_list ap;

	if (level < LOG_VERBOSE)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning: ", fmt, ap);
	va_end(ap);
}

void log_set_progress(int fd)
{
	progress_fd = fd;
}

void log_progress(const char *what, unsigned long long done, unsigned long long total)
{
	static struct timespec last;
	struct timespec now;
	char line[256];
	ssize_t ignored;
	int len;

	if (progress_fd < 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (done != total && (now.tv_sec - last.tv_sec) * 1000 +
					     (now.tv_nsec - last.tv_nsec) / 1000000 <
				     100)
		return;
	last = now;
	len = snprintf(line, sizeof(line), "%llu %llu %.200s\n", done, total, what);
	ignored = write(progress_fd, line, (size_t)len); /* below PIPE_BUF: atomic */
	(void)ignored;
}
