/* depmod_index.h: writes the .bin indexes: a trie of strings, as libkmod reads it. */
#ifndef KILN_DEPMOD_INDEX_H
#define KILN_DEPMOD_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* Keys and values are the caller's and must outlive the index. Starts as {0}. */
struct index_entry {
	const char *key, *value;
	uint64_t head; /* the key's first bytes, so that most comparisons are one */
	uint32_t priority, seq;
};
struct index {
	struct index_entry *entries;
	size_t len, cap;
};
#define _index_ __attribute__((cleanup(index_free)))
void index_free(struct index *ix);

/* Later entries of the same key and priority come first in the file. The format has
 * seven-bit characters only; anything else is -1 with ERR_INPUT. */
int index_add(struct index *ix, const char *key, const char *value, uint32_t priority,
	struct err *e);
/* Appends the whole file to out. Sorts the entries. */
int index_write(struct index *ix, bool parents_first, struct buf *out, struct err *e);
/* Calls report for each entry that was there already, in the order of index_add. Only
 * after index_write. */
void index_duplicates(const struct index *ix,
	void (*report)(void *arg, const char *key, const char *value), void *arg);

#endif
