/* depmod_symbols.c: who exports which symbol: the kernel's own, then the modules'. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/depmod_internal.h"
#include "orchestrator/base/fs.h"

#define SYMBOL_FILE_MAX (1u << 30)
#define LINE_SIZE	10240

static void grow(struct depmod *d)
{
	size_t size = d->symbols_size ? 2 * d->symbols_size : 16384;
	struct depmod_symbol **table;

	if (d->n_symbols < d->symbols_size)
		return;
	table = xcalloc(size, sizeof(struct depmod_symbol *));
	for (size_t i = 0; i < d->symbols_size; i++) {
		for (struct depmod_symbol *s = d->symbols[i], *next; s; s = next) {
			next = s->next;
			s->next = table[s->hash & (size - 1)];
			table[s->hash & (size - 1)] = s;
		}
	}
	free(d->symbols);
	d->symbols = table;
	d->symbols_size = size;
}

struct depmod_symbol *depmod_symbol_find(
	const struct depmod *d, const char *name, uint32_t hash)
{
	struct depmod_symbol *s;

	if (!d->symbols_size)
		return NULL;
	for (s = d->symbols[hash & (d->symbols_size - 1)]; s; s = s->next)
		if (s->hash == hash && str_eq(s->name, name))
			return s;
	return NULL;
}

/* name must live as long as d. A second module with the symbol takes it over. */
void depmod_symbol_add(struct depmod *d, const char *name, uint32_t hash, uint64_t crc,
	struct depmod_mod *owner)
{
	struct depmod_symbol *s = depmod_symbol_find(d, name, hash);

	if (!s) {
		grow(d);
		s = arena_alloc(&d->arena, sizeof(*s));
		s->next = d->symbols[hash & (d->symbols_size - 1)];
		d->symbols[hash & (d->symbols_size - 1)] = s;
		s->hash = hash;
		s->name = name;
		d->n_symbols++;
	}
	s->crc = crc;
	s->owner = owner;
}

static void add_kernel_symbol(struct depmod *d, const char *name, uint64_t crc)
{
	size_t len = strlen(name);

	depmod_symbol_add(d, arena_strndup(&d->arena, name, len), depmod_hash(name, len),
		crc, NULL);
}

/* What the loader provides: nobody exports these. */
static void add_loader_symbols(struct depmod *d)
{
	static const char *const names[] = {
		"__this_module", "_GLOBAL_OFFSET_TABLE_", "TOC."};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (i < 2 || !depmod_symbol_find(d, names[i],
				     depmod_hash(names[i], strlen(names[i]))))
			add_kernel_symbol(d, names[i], 0);
}

/* "0xb352177e\tfind_first_bit\tvmlinux\tEXPORT_SYMBOL": only vmlinux counts. */
static void symvers_line(struct depmod *d, char *line, unsigned number)
{
	char prefix = d->options->symbol_prefix, *saved = NULL, *end;
	const char *version = strtok_r(line, " \t", &saved);
	const char *name = version ? strtok_r(NULL, " \t", &saved) : NULL;
	const char *where = name ? strtok_r(NULL, " \t", &saved) : NULL;
	uint64_t crc;

	if (!where || !str_eq(where, "vmlinux"))
		return;
	crc = strtoull(version, &end, 16);
	/* kmod prints an errno here that its start left behind: it is always this one. */
	if (*end)
		depmod_say(d, DEPMOD_ERROR, "%s:%u Invalid symbol version %s: %s\n",
			d->options->symvers, number, version, strerror(ENOENT));
	else
		add_kernel_symbol(d, depmod_symbol_name(name, prefix), crc);
}

/* "c0294200 R __ksymtab_devfs_alloc_devnum": only what is exported counts. */
static void system_map_line(struct depmod *d, char *line, unsigned number)
{
	static const char mark[] = "__ksymtab_";
	char *type = strchr(line, ' '), *name = type ? strchr(type + 1, ' ') : NULL;
	const char *symbol;

	if (!name) {
		depmod_say(d, DEPMOD_ERROR, "%s:%u: invalid line: %s\n",
			d->options->system_map, number, line);
		return;
	}
	symbol = depmod_symbol_name(name + 1, d->options->symbol_prefix);
	if (!str_starts(symbol, mark))
		return;
	line[strcspn(line, "\n")] = '\0';
	add_kernel_symbol(d, symbol + strlen(mark), 0);
}

static int load(struct depmod *d, const char *path,
	void (*take)(struct depmod *d, char *line, unsigned number), struct err *e)
{
	_buf_ struct buf text = {0};
	struct err why = {0};
	const char *pos, *end, *piece;
	char line[LINE_SIZE];
	unsigned number = 0;
	size_t len;

	errno = 0;
	if (fs_read(AT_FDCWD, path, SYMBOL_FILE_MAX, &text, &why) < 0)
		return err_set(e, ERR_IO, "could not load %s: %s", path,
			errno ? strerror(errno) : why.msg);
	pos = buf_str(&text);
	end = pos + text.len;
	while ((piece = depmod_next_piece(&pos, end, sizeof(line), &len))) {
		memcpy(line, piece, len);
		line[len] = '\0';
		take(d, line, ++number);
	}
	add_loader_symbols(d);
	return 0;
}

int depmod_load_symvers(struct depmod *d, struct err *e)
{
	return load(d, d->options->symvers, symvers_line, e);
}

int depmod_load_system_map(struct depmod *d, struct err *e)
{
	return load(d, d->options->system_map, system_map_line, e);
}

static int by_bucket(const void *pa, const void *pb)
{
	const struct depmod_symbol *a = *(struct depmod_symbol *const *)pa;
	const struct depmod_symbol *b = *(struct depmod_symbol *const *)pb;
	uint32_t bucket_a = a->hash & (DEPMOD_SYMBOL_BUCKETS - 1);
	uint32_t bucket_b = b->hash & (DEPMOD_SYMBOL_BUCKETS - 1);

	if (bucket_a != bucket_b)
		return bucket_a < bucket_b ? -1 : 1;
	return strcmp(a->name, b->name);
}

struct depmod_symbol **depmod_symbols_sorted(const struct depmod *d, size_t *count)
{
	struct depmod_symbol **all = xcalloc(d->n_symbols, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < d->symbols_size; i++)
		for (struct depmod_symbol *s = d->symbols[i]; s; s = s->next)
			if (s->owner)
				all[n++] = s;
	if (n)
		qsort(all, n, sizeof(*all), by_bucket);
	*count = n;
	return all;
}
