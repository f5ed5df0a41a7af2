#include <ctype.h>
#include <fcntl.h>
#include "orchestrator/base/fs.h"
#include "kernel/config_text.h"

#define PREFIX	"CONFIG_"
#define NOT_SET " is not set"

void config_set_free(struct config_set *set)
{
	mem_free_ptr(&set->entries);
	mem_free_ptr(&set->slots);
	arena_free(&set->arena);
	*set = (struct config_set){0};
}

static size_t name_hash(const char *name)
{
	size_t h = 5381;

	for (; *name; name++)
		h = h * 33 ^ (unsigned char)*name;
	return h;
}

/* The slot where name is, or the free one where it belongs. */
static size_t *slot_of(const struct config_set *set, const char *name)
{
	size_t i = name_hash(name) & (set->slot_count - 1);

	while (set->slots[i] && !str_eq(set->entries[set->slots[i] - 1].name, name))
		i = (i + 1) & (set->slot_count - 1);
	return &set->slots[i];
}

static void slots_grow(struct config_set *set)
{
	if (set->len * 2 < set->slot_count)
		return;
	mem_free_ptr(&set->slots);
	set->slot_count = set->slot_count ? set->slot_count * 2 : 1024;
	set->slots = xcalloc(set->slot_count, sizeof(*set->slots));
	for (size_t i = 0; i < set->len; i++)
		*slot_of(set, set->entries[i].name) = i + 1;
}

void config_put(struct config_set *set, const char *name, const char *value,
	const char *file, unsigned line)
{
	struct config_entry entry = {
		.value = arena_strdup(&set->arena, value),
		.file = file,
		.line = line,
	};

	slots_grow(set);
	size_t *slot = slot_of(set, name);
	if (*slot) {
		struct config_entry *old = &set->entries[*slot - 1];
		struct config_entry *kept = arena_alloc(&set->arena, sizeof(*kept));

		*kept = *old;
		entry.name = old->name;
		entry.before = kept;
		*old = entry;
		return;
	}
	if (set->len == set->cap) {
		set->cap = set->cap ? set->cap * 2 : 512;
		set->entries = xrealloc(set->entries, set->cap * sizeof(*set->entries));
	}
	entry.name = arena_strdup(&set->arena, name);
	set->entries[set->len++] = entry;
	*slot = set->len;
}

const struct config_entry *config_find(const struct config_set *set, const char *name)
{
	size_t *slot = set->slot_count ? slot_of(set, name) : NULL;

	return slot && *slot ? &set->entries[*slot - 1] : NULL;
}

const char *config_value(const struct config_set *set, const char *name)
{
	const struct config_entry *entry = config_find(set, name);

	return entry ? entry->value : "n";
}

void config_line(struct buf *out, const char *name, const char *value)
{
	if (str_eq(value, "n"))
		buf_addf(out, "# " PREFIX "%s" NOT_SET "\n", name);
	else
		buf_addf(out, PREFIX "%s=%s\n", name, value);
}

/* Length of the symbol name that s begins with. */
static size_t name_len(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

/* A quoted string: closed by the last byte, quotes inside escaped. */
static bool is_string(const char *s)
{
	size_t i = 1;

	for (; s[i] && s[i] != '"'; i++)
		if (s[i] == '\\' && !s[++i])
			return false;
	return s[i] == '"' && !s[i + 1];
}

static bool is_number(const char *s)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	size_t i = hex ? 2 : s[0] == '-';

	if (!s[i])
		return false;
	for (; s[i]; i++)
		if (!(hex ? isxdigit((unsigned char)s[i]) : isdigit((unsigned char)s[i])))
			return false;
	return true;
}

static bool is_value(const char *s)
{
	if (str_eq(s, "y") || str_eq(s, "m") || str_eq(s, "n"))
		return true;
	return s[0] == '"' ? is_string(s) : is_number(s);
}

/* "# CONFIG_X is not set": 1 and the symbol is put; else 0: a comment as any other. */
static bool parse_not_set(
	struct config_set *set, const char *line, const char *file, unsigned number)
{
	if (!str_starts(line, "# " PREFIX))
		return false;
	const char *name = line + strlen("# " PREFIX);
	size_t len = name_len(name);
	if (!len || !str_eq(name + len, NOT_SET))
		return false;
	_free_ char *copy = xstrndup(name, len);
	config_put(set, copy, "n", file, number);
	return true;
}

static int parse_line(struct config_set *set, char *line, const char *file,
	unsigned number, struct err *e)
{
	line = str_trim(line);
	if (!*line || parse_not_set(set, line, file, number) || *line == '#')
		return 0;
	size_t len = str_starts(line, PREFIX) ? name_len(line + strlen(PREFIX)) : 0;
	char *equals = line + strlen(PREFIX) + len;
	_free_ char *shown = str_printable(line);
	if (!len || *equals != '=')
		return err_set(e, ERR_USAGE,
			"%s:%u: '%.120s' is not an assignment; write CONFIG_NAME=value "
			"or '# CONFIG_NAME is not set'",
			file, number, shown);
	if (!is_value(equals + 1))
		return err_set(e, ERR_USAGE,
			"%s:%u: '%.120s': the value must be y, m, n, a number or a "
			"\"quoted string\"",
			file, number, shown);
	*equals = '\0';
	config_put(set, line + strlen(PREFIX), equals + 1, file, number);
	return 0;
}

int config_parse(
	struct config_set *set, const char *text, const char *file, struct err *e)
{
	_free_ char *copy = xstrdup(text);
	const char *label = arena_strdup(&set->arena, file);
	char *pos = copy, *line;

	for (unsigned number = 1; (line = str_next_line(&pos)); number++)
		if (parse_line(set, line, label, number, e) < 0)
			return -1;
	return 0;
}

int config_read(
	struct config_set *set, const char *path, const char *label, struct err *e)
{
	_buf_ struct buf text = {0};

	if (fs_read(AT_FDCWD, path, CONFIG_FILE_LIMIT, &text, e) < 0)
		return -1;
	if (strlen(buf_str(&text)) != text.len)
		return err_set(e, ERR_USAGE,
			"%s holds NUL bytes: it is not a config file", path);
	return config_parse(set, buf_str(&text), label ? label : path, e);
}
