/* conf.c: reads <name>.conf. */
#include <fcntl.h>
#include "orchestrator/base/fs.h"
#include "sysroot/conf.h"

#define CONF_LIMIT (1 << 20)

static void add_entry(struct conf *conf, const struct conf_entry *entry)
{
	/* Confs are short: one growing array in the arena is copied a few times. */
	struct conf_entry *grown =
		arena_alloc(&conf->arena, (conf->len + 1) * sizeof(*grown));

	if (conf->len)
		memcpy(grown, conf->entries, conf->len * sizeof(*grown));
	grown[conf->len++] = *entry;
	conf->entries = grown;
}

static int parse_line(struct conf *conf, char *line, unsigned number,
	const char **section, struct err *e)
{
	struct conf_entry entry = {.line = number};
	size_t len = strlen(line);
	char *equals;

	if (line[0] == '[' && line[len - 1] == ']' && len > 2) {
		*section = arena_strndup(&conf->arena, line + 1, len - 2);
		return 0;
	}
	equals = strchr(line, '=');
	if (!equals || equals == line)
		return err_set(e, ERR_USAGE,
			"%s:%u: not a line of the form key = value or [section]",
			conf->path, number);
	*equals = '\0';
	entry.section = *section;
	entry.key = arena_strdup(&conf->arena, str_trim(line));
	entry.value = arena_strdup(&conf->arena, str_trim(equals + 1));
	add_entry(conf, &entry);
	return 0;
}

int conf_read(struct conf *conf, const char *path, struct err *e)
{
	_buf_ struct buf text = {0};
	const char *section = "";
	unsigned number = 0;
	char *pos, *line;

	*conf = (struct conf){0};
	conf->path = arena_strdup(&conf->arena, path);
	if (fs_read(AT_FDCWD, path, CONF_LIMIT, &text, e) < 0)
		return -1;
	buf_str(&text);
	pos = text.data;
	while (pos && (line = str_next_line(&pos))) {
		number++;
		line[strcspn(line, "#")] = '\0';
		line = str_trim(line);
		if (*line && parse_line(conf, line, number, &section, e))
			return -1;
	}
	return 0;
}

void conf_free(struct conf *conf)
{
	arena_free(&conf->arena);
	*conf = (struct conf){0};
}

const char *conf_get(const struct conf *conf, const char *section, const char *key)
{
	for (size_t i = conf->len; i-- > 0;)
		if (str_eq(conf->entries[i].section, section) &&
			str_eq(conf->entries[i].key, key))
			return conf->entries[i].value;
	return NULL;
}

void conf_words(const struct conf *conf, const char *section, const char *key,
	struct str_vec *words)
{
	for (size_t i = 0; i < conf->len; i++)
		if (str_eq(conf->entries[i].section, section) &&
			str_eq(conf->entries[i].key, key))
			str_split(words, conf->entries[i].value, " \t");
}

static bool listed(const char *const *known, const char *key)
{
	for (; *known; known++)
		if (str_eq(*known, key))
			return true;
	return false;
}

int conf_check_keys(const struct conf *conf, const char *const *known, struct err *e)
{
	for (size_t i = 0; i < conf->len; i++) {
		const struct conf_entry *entry = &conf->entries[i];

		if (!*entry->section && !listed(known, entry->key))
			return err_set(e, ERR_USAGE, "%s:%u: unknown key '%s'",
				conf->path, entry->line, entry->key);
	}
	return 0;
}

void conf_sections(const struct conf *conf, struct str_vec *sections)
{
	for (size_t i = 0; i < conf->len; i++)
		if (*conf->entries[i].section &&
			!str_vec_has(sections, conf->entries[i].section))
			str_vec_add(sections, conf->entries[i].section);
}
