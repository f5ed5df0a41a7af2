/* depmod_config.c: the files of depmod.d. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <string.h>
#include <sys/stat.h>
#include "kernel/depmod_internal.h"
#include "orchestrator/base/fs.h"

#define CONFIG_MAX (16u << 20)

static void add_path(struct depmod *d, struct depmod_paths **list, const char *path)
{
	struct depmod_paths *p = arena_alloc(&d->arena, sizeof(*p));

	p->path = arena_strdup(&d->arena, path);
	p->len = strlen(path);
	p->next = *list;
	*list = p;
}

static bool release_matches(const struct depmod *d, const char *pattern)
{
	regex_t re;
	bool matches;

	if (str_eq(pattern, "*"))
		return true;
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	matches = regexec(&re, d->options->release, 0, NULL, 0) == 0;
	regfree(&re);
	return matches;
}

/* A line of a file, in words. */
struct line {
	struct depmod *d;
	const char *file;
	unsigned number;
	char **words;
	size_t n_words;
};

static int do_search(struct line *l)
{
	for (size_t i = 1; i < l->n_words; i++)
		add_path(l->d, &l->d->searches, l->words[i]);
	return 0;
}

static int do_exclude(struct line *l)
{
	for (size_t i = 1; i < l->n_words; i++)
		add_path(l->d, &l->d->excludes, l->words[i]);
	return 0;
}

static int do_override(struct line *l)
{
	if (l->n_words < 4)
		return -1;
	if (release_matches(l->d, l->words[2]))
		add_path(l->d, &l->d->overrides,
			arena_printf(&l->d->arena, "%s/%s", l->words[3], l->words[1]));
	else
		depmod_say(l->d, DEPMOD_INFO, "%s:%u: override kernel did not match %s\n",
			l->file, l->number, l->words[2]);
	return 0;
}

static int do_external(struct line *l)
{
	if (l->n_words < 3)
		return -1;
	if (release_matches(l->d, l->words[1]))
		add_path(l->d, &l->d->externals, l->words[2]);
	else
		depmod_say(l->d, DEPMOD_INFO,
			"%s:%u: external directory did not match %s\n", l->file,
			l->number, l->words[1]);
	return 0;
}

static int do_nothing(struct line *l)
{
	depmod_say(l->d, DEPMOD_INFO, "%s:%u: command %s not implemented yet\n", l->file,
		l->number, l->words[0]);
	return 0;
}

static const struct {
	const char *word;
	int (*run)(struct line *l);
} commands[] = {
	{"search", do_search},
	{"override", do_override},
	{"external", do_external},
	{"exclude", do_exclude},
	{"include", do_nothing},
	{"make_map_files", do_nothing},
};

static void run_line(struct line *l)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (str_eq(commands[i].word, l->words[0]) && commands[i].run(l) == 0)
			return;
	depmod_say(l->d, DEPMOD_ERROR, "%s:%u: ignoring bad line starting with '%s'\n",
		l->file, l->number, l->words[0]);
}

/* The next line, joined with those that follow a backslash; advances *number by the
 * lines read. False at the end. A NUL ends the line's text, as kmod sees it. */
static bool next_line(
	const char **pos, const char *end, struct buf *line, unsigned *number)
{
	buf_clear(line);
	buf_adds(line, ""); /* a text even if nothing is added */
	if (*pos == end)
		return false;
	while (*pos < end) {
		char c = *(*pos)++;

		if (c == '\n')
			break;
		if (c == '\\') {
			if (*pos == end)
				break;
			c = *(*pos)++;
			if (c == '\n') {
				++*number;
				continue;
			}
		}
		buf_addc(line, c);
	}
	++*number;
	return true;
}

static void parse_file(struct depmod *d, const char *path)
{
	_buf_ struct buf text = {0}, line = {0};
	struct line l = {.d = d, .file = path};
	struct err e = {0};
	const char *pos, *end;

	if (fs_read(AT_FDCWD, path, CONFIG_MAX, &text, &e) < 0) {
		depmod_say(d, DEPMOD_ERROR, "file parse %s: %s\n", path,
			errno ? strerror(errno) : e.msg);
		return;
	}
	pos = buf_str(&text);
	end = pos + text.len;
	while (next_line(&pos, end, &line, &l.number)) {
		_str_vec_ struct str_vec words = {0};

		if (buf_str(&line)[0] == '#')
			continue;
		str_split(&words, buf_str(&line), "\t ");
		l.words = words.items;
		l.n_words = words.len;
		if (words.len)
			run_line(&l);
	}
}

/* Config files by base name: of equal names the first counts, wherever it is. */
struct files {
	struct str_vec paths;
	size_t *names; /* where the name begins in each path */
};

static void add_file(struct files *files, const char *dir, const char *name)
{
	size_t i, n = files->paths.len;
	char *path;

	for (i = 0; i < n; i++) {
		int order = strcmp(name, files->paths.items[i] + files->names[i]);

		if (order == 0)
			return;
		if (order < 0)
			break;
	}
	path = dir ? xasprintf("%s/%s", dir, name) : xstrdup(name);
	str_vec_take(&files->paths, path);
	files->names = xrealloc(files->names, (n + 1) * sizeof(*files->names));
	memmove(files->paths.items + i + 1, files->paths.items + i,
		(n - i) * sizeof(*files->paths.items));
	memmove(files->names + i + 1, files->names + i, (n - i) * sizeof(*files->names));
	files->paths.items[i] = path;
	files->names[i] = dir ? strlen(dir) + 1 : 0;
}

static bool is_config(struct depmod *d, DIR *dir, const char *path, const char *name)
{
	size_t len = strlen(name);
	struct stat st;

	if (name[0] == '.')
		return false;
	if (len < 6 || !str_ends(name, ".conf")) {
		depmod_say(
			d, DEPMOD_INFO, "All cfg files need .conf: %s/%s\n", path, name);
		return false;
	}
	if (fstatat(dirfd(dir), name, &st, 0) < 0) {
		depmod_say(d, DEPMOD_ERROR, "Cannot stat directory entry: %s%s\n", path,
			name);
		return false;
	}
	if (S_ISDIR(st.st_mode)) {
		depmod_say(d, DEPMOD_ERROR,
			"Directories inside directories are not supported: %s/%s\n", path,
			name);
		return false;
	}
	return true;
}

static void add_files(struct depmod *d, struct files *files, const char *path)
{
	_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	if (!S_ISDIR(st.st_mode)) {
		const char *slash = strrchr(path, '/');
		_free_ char *parent = NULL;

		if (slash)
			parent = xstrndup(path, (size_t)(slash - path));
		add_file(files, parent, slash ? slash + 1 : path);
		return;
	}
	dir = opendir(path);
	if (!dir) {
		depmod_say(d, DEPMOD_ERROR, "files list %s: %s\n", path, strerror(errno));
		return;
	}
	while ((entry = readdir(dir)))
		if (is_config(d, dir, path, entry->d_name))
			add_file(files, path, entry->d_name);
}

void depmod_config(struct depmod *d)
{
	static const char *const none[] = {NULL};
	const char *const *path = d->options->config ? d->options->config : none;
	struct files files = {0};

	for (; *path; path++)
		add_files(d, &files, *path);
	for (size_t i = 0; i < files.paths.len; i++)
		parse_file(d, files.paths.items[i]);
	str_vec_free(&files.paths);
	mem_free_ptr(&files.names);
	if (!d->searches)
		add_path(d, &d->searches, "updates");
}
