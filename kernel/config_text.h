/* config_text.h: kernel config files: parsed with file and line, merged, looked up. */
#ifndef KILN_CONFIG_TEXT_H
#define KILN_CONFIG_TEXT_H

#include <stddef.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

#define CONFIG_FILE_LIMIT (4u << 20)

/* One symbol with its last assignment. value is as kconfig writes it: y, m, n (also for
 * "is not set"), a quoted string, or a number. */
struct config_entry {
	const char *name; /* without CONFIG_ */
	const char *value;
	const char *file; /* as given to config_read: for people */
	unsigned line;
	/* The assignment that this one replaced, or NULL. */
	const struct config_entry *before;
};

/* A set of assignments in the order of their first appearance; everything in it lives
 * in its arena. Starts as {0}; config_set_free. */
struct config_set {
	struct arena arena;
	struct config_entry *entries;
	size_t len, cap;
	size_t *slots; /* hash table of index + 1 into entries */
	size_t slot_count;
};
#define _config_set_ __attribute__((cleanup(config_set_free)))
void config_set_free(struct config_set *set);

/* Adds text's assignments behind those already there; a later one wins. A line that is
 * neither an assignment nor a comment is ERR_USAGE with file and line. */
int config_parse(
	struct config_set *set, const char *text, const char *file, struct err *e);
/* Reads a file; label names it in errors and entries (NULL: its path). */
int config_read(
	struct config_set *set, const char *path, const char *label, struct err *e);
void config_put(struct config_set *set, const char *name, const char *value,
	const char *file, unsigned line);
/* NULL when the set says nothing about name. */
const struct config_entry *config_find(const struct config_set *set, const char *name);
/* The value of name; a symbol that nothing is said about is "n". */
const char *config_value(const struct config_set *set, const char *name);
/* Appends the line that kconfig would write for name and value. */
void config_line(struct buf *out, const char *name, const char *value);

#endif
