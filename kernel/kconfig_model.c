#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "kernel/kconfig_int.h"

#define FILE_LIMIT (4u << 20)

void kconfig_free(struct kconfig *kc)
{
	mem_free_ptr(&kc->symbols);
	mem_free_ptr(&kc->slots);
	mem_free_ptr(&kc->choices);
	arena_free(&kc->arena);
	*kc = (struct kconfig){0};
}

static size_t *slot_of(const struct kconfig *kc, const char *name)
{
	size_t i = 5381;

	for (const char *c = name; *c; c++)
		i = i * 33 ^ (unsigned char)*c;
	for (i &= kc->slot_count - 1; kc->slots[i]; i = (i + 1) & (kc->slot_count - 1))
		if (str_eq(kc->symbols[kc->slots[i] - 1]->name, name))
			break;
	return &kc->slots[i];
}

struct kc_symbol *kconfig_find(const struct kconfig *kc, const char *name)
{
	size_t *slot = kc->slot_count ? slot_of(kc, name) : NULL;

	return slot && *slot ? kc->symbols[*slot - 1] : NULL;
}

static void grow(struct kconfig *kc)
{
	if (kc->len == kc->cap) {
		kc->cap = kc->cap ? kc->cap * 2 : 4096;
		kc->symbols = xrealloc(kc->symbols, kc->cap * sizeof(*kc->symbols));
	}
	if (kc->len * 2 < kc->slot_count)
		return;
	mem_free_ptr(&kc->slots);
	kc->slot_count = kc->slot_count ? kc->slot_count * 2 : 8192;
	kc->slots = xcalloc(kc->slot_count, sizeof(*kc->slots));
	for (size_t i = 0; i < kc->len; i++)
		*slot_of(kc, kc->symbols[i]->name) = i + 1;
}

struct kc_symbol *kconfig_symbol(struct kconfig *kc, const char *name)
{
	struct kc_symbol *symbol = kconfig_find(kc, name);

	if (symbol)
		return symbol;
	grow(kc);
	symbol = arena_alloc(&kc->arena, sizeof(*symbol));
	symbol->name = arena_strdup(&kc->arena, name);
	*slot_of(kc, name) = kc->len + 1;
	kc->symbols[kc->len++] = symbol;
	return symbol;
}

/* A file that an upper layer removed is a character device 0:0 there; a removed parent
 * directory shows as ENOTDIR. Either hides what lower layers have. */
static bool is_whiteout(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

/* *found stays -1 where the layer says nothing about path. */
static int open_layer(
	const char *layer, const char *path, int *found, bool *hidden, struct err *e)
{
	_close_ int dir = fs_open_dir(AT_FDCWD, layer, e);
	_close_ int probe = dir < 0 ? -1 : fs_open_in_root(dir, path, O_PATH | O_CLOEXEC);

	if (dir < 0)
		return -1;
	*hidden = probe < 0 ? errno == ENOTDIR : is_whiteout(probe);
	if (probe < 0 || *hidden)
		return 0;
	*found = fs_open_in_root(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return *found < 0 ? err_sys(e, "cannot open %s in %s", path, layer) : 0;
}

int kc_open(const char *const *layers, const char *path, struct buf *text, struct err *e)
{
	bool hidden = false;

	for (; *layers && !hidden; layers++) {
		_close_ int fd = -1;

		if (open_layer(*layers, path, &fd, &hidden, e) < 0)
			return -1;
		if (fd >= 0)
			return fs_read_fd(fd, path, FILE_LIMIT, text, e) < 0 ? -1 : 1;
	}
	return 0;
}
