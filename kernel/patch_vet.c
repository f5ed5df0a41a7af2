#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/patch_vet.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

/* One walk over the lines. Hunk bodies are counted, so that a removed line which looks
 * like a header is not taken for one. */
struct vet {
	const char *name;
	const char *pos, *end;
	const char *line; /* the current one, without its newline */
	size_t len;
	unsigned number;
	const char *file; /* as the header names it, owned by names */
	unsigned hunk;	  /* in file */
	unsigned changes; /* hunks, renames, mode changes: what patch will do */
	bool link;	  /* the current file is made as a symlink */
	struct arena names;
};

static bool next_line(struct vet *v)
{
	const char *nl;

	if (v->pos >= v->end)
		return false;
	nl = memchr(v->pos, '\n', (size_t)(v->end - v->pos));
	v->line = v->pos;
	v->len = (size_t)((nl ? nl : v->end) - v->pos);
	v->pos = nl ? nl + 1 : v->end;
	v->number++;
	return true;
}

static bool line_starts(const struct vet *v, const char *prefix)
{
	size_t n = strlen(prefix);

	return v->len >= n && memcmp(v->line, prefix, n) == 0;
}

static int refuse(const struct vet *v, struct err *e, const char *why)
{
	if (v->file && v->hunk)
		return err_set(e, ERR_INPUT, "patch '%s' line %u: %s, hunk %u: %s",
			v->name, v->number, v->file, v->hunk, why);
	if (v->file)
		return err_set(e, ERR_INPUT, "patch '%s' line %u: %s: %s", v->name,
			v->number, v->file, why);
	return err_set(e, ERR_INPUT, "patch '%s' line %u: %s", v->name, v->number, why);
}

/* Whether a relative path, read from a directory `depth` below the top, stays below the
 * top; the top itself (and an empty name) is no file. */
static bool stays_inside(const char *path, int depth)
{
	if (*path == '/' || !*path)
		return false;
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			depth--;
		else if (n && !(n == 1 && path[0] == '.'))
			depth++;
		if (depth < 0)
			return false;
		path += n;
		path += strspn(path, "/");
	}
	return depth > 0;
}

static bool has_dotdot(const char *path)
{
	for (; *path; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += n;
	}
	return false;
}

/* A name out of a header; strip is 1 for names with an "a/" before, 0 for git's rename
 * lines. Sets v->file. */
static int vet_name(struct vet *v, const char *text, size_t len, int strip, struct err *e)
{
	_free_ char *printable = NULL;
	size_t n = 0;
	char *name, *rest;

	while (n < len && text[n] != '\t')
		n++;
	while (n && text[n - 1] == ' ')
		n--;
	name = arena_strndup(&v->names, text, n);
	if (strcmp(name, "/dev/null") == 0)
		return 0;
	v->hunk = 0;
	if (n && text[n - 1] == '\r')
		return refuse(v, e, "CRLF line ends; convert the patch to LF");
	if (*name == '"')
		return refuse(v, e, "a quoted file name; kiln takes plain ones only");
	printable = str_printable(name);
	v->file = arena_strdup(&v->names, printable);
	if (*name == '/')
		return refuse(v, e, "an absolute file name; it would leave the tree");
	rest = strip ? strchr(name, '/') : name;
	if (!rest)
		return refuse(v, e, "no directory before the file name for -p1 to strip");
	rest += strspn(rest, "/");
	if (has_dotdot(name) || !stays_inside(rest, 0))
		return refuse(v, e, "the file name climbs out of the tree");
	return 0;
}

/* "@@ -1,2 +3,4 @@": how many old and new lines follow. */
static bool parse_hunk(const struct vet *v, unsigned long *old, unsigned long *new)
{
	_free_ char *s = xstrndup(v->line, v->len);
	unsigned long from, to;
	int used = 0;
	char *p = s;

	*old = *new = 1;
	if (sscanf(p, "@@ -%lu%n", &from, &used) != 1)
		return false;
	p += used;
	if (*p == ',' && sscanf(p, ",%lu%n", old, &used) == 1)
		p += used;
	used = 0;
	if (sscanf(p, " +%lu%n", &to, &used) != 1)
		return false;
	p += used;
	if (*p == ',' && sscanf(p, ",%lu%n", new, &used) == 1)
		p += used;
	return str_starts(p, " @@");
}

/* The target of a planted link, which is the one added line of its hunk. */
static int vet_link(struct vet *v, struct err *e)
{
	_free_ char *target = xstrndup(v->line + 1, v->len - 1);
	int depth = -2; /* the a/ before, and the name itself */

	for (const char *p = v->file; *p; p += strspn(p, "/")) {
		p += strcspn(p, "/");
		depth++;
	}
	if (depth < 0 || !stays_inside(target, depth))
		return refuse(v, e, "the symlink it makes climbs out of the tree");
	return 0;
}

static int vet_hunk(struct vet *v, struct err *e)
{
	unsigned long old, new;

	v->hunk++;
	if (!v->file)
		return refuse(v, e, "a hunk without a file before it");
	if (v->line[v->len - 1] == '\r')
		return refuse(v, e, "CRLF line ends; convert the patch to LF");
	if (!parse_hunk(v, &old, &new))
		return refuse(v, e, "a malformed hunk header");
	v->changes++;
	while (old || new) {
		char c;

		if (!next_line(v))
			return refuse(v, e, "the hunk is cut short");
		c = v->len ? v->line[0] : ' '; /* mailers strip a lone blank */
		if (c == '\\')
			continue;
		if ((c != ' ' && c != '+' && c != '-') || (c != '+' && !old) ||
			(c != '-' && !new))
			return refuse(v, e, "the hunk's lines don't match its header");
		if (c == '+' && v->link && vet_link(v, e))
			return -1;
		old -= c != '+';
		new -= c != '-';
	}
	v->link = false;
	return 0;
}

/* "12a", "3,7c", "5d": an ed command, alone on its line. */
static bool is_ed(const struct vet *v)
{
	size_t i = 0;

	while (i < v->len && (isdigit((unsigned char)v->line[i]) || v->line[i] == ','))
		i++;
	return i && isdigit((unsigned char)v->line[0]) && i + 1 == v->len &&
	       strchr("acd", v->line[i]);
}

/* The text an ed script inserts ends with a lone dot; prose has none. */
static bool dot_follows(const struct vet *v)
{
	struct vet ahead = *v;

	while (next_line(&ahead))
		if (ahead.len == 1 && *ahead.line == '.')
			return true;
	return false;
}

/* Git's extended headers; other lines are prose. The first that fits counts. */
static const struct header {
	const char *prefix;
	bool named; /* a name follows, without a/ or b/ */
	bool link;
} headers[] = {
	{"rename from ", true, false},
	{"rename to ", true, false},
	{"copy from ", true, false},
	{"copy to ", true, false},
	{"new mode ", false, false},
	{"new file mode 120000", false, true},
	{"new file mode ", false, false},
	{"deleted file mode ", false, false},
};

static int vet_header(struct vet *v, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		const struct header *h = &headers[i];
		size_t n = strlen(h->prefix);

		if (!line_starts(v, h->prefix))
			continue;
		v->changes++;
		v->link |= h->link;
		return h->named ? vet_name(v, v->line + n, v->len - n, 0, e) : 0;
	}
	return 0;
}

/* "--- name" and "+++ name" are a header only together: prose may hold a "--- " line. */
static int vet_pair(struct vet *v, struct err *e)
{
	if (v->end - v->pos < 4 || memcmp(v->pos, "+++ ", 4) != 0)
		return 0;
	v->file = NULL;
	v->hunk = 0;
	if (vet_name(v, v->line + 4, v->len - 4, 1, e))
		return -1;
	next_line(v);
	return vet_name(v, v->line + 4, v->len - 4, 1, e);
}

static int vet_line(struct vet *v, struct err *e)
{
	if (line_starts(v, "diff --git ")) {
		v->file = NULL;
		v->hunk = 0;
		v->link = false;
		return 0;
	}
	if (line_starts(v, "@@ -"))
		return vet_hunk(v, e);
	if (line_starts(v, "GIT binary patch"))
		return refuse(v, e, "a binary patch, which GNU patch can't apply");
	if (line_starts(v, "*** ") && v->end - v->pos > 4 && !memcmp(v->pos, "--- ", 4))
		return refuse(v, e, "a context diff; make it with diff -u");
	if (is_ed(v) && dot_follows(v))
		return refuse(v, e, "an ed script; make it with diff -u");
	if (line_starts(v, "--- "))
		return vet_pair(v, e);
	return vet_header(v, e);
}

int patch_vet(const char *name, const char *text, size_t len, struct err *e)
{
	struct vet v = {.name = name, .pos = text, .end = text + len};
	bool ed = false;
	int r = 0;

	if (memchr(text, 0, len))
		return err_set(
			e, ERR_INPUT, "patch '%s': holds NUL bytes; it is no text", name);
	while (r == 0 && next_line(&v)) {
		ed |= is_ed(&v);
		r = vet_line(&v, e);
	}
	if (r == 0 && !v.changes)
		r = err_set(e, ERR_INPUT, "patch '%s': %s", name,
			ed ? "an ed script; make it with diff -u"
			   : "is empty: it holds no unified diff");
	arena_free(&v.names);
	return r;
}
