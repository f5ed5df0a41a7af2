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

/* What an error looks like. The first line that fits a strong mark is the first real
 * error: what make says afterwards only repeats it. A weak one counts where no strong one
 * comes, for scripts also print such lines and go on. A mark at which the place ends
 * splits "file:line: error: text". */
static const struct mark {
	const char *text;
	bool split; /* what stands before is the place */
	bool weak;
} marks[] = {
	{": fatal error: ", true, false},
	{": error: ", true, false},
	{": Error: ", true, false}, /* the assembler */
	{": internal compiler error: ", true, false},
	{": undefined reference to ", true, false},
	{": multiple definition of ", true, false},
	{"ERROR: modpost: ", false, false},
	{": command not found", false, false},
	{"No space left on device", false, false},
	{"Cannot allocate memory", false, false},
	{"*** ", false, false},
	{": not found", false, true},
	{": No such file or directory", false, true},
	{": Permission denied", false, true},
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

static const struct mark *find_mark(const char *line, const char **at)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if ((*at = strstr(line, marks[i].text)))
			return &marks[i];
	return NULL;
}

static void set_error(
	struct build_failure *f, const struct mark *m, const char *line, const char *at)
{
	*f->where = 0;
	if (m->split) {
		snprintf(f->where, sizeof(f->where), "%.*s", (int)(at - line), line);
		line = at + 2;
	}
	snprintf(f->message, sizeof(f->message), "%s", line);
}

bool buildlog_read(const char *text, struct build_failure *f)
{
	_free_ char *copy = xstrdup(text);
	char *pos = copy, *line;
	bool strong = false;

	*f = (struct build_failure){0};
	while ((line = str_next_line(&pos))) {
		const struct mark *m;
		const char *at;

		/* -j lets others finish after the first failure: its target still is the
		 * first that make names. */
		if (read_target(line, f) || strong)
			continue;
		m = find_mark(line, &at);
		if (!m || (m->weak && *f->message))
			continue;
		set_error(f, m, line, at);
		strong = !m->weak;
	}
	return *f->message || *f->target;
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
