/* depmod_internal.h: what the parts of depmod (kernel/depmod*.c) share. */
#ifndef KILN_DEPMOD_INTERNAL_H
#define KILN_DEPMOD_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include "kernel/depmod.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

/* What a reader found in one module. Records are plain bytes without pointers: they are
 * written to a memory file by the reader's process and used in place by the parent. */
struct depmod_item {
	uint64_t crc;
	uint32_t name; /* offset into the record's text */
	uint32_t hash; /* of the name that is looked up (depmod_lookup_name) */
	uint32_t kind; /* infos: enum depmod_info; needs: 1 is weak; logs: level */
	uint32_t spare;
};
enum depmod_info { INFO_ALIAS, INFO_SOFTDEP, INFO_WEAKDEP };
struct depmod_record {
	uint32_t module;      /* index into depmod.mods */
	int32_t error;	      /* errno of reading the symbols, 0 */
	uint32_t logs_before; /* so many logs are older than the error */
	uint32_t symbols, infos, needs, logs;
	uint32_t text_len;	    /* padded to 8 */
	struct depmod_item items[]; /* symbols, infos, needs, logs; then the text */
};

static inline const struct depmod_item *record_symbols(const struct depmod_record *r)
{
	return r->items;
}
static inline const struct depmod_item *record_infos(const struct depmod_record *r)
{
	return r->items + r->symbols;
}
static inline const struct depmod_item *record_needs(const struct depmod_record *r)
{
	return record_infos(r) + r->infos;
}
static inline const struct depmod_item *record_logs(const struct depmod_record *r)
{
	return record_needs(r) + r->needs;
}
static inline const char *record_text(
	const struct depmod_record *r, const struct depmod_item *item)
{
	return (const char *)(record_logs(r) + r->logs) + item->name;
}

struct depmod_mod {
	const char *path;    /* absolute */
	const char *relpath; /* the part of it below the module directory, or NULL */
	const char *name;    /* normalised: without directory and ".ko", '_' for '-' */
	uint32_t hash;	     /* of name */
	size_t dir_len;	     /* of path, without the slash before the file's name */
	int order;	     /* from modules.order; 1 if it isn't there */
	unsigned idx;	     /* place in depmod.mods: the priority in .bin indexes */
	const struct depmod_record *record; /* never NULL after depmod_read */
	struct depmod_mod **deps;	    /* direct ones */
	size_t n_deps;
	unsigned users; /* how many need this one directly */
	int topo;	/* place in the topological order */
	unsigned seen;	/* stamp of the walk that was here last */
};

struct depmod_symbol {
	struct depmod_symbol *next; /* of the same slot */
	const char *name;
	uint64_t crc;
	struct depmod_mod *owner; /* NULL: the kernel */
	uint32_t hash;
};

struct depmod_paths { /* a list in the order in which kmod walks it: last added first */
	struct depmod_paths *next;
	const char *path;
	size_t len;
};

struct depmod_mapping {
	struct depmod_mapping *next;
	void *at;
	size_t len;
};

struct depmod {
	const struct depmod_options *options;
	const struct depmod_compat *compat;
	struct arena arena; /* everything below lives here, but the growing arrays */
	size_t dir_len;	    /* of options->dir */
	/* depmod.d */
	struct depmod_paths *searches, *overrides, *externals, *excludes;
	struct depmod_mod **mods;
	size_t n_mods;
	struct depmod_symbol **symbols; /* hash table, symbols_size slots */
	size_t symbols_size, n_symbols;
	struct depmod_mapping *mappings; /* the readers' memory files */
	char *error; /* the first message of level DEPMOD_ERROR, its first line */
};

/* Says a message if its level is wanted. */
void depmod_say(struct depmod *d, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* kmod's order of modules and symbols without an order of their own is that of a hash
 * table: buckets of this hash, and by bytes within a bucket. */
uint32_t depmod_hash(const char *name, size_t len);
#define DEPMOD_MODULE_BUCKETS 512u
#define DEPMOD_SYMBOL_BUCKETS 2048u
/* The name under which a needed symbol is looked for: PPC64's dot and the prefix go. */
const char *depmod_lookup_name(const char *name, char prefix);
/* The name under which an exported symbol is kept. */
const char *depmod_symbol_name(const char *name, char prefix);

/* The next piece of a text as fgets with room for size bytes cuts it; NULL at the end.
 * *len counts bytes with the newline. */
const char *depmod_next_piece(
	const char **pos, const char *end, size_t size, size_t *len);
/* Normalises the file name in path into the arena; NULL if there is none. */
char *depmod_modname(struct arena *a, const char *path, size_t len);
/* Whether a file name is that of a module: ".ko", and each compression. */
bool depmod_is_module(const char *name, size_t len);

/* depmod_config.c: reads depmod.d. */
void depmod_config(struct depmod *d);
/* depmod_search.c: fills d->mods from the tree, or from options->modules. */
int depmod_search(struct depmod *d, struct err *e);
int depmod_given(struct depmod *d, struct err *e);
/* depmod_order.c: sorts d->mods as modules.order and the hash decide. */
void depmod_order(struct depmod *d);
/* depmod_read.c: every module's record, by several processes. */
int depmod_read(struct depmod *d, struct err *e);
/* depmod_symbols.c */
void depmod_symbol_add(struct depmod *d, const char *name, uint32_t hash, uint64_t crc,
	struct depmod_mod *owner);
struct depmod_symbol *depmod_symbol_find(
	const struct depmod *d, const char *name, uint32_t hash);
int depmod_load_symvers(struct depmod *d, struct err *e);
int depmod_load_system_map(struct depmod *d, struct err *e);
/* Symbols of modules in the order of kmod's table; the caller frees. */
struct depmod_symbol **depmod_symbols_sorted(const struct depmod *d, size_t *count);
/* depmod_deps.c: symbols of modules, dependencies, topological order. */
void depmod_load(struct depmod *d);
int depmod_sort(struct depmod *d, struct err *e);
/* All that m needs, in load order, into list (room for n_mods). Returns how many. */
size_t depmod_all_deps(const struct depmod *d, struct depmod_mod *m, unsigned stamp,
	struct depmod_mod **list);
/* depmod_cycles.c: says which modules need each other; users as left by the sort. */
void depmod_say_cycles(struct depmod *d, const unsigned *users);
/* depmod_output.c: writes and publishes every index. */
int depmod_output(struct depmod *d, struct err *e);
/* An alias as it is looked up, in the arena; NULL if its brackets don't match. */
char *depmod_alias(struct arena *a, const char *value);
/* depmod_builtin.c: from modules.builtin and modules.builtin.modinfo. */
int depmod_builtin_bin(struct depmod *d, struct buf *out, struct err *e);
int depmod_builtin_alias_bin(struct depmod *d, struct buf *out, struct err *e);

/* depmod_kmod.c: a reader of modules, one per process. */
struct depmod_reader; /* opaque */
struct depmod_reader *depmod_reader_new(const struct depmod_options *options);
void depmod_reader_free(struct depmod_reader *r);
/* Reads one module; the record is valid until the next call. */
const struct depmod_record *depmod_reader_read(
	struct depmod_reader *r, const char *path, uint32_t module, size_t *len);
/* The same for a module that killed its reader. */
const struct depmod_record *depmod_reader_broken(
	struct depmod_reader *r, uint32_t module, int error, size_t *len);

#endif
