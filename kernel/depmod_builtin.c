/* depmod_builtin.c: the indexes of what is in the kernel itself. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "kernel/depmod_index.h"
#include "kernel/depmod_internal.h"
#include "orchestrator/base/fs.h"

#define BUILTIN_MAX (256u << 20)

/* Reads a file of the module directory: 1, 0 with a warning where it can't be opened
 * (kmod's index is an empty file then), -1 where it can't be read. */
static int read_file(struct depmod *d, const char *name, struct buf *text, struct err *e)
{
	_close_ int dir = open(d->options->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		    fd = -1;

	if (dir < 0) {
		depmod_say(d, DEPMOD_WARNING, "could not open directory %s: %s\n",
			d->options->dir, strerror(errno));
		return 0;
	}
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		depmod_say(d, DEPMOD_WARNING, "could not open %s at %s: %s\n", name,
			d->options->dir, strerror(errno));
		return 0;
	}
	return fs_read_fd(fd, name, BUILTIN_MAX, text, e) < 0 ? -1 : 1;
}

int depmod_builtin_bin(struct depmod *d, struct buf *out, struct err *e)
{
	_buf_ struct buf text = {0};
	_index_ struct index ix = {0};
	const char *pos, *end, *line;
	int got = read_file(d, "modules.builtin", &text, e);
	size_t len;

	if (got <= 0)
		return got;
	pos = buf_str(&text);
	end = pos + text.len;
	while ((line = depmod_next_piece(&pos, end, PATH_MAX, &len))) {
		char *name;

		if (!isalpha((unsigned char)line[0])) {
			depmod_say(d, DEPMOD_ERROR,
				"Invalid modules.builtin line: %.*s\n", (int)len, line);
			continue;
		}
		name = depmod_modname(&d->arena, line, len);
		if (name && index_add(&ix, name, "", 0, e) < 0)
			return -1;
	}
	return index_write(&ix, d->compat->parents_first, out, e);
}

/* The bytes up to `stop`, which is skipped. NULL where a NUL or the end came first, or
 * more than kmod has room for: then everything up to there is skipped. */
static char *field(struct depmod *d, const char **pos, const char *end, char stop)
{
	const char *start = *pos;
	size_t n = 0;

	while (*pos < end) {
		char c = *(*pos)++;

		if (c == stop)
			return arena_strndup(&d->arena, start, n);
		if (c == '\0')
			return NULL;
		if (n++ == PATH_MAX) {
			depmod_say(d, DEPMOD_WARNING,
				"Could not flush stream: %d. Partial content: %.*s\n",
				ENOSPC, PATH_MAX, start);
			return NULL;
		}
	}
	return NULL;
}

/* "module.key=value" and a NUL, again and again: only aliases count. */
static int add_builtin_alias(struct depmod *d, struct index *ix, const char **pos,
	const char *end, struct err *e)
{
	const char *module = field(d, pos, end, '.'), *key, *value, *alias;

	if (!module || !*module)
		return 0;
	key = field(d, pos, end, '=');
	if (!key || !str_eq(key, "alias")) {
		const char *nul = memchr(*pos, '\0', (size_t)(end - *pos));

		*pos = nul ? nul + 1 : end;
		return 0;
	}
	value = field(d, pos, end, '\0');
	if (!value || !*value)
		return 0;
	alias = depmod_alias(&d->arena, value);
	if (!alias) {
		depmod_say(d, DEPMOD_WARNING, "Unmatched bracket in %s\n", value);
		return 0;
	}
	return index_add(ix, alias, module, 0, e);
}

int depmod_builtin_alias_bin(struct depmod *d, struct buf *out, struct err *e)
{
	_buf_ struct buf text = {0};
	_index_ struct index ix = {0};
	const char *pos, *end;
	int got = read_file(d, "modules.builtin.modinfo", &text, e);

	if (got <= 0)
		return got;
	pos = buf_str(&text);
	end = pos + text.len;
	while (pos < end)
		if (add_builtin_alias(d, &ix, &pos, end, e) < 0)
			return -1;
	return index_write(&ix, d->compat->parents_first, out, e);
}
