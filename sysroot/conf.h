/* conf.h: <name>.conf files: "key = value" lines in sections, read once, kept in an
 * arena.
 */
#ifndef KILN_SYSROOT_CONF_H
#define KILN_SYSROOT_CONF_H

#include <stddef.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

struct conf_entry {
	const char *section; /* "" before the first [section] */
	const char *key, *value;
	unsigned line;
};

struct conf {
	struct arena arena;
	const char *path;
	struct conf_entry *entries; /* in the arena */
	size_t len;
};

/* Reads path; a line that is none is ERR_USAGE with file:line. conf_free in any case. */
int conf_read(struct conf *conf, const char *path, struct err *e);
void conf_free(struct conf *conf);
/* The last value of key in section, or NULL. */
const char *conf_get(const struct conf *conf, const char *section, const char *key);
/* Adds the words of every value of key in section. */
void conf_words(const struct conf *conf, const char *section, const char *key,
	struct str_vec *words);
/* Refuses keys that are not in known (NULL-ended) at top level. */
int conf_check_keys(const struct conf *conf, const char *const *known, struct err *e);
/* The sections, in order, each once. */
void conf_sections(const struct conf *conf, struct str_vec *sections);

#endif
