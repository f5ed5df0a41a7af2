/* debian_lock.c: <name>.lock: one line per package, in a stable order, without mirrors.
 */
#include <fcntl.h>
#include <stdlib.h>
#include "orchestrator/base/fs.h"
#include "sysroot/debian.h"

#define LOCK_LIMIT   (16 << 20)
#define LOCK_VERSION "kiln-lock 1"

static void *grow(struct arena *arena, void *old, size_t len, size_t size)
{
	void *grown = old;

	/* Room is doubled at each power of two. */
	if ((len & (len - 1)) == 0) {
		grown = arena_alloc(arena, (len ? 2 * len : 1) * size);
		if (len)
			memcpy(grown, old, len * size);
	}
	return grown;
}

void lock_add(struct lock *lock, const struct deb *deb)
{
	lock->debs = grow(&lock->arena, lock->debs, lock->len, sizeof(*lock->debs));
	lock->debs[lock->len++] = *deb;
}

void lock_add_archive(struct lock *lock, const struct deb_archive *archive)
{
	lock->archives = grow(&lock->arena, lock->archives, lock->archives_len,
		sizeof(*lock->archives));
	lock->archives[lock->archives_len++] = *archive;
}

bool lock_in_groups(const char *groups, const char *group)
{
	size_t len = strlen(group);

	for (; groups; groups = strchr(groups, ',') ? strchr(groups, ',') + 1 : NULL)
		if (strncmp(groups, group, len) == 0 &&
			(groups[len] == ',' || groups[len] == '\0'))
			return true;
	return false;
}

static int damaged(const struct lock *lock, unsigned line, const char *why, struct err *e)
{
	return err_set(e, ERR_VERIFY,
		"%s:%u: %s: the lock is damaged; take it from where it came, or make it "
		"anew "
		"with `kiln sysroot lock`",
		lock->path, line, why);
}

/* A path that stays below the mirror's base URL, and holds nothing that a URL treats
 * specially. */
static bool sane_path(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._+-~:%";

	return path[0] != '/' && strchr(path, '/') && !strstr(path, "..") &&
	       path[strspn(path, plain)] == '\0';
}

static int parse_deb(
	struct lock *lock, const struct str_vec *words, unsigned line, struct err *e)
{
	char *const *w = words->items;
	struct deb deb = {0};

	if (words->len != 8)
		return damaged(lock, line, "a package line has eight words", e);
	deb.groups = arena_strdup(&lock->arena, w[1]);
	deb.name = arena_strdup(&lock->arena, w[2]);
	deb.version = arena_strdup(&lock->arena, w[3]);
	deb.arch = arena_strdup(&lock->arena, w[4]);
	deb.sha256 = arena_strdup(&lock->arena, w[6]);
	deb.path = arena_strdup(&lock->arena, w[7]);
	if (!str_to_u64(w[5], &deb.size) || deb.size == 0)
		return damaged(lock, line, "the size is no number", e);
	if (!digest_is_sha256(deb.sha256))
		return damaged(lock, line, "the sha256 is none", e);
	if (!sane_path(deb.path))
		return damaged(lock, line, "the path is not one of an archive", e);
	lock_add(lock, &deb);
	return 0;
}

static int parse_archive(
	struct lock *lock, const struct str_vec *words, unsigned line, struct err *e)
{
	struct deb_archive archive;

	if (words->len != 4)
		return damaged(lock, line, "an archive line has four words", e);
	archive.name = arena_strdup(&lock->arena, words->items[1]);
	archive.suite = arena_strdup(&lock->arena, words->items[2]);
	archive.timestamp = arena_strdup(&lock->arena, words->items[3]);
	lock_add_archive(lock, &archive);
	return 0;
}

static int parse_conf(
	struct lock *lock, const struct str_vec *words, unsigned line, struct err *e)
{
	if (words->len != 2 || !digest_is_sha256(words->items[1]))
		return damaged(lock, line, "a conf line has one sha256", e);
	lock->conf = arena_strdup(&lock->arena, words->items[1]);
	return 0;
}

static int parse_group(
	struct lock *lock, const struct str_vec *words, unsigned line, struct err *e)
{
	if (words->len != 2)
		return damaged(lock, line, "a group line has one name", e);
	str_vec_add(&lock->groups, words->items[1]);
	return 0;
}

/* A lock that was cut off at a line's end would else look whole. */
static int parse_end(
	struct lock *lock, const struct str_vec *words, unsigned line, struct err *e)
{
	if (words->len != 1 || lock->ended)
		return damaged(lock, line, "the end is not the end", e);
	lock->ended = true;
	return 0;
}

static const struct {
	const char *word;
	int (*parse)(struct lock *lock, const struct str_vec *words, unsigned line,
		struct err *e);
} line_kinds[] = {
	{"package", parse_deb},
	{"archive", parse_archive},
	{"conf", parse_conf},
	{"group", parse_group},
	{"end", parse_end},
};

static int parse_line(struct lock *lock, const char *text, unsigned line, struct err *e)
{
	_str_vec_ struct str_vec words = {0};

	str_split(&words, text, " ");
	if (words.len == 0 || words.items[0][0] == '#')
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(line_kinds); i++)
		if (str_eq(words.items[0], line_kinds[i].word))
			return line_kinds[i].parse(lock, &words, line, e);
	return damaged(lock, line, "unknown kind of line", e);
}

int lock_read(struct lock *lock, const char *path, struct err *e)
{
	_buf_ struct buf text = {0};
	unsigned line = 1;
	char *pos, *next;

	*lock = (struct lock){0};
	lock->path = arena_strdup(&lock->arena, path);
	if (fs_read(AT_FDCWD, path, LOCK_LIMIT, &text, e))
		return -1;
	buf_str(&text);
	if (strlen(buf_str(&text)) != text.len)
		return damaged(lock, 1, "it holds a zero byte", e);
	pos = text.data;
	next = str_next_line(&pos);
	if (!next || !str_eq(next, LOCK_VERSION))
		return err_set(e, ERR_USAGE,
			"%s:1: not a lock of this kiln (its first line is not \"%s\"); "
			"make it "
			"anew with `kiln sysroot lock`",
			path, LOCK_VERSION);
	while ((next = str_next_line(&pos)))
		if (parse_line(lock, next, ++line, e))
			return -1;
	if (!lock->ended || lock->len == 0 || !lock->conf || lock->archives_len == 0)
		return damaged(lock, line, "it is cut off", e);
	return 0;
}

void lock_free(struct lock *lock)
{
	str_vec_free(&lock->groups);
	arena_free(&lock->arena);
	*lock = (struct lock){0};
}

static int compare(const void *a, const void *b)
{
	const struct deb *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->arch, y->arch);
}

void lock_sort(struct lock *lock)
{
	if (lock->len)
		qsort(lock->debs, lock->len, sizeof(*lock->debs), compare);
}

void lock_write(const struct lock *lock, const char *name, struct buf *out)
{
	buf_addf(out, "%s\n# Made by `kiln sysroot lock %s`; do not edit.\n",
		LOCK_VERSION, name);
	buf_addf(out, "conf %s\n", lock->conf);
	for (size_t i = 0; i < lock->archives_len; i++)
		buf_addf(out, "archive %s %s %s\n", lock->archives[i].name,
			lock->archives[i].suite, lock->archives[i].timestamp);
	for (size_t i = 0; i < lock->groups.len; i++)
		buf_addf(out, "group %s\n", lock->groups.items[i]);
	for (size_t i = 0; i < lock->len; i++) {
		const struct deb *d = &lock->debs[i];

		buf_addf(out, "package %s %s %s %s %llu %s %s\n", d->groups, d->name,
			d->version, d->arch, (unsigned long long)d->size, d->sha256,
			d->path);
	}
	buf_adds(out, "end\n");
}
