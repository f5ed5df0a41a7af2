#include <ctype.h>
#include <stdlib.h>
#include "kernel/warnings.h"
#include "orchestrator/base/mem.h"

/* What a warning looks like; at the mark the place ends, where there is one. */
static const char *const marks[] = {
	": warning: ",
	": Warning: ", /* the assembler */
	"WARNING: modpost: ",
};

static const char *find_mark(const char *line)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const char *at = strstr(line, marks[i]);

		if (at)
			return at;
	}
	return NULL;
}

/* "make[1]: warning: jobserver unavailable": of the build, not of what is built. */
static bool is_warning(const char *line)
{
	return !str_starts(line, "make") && find_mark(line);
}

void warnings_read(const char *log, struct str_vec *found)
{
	_free_ char *copy = xstrdup(log);
	_str_vec_ struct str_vec all = {0};
	char *pos = copy, *line;

	while ((line = str_next_line(&pos)))
		if (is_warning(line))
			str_vec_add(&all, line);
	str_vec_sort(&all);
	for (size_t i = 0; i < all.len; i++)
		if (i == 0 || !str_eq(all.items[i], all.items[i - 1]))
			str_vec_add(found, all.items[i]);
}

/* A warning and what it is known by from one build to the next. */
struct item {
	const char *text;
	char *identity;
	bool matched;
};

/* "mm/slab.c:12:5" is mm/slab.c. The compiler hands the assembler a temporary file, which
 * has another name each time. */
static void add_place(struct buf *out, const char *line, const char *end)
{
	const char *number = end;

	if (str_starts(line, "/tmp/"))
		return;
	while (number > line && (isdigit((unsigned char)number[-1]) || number[-1] == ':'))
		number--;
	if (number < end && *number == ':')
		end = number;
	buf_add(out, line, (size_t)(end - line));
}

/* objtool and modpost name code by its offset: "f+0x1c". */
static void add_message(struct buf *out, const char *text)
{
	const char *offset;

	while ((offset = strstr(text, "+0x"))) {
		buf_add(out, text, (size_t)(offset - text));
		text = offset + 3 + strspn(offset + 3, "0123456789abcdef");
	}
	buf_adds(out, text);
}

static char *identify(const char *line)
{
	const char *mark = find_mark(line);
	_buf_ struct buf out = {0};

	add_place(&out, line, mark);
	add_message(&out, mark);
	return buf_steal(&out);
}

typedef int compare_fn(const void *a, const void *b);

static int by_text(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return strcmp(x->text, y->text);
}

static int by_identity(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return strcmp(x->identity, y->identity);
}

/* Which of two alike is left over must not depend on qsort. */
static int by_both(const void *a, const void *b)
{
	int order = by_identity(a, b);

	return order ? order : by_text(a, b);
}

struct items {
	struct item *all;
	size_t count;
};

static void open_items(struct items *l, const struct str_vec *lines)
{
	l->all = xcalloc(lines->len + 1, sizeof(*l->all));
	for (size_t i = 0; i < lines->len; i++)
		if (is_warning(lines->items[i]))
			l->all[l->count++] = (struct item){
				lines->items[i], identify(lines->items[i]), false};
}

static void close_items(struct items *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->all[i].identity);
	free(l->all);
}

static struct item *next_open(const struct items *l, size_t *at)
{
	while (*at < l->count && l->all[*at].matched)
		++*at;
	return *at < l->count ? &l->all[*at] : NULL;
}

/* Pairs off what is the same and not yet paired, as many as either side has. */
static void match(struct items *a, struct items *b, compare_fn *same, compare_fn *order)
{
	size_t i = 0, k = 0;
	struct item *x, *y;

	qsort(a->all, a->count, sizeof(*a->all), order);
	qsort(b->all, b->count, sizeof(*b->all), order);
	while ((x = next_open(a, &i)) && (y = next_open(b, &k))) {
		int first = same(x, y);

		if (first == 0)
			x->matched = y->matched = true;
		i += first < 0;
		k += first > 0;
	}
}

size_t warnings_compare(
	const struct str_vec *now, const struct str_vec *before, struct str_vec *fresh)
{
	struct items a = {0}, b = {0};
	size_t gone = 0;

	open_items(&a, now);
	open_items(&b, before);
	match(&a, &b, by_text, by_text); /* what stayed where it was comes first */
	match(&a, &b, by_identity, by_both);
	for (size_t i = 0; i < a.count; i++)
		if (!a.all[i].matched)
			str_vec_add(fresh, a.all[i].text);
	for (size_t i = 0; i < b.count; i++)
		gone += !b.all[i].matched;
	close_items(&a);
	close_items(&b);
	return gone;
}
