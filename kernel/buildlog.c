#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/buildlog.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

#define LOG_LIMIT (512u << 20)

/* What an error looks like. The first line that fits any of them is the first real error:
 * what make says afterwards only repeats it. A mark at which the place ends splits
 * "file:line: error: text". */
static const struct mark {
	const char *text;
	bool split; /* what stands before is the place */
} marks[] = {
	{": fatal error: ", true},
	{": error: ", true},
	{": Error: ", true}, /* the assembler */
	{": internal compiler error: ", true},
	{": undefined reference to ", true},
	{": multiple definition of ", true},
	{"ERROR: modpost: ", false},
	{": command not found", false},
	{": not found", false},
	{"No space left on device", false},
	{"Cannot allocate memory", false},
	{": *** No rule to make target ", false},
	{"*** ", false},
};

/* Make's own lines about a failed target repeat an error and are none themselves:
 * "make[2]: *** [scripts/Makefile.build:250: mm/slab.o] Error 1". */
static bool read_target(const char *line, struct build_failure *f)
{
	const char *open = strstr(line, ": *** ["), *close, *name;

	if (!str_starts(line, "make") || !open)
		return false;
	open += strlen(": *** [");
	close = strrchr(open, ']');
	if (!close || *f->target)
		return true;
	name = open;
	for (const char *p = open; p + 1 < close; p++)
		if (p[0] == ':' && p[1] == ' ')
			name = p + 2;
	snprintf(f->target, sizeof(f->target), "%.*s", (int)(close - name), name);
	return true;
}

static bool read_error(const char *line, struct build_failure *f)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const char *at = strstr(line, marks[i].text);

		if (!at)
			continue;
		if (marks[i].split) {
			snprintf(f->where, sizeof(f->where), "%.*s", (int)(at - line),
				line);
			at += 2;
		} else {
			at = line;
		}
		snprintf(f->message, sizeof(f->message), "%s", at);
		return true;
	}
	return false;
}

bool buildlog_read(const char *text, struct build_failure *f)
{
	_free_ char *copy = xstrdup(text);
	char *pos = copy, *line;
	bool found = false;

	*f = (struct build_failure){0};
	while ((line = str_next_line(&pos))) {
		f->warnings += strstr(line, ": warning: ") != NULL;
		/* -j lets others finish after the first failure: its target still is the
		 * first that make names. */
		if (read_target(line, f) || found)
			continue;
		found = read_error(line, f);
	}
	return found || *f->target;
}

int64_t buildlog_here(int log)
{
	struct stat st;

	if (log < 0 || fstat(log, &st) || !S_ISREG(st.st_mode))
		return -1;
	return st.st_size;
}

/* The log is open for appending only: it is opened again for reading. */
static int read_back(int log, int64_t from, struct buf *text)
{
	char path[32];
	_close_ int fd = -1;
	struct err ignored = {0};

	if (from < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", log);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || lseek(fd, from, SEEK_SET) < 0)
		return -1;
	return fs_read_fd(fd, "the log", LOG_LIMIT, text, &ignored);
}

int buildlog_explain(int log, int64_t from, const char *what, const struct proc_end *end,
	struct err *e)
{
	_buf_ struct buf text = {0};
	_free_ char *where = NULL, *message = NULL;
	struct build_failure f = {0};

	if (read_back(log, from, &text) || !buildlog_read(buf_str(&text), &f))
		return err_set(
			e, ERR_BUILD, "%s: make ended with %s", what, proc_describe(end));
	where = str_printable(f.where);
	message = str_printable(f.message);
	if (!*message)
		return err_set(e, ERR_BUILD, "%s: make target %s failed", what, f.target);
	err_set(e, ERR_BUILD, "%s: %s%s%s", what, where, *where ? ": " : "", message);
	return *f.target ? err_hint(e, "make target %s", f.target) : -1;
}

unsigned buildlog_warnings(int log, int64_t from)
{
	_buf_ struct buf text = {0};
	struct build_failure f;

	if (read_back(log, from, &text))
		return 0;
	buildlog_read(buf_str(&text), &f);
	return f.warnings;
}
