/* depmod.c: the run from modules to indexes; every step is a file of its own. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "kernel/depmod_internal.h"
#include "kernel/kbuild.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"

void depmod_say(struct depmod *d, int level, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	if (level > d->options->level && level != DEPMOD_SHOW)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = xstrdup(fmt);
	va_end(ap);
	if (level <= DEPMOD_ERROR && !d->error)
		d->error = arena_strndup(&d->arena, text, strcspn(text, "\n"));
	if (d->options->say)
		d->options->say(d->options->say_arg, level, text);
}

/* Two bytes as a little-endian machine loads them: the order of the indexes must not
 * depend on where they are made. */
static uint32_t load16(const char *p)
{
	return (uint32_t)(unsigned char)p[0] | (uint32_t)(unsigned char)p[1] << 8;
}

/* Paul Hsieh's SuperFastHash, with signed characters at the end as on x86. */
uint32_t depmod_hash(const char *name, size_t len)
{
	uint32_t hash = (uint32_t)len;
	size_t rest = len & 3;

	for (len /= 4; len; len--, name += 4) {
		hash += load16(name);
		hash = (hash << 16) ^ ((load16(name + 2) << 11) ^ hash);
		hash += hash >> 11;
	}
	if (rest == 3) {
		hash += load16(name);
		hash ^= hash << 16;
		hash ^= (uint32_t)(int32_t)(signed char)name[2] << 18;
		hash += hash >> 11;
	} else if (rest == 2) {
		hash += load16(name);
		hash ^= hash << 11;
		hash += hash >> 17;
	} else if (rest == 1) {
		hash += (uint32_t)(int32_t)(signed char)name[0];
		hash ^= hash << 10;
		hash += hash >> 1;
	}
	hash ^= hash << 3;
	hash += hash >> 5;
	hash ^= hash << 4;
	hash += hash >> 17;
	hash ^= hash << 25;
	hash += hash >> 6;
	return hash;
}

const char *depmod_symbol_name(const char *name, char prefix)
{
	return *name && *name == prefix ? name + 1 : name;
}

const char *depmod_lookup_name(const char *name, char prefix)
{
	return depmod_symbol_name(*name == '.' ? name + 1 : name, prefix);
}

const char *depmod_next_piece(const char **pos, const char *end, size_t size, size_t *len)
{
	const char *start = *pos, *newline;
	size_t room = (size_t)(end - start);

	if (start == end)
		return NULL;
	if (room > size - 1)
		room = size - 1;
	newline = memchr(start, '\n', room);
	*len = newline ? (size_t)(newline - start) + 1 : room;
	*pos = start + *len;
	return start;
}

char *depmod_modname(struct arena *a, const char *path, size_t len)
{
	const char *slash = memrchr(path, '/', len);
	const char *base = slash ? slash + 1 : path;
	size_t n = 0, room = (size_t)(path + len - base);
	char *name;

	if (!room)
		return NULL;
	while (n < room && base[n] != '.' && base[n] != '\0')
		n++;
	name = arena_strndup(a, base, n);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

bool depmod_is_module(const char *name, size_t len)
{
	static const char *const endings[] = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};

	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		if (len > strlen(endings[i]) && str_ends(name, endings[i]))
			return true;
	return false;
}

static void depmod_free(struct depmod *d)
{
	for (struct depmod_mapping *m = d->mappings; m; m = m->next)
		munmap(m->at, m->len);
	free(d->symbols);
	free(d->mods);
	arena_free(&d->arena);
}

static int load_kernel_symbols(struct depmod *d, struct err *e)
{
	if (d->options->symvers)
		return depmod_load_symvers(d, e);
	if (d->options->system_map)
		return depmod_load_system_map(d, e);
	if (d->options->print_unknown)
		depmod_say(d, DEPMOD_WARNING, "-e needs -E or -F\n");
	return 0;
}

static int run(struct depmod *d, struct err *e)
{
	if (load_kernel_symbols(d, e) < 0)
		return -1;
	if (!d->options->modules)
		depmod_config(d);
	if ((d->options->modules ? depmod_given(d, e) : depmod_search(d, e)) < 0)
		return -1;
	depmod_order(d);
	if (depmod_read(d, e) < 0)
		return -1;
	depmod_load(d);
	if (depmod_sort(d, e) < 0)
		return -1;
	if (d->options->strict && d->error)
		return err_set(e, ERR_BUILD, "%s", d->error);
	return depmod_output(d, e);
}

int depmod_run(const struct depmod_options *options, struct err *e)
{
	struct depmod d = {
		.options = options,
		.compat = options->compat ? options->compat : depmod_compat_default(),
		.dir_len = strlen(options->dir),
	};
	int ret = run(&d, e);

	depmod_free(&d);
	return ret;
}

static void log_message(void *arg, int level, const char *text)
{
	(void)arg;
	(void)level;
	log_verbose("depmod: %.*s", (int)strcspn(text, "\n"), text);
}

int kernel_depmod(const char *root, const char *release, int out, struct err *e)
{
	_free_ char *base = fs_join(root, "lib/modules"), *dir = fs_join(base, release);
	struct depmod_options options = {
		.dir = dir,
		.release = release,
		.out_fd = out,
		.level = DEPMOD_WARNING,
		/* kmod only mentions a module that it can't read; a kernel doesn't ship
		   so. */
		.strict = true,
		.say = log_message,
	};

	return depmod_run(&options, e) < 0 ? err_wrap(e, "depmod of %s", dir) : 0;
}
