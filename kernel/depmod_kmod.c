/* depmod_kmod.c: what libkmod reads in a module, as one record; the only door to it. */
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "kernel/depmod_internal.h"
#include "orchestrator/base/compress.h"

#define MODULE_MAX (1u << 30) /* unpacked */

struct depmod_reader {
	const struct depmod_options *options;
	struct kmod_ctx *ctx;
	struct buf record, logs, text; /* the record while it grows: its parts */
	struct buf packed, unpacked;   /* a module that libkmod can't decompress */
	int memfd;
};

static struct depmod_record *header(struct depmod_reader *r)
{
	return (struct depmod_record *)(void *)r->record.data;
}

static void add_item(struct depmod_reader *r, struct buf *to, const char *text,
	struct depmod_item item)
{
	item.name = (uint32_t)r->text.len;
	buf_add(&r->text, text, strlen(text) + 1);
	buf_add(to, &item, sizeof(item));
}

static void add_log(struct depmod_reader *r, int level, const char *text)
{
	add_item(r, &r->logs, text, (struct depmod_item){.kind = (uint32_t)level});
	header(r)->logs++;
}

static void on_log(void *data, int priority, const char *file, int line, const char *fn,
	const char *format, va_list args) __attribute__((format(printf, 6, 0)));
static void on_log(void *data, int priority, const char *file, int line, const char *fn,
	const char *format, va_list args)
{
	struct depmod_reader *r = data;
	_free_ char *text = NULL;

	(void)file;
	(void)line;
	(void)fn;
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	/* Outside of a record there is nobody to tell. */
	if (text && r->record.len)
		add_log(r, priority, text);
}

struct depmod_reader *depmod_reader_new(const struct depmod_options *options)
{
	struct depmod_reader *r = xcalloc(1, sizeof(*r));
	const char *no_config = NULL;

	r->options = options;
	r->memfd = -1;
	/* No modprobe.d: it is the host's, and none of depmod's business. */
	r->ctx = kmod_new(options->dir, &no_config);
	if (r->ctx) {
		kmod_set_log_priority(r->ctx, options->level);
		kmod_set_log_fn(r->ctx, on_log, r);
		/* For each module libkmod asks the index of what is built in, if there is
		 * one from the last run: mapped once, or opened every time. */
		kmod_load_resources(r->ctx);
	}
	return r;
}

void depmod_reader_free(struct depmod_reader *r)
{
	if (!r)
		return;
	if (r->ctx)
		kmod_unref(r->ctx);
	buf_free(&r->record);
	buf_free(&r->logs);
	buf_free(&r->text);
	mem_close_ptr(&r->memfd);
	mem_free_ptr(&r);
}

static void begin(struct depmod_reader *r, uint32_t module)
{
	struct depmod_record empty = {.module = module};

	buf_clear(&r->record);
	buf_clear(&r->logs);
	buf_clear(&r->text);
	buf_add(&r->record, &empty, sizeof(empty));
}

static const struct depmod_record *end(struct depmod_reader *r, size_t *len)
{
	static const char zeros[8];
	uint32_t text_len;

	buf_add(&r->text, zeros, 8 - r->text.len % 8);
	text_len = (uint32_t)r->text.len;
	header(r)->text_len = text_len;
	buf_add(&r->record, buf_str(&r->logs), r->logs.len);
	buf_add(&r->record, r->text.data, text_len);
	*len = r->record.len;
	return header(r);
}

static void read_symbols(struct depmod_reader *r, struct kmod_module *kmod)
{
	char prefix = r->options->symbol_prefix;
	struct kmod_list *list = NULL, *l;
	int ret = kmod_module_get_symbols(kmod, &list);

	header(r)->logs_before = header(r)->logs;
	if (ret < 0) {
		header(r)->error = -ret;
		return;
	}
	kmod_list_foreach(l, list)
	{
		const char *name =
			depmod_symbol_name(kmod_module_symbol_get_symbol(l), prefix);

		add_item(r, &r->record, name,
			(struct depmod_item){.crc = kmod_module_symbol_get_crc(l),
				.hash = depmod_hash(name, strlen(name))});
		header(r)->symbols++;
	}
	kmod_module_symbols_free_list(list);
}

static void read_infos(struct depmod_reader *r, struct kmod_module *kmod)
{
	static const char *const keys[] = {
		[INFO_ALIAS] = "alias",
		[INFO_SOFTDEP] = "softdep",
		[INFO_WEAKDEP] = "weakdep",
	};
	struct kmod_list *list = NULL, *l;

	if (kmod_module_get_info(kmod, &list) < 0)
		return;
	kmod_list_foreach(l, list)
	{
		const char *key = kmod_module_info_get_key(l);

		for (uint32_t i = 0; i < ARRAY_LEN(keys); i++) {
			if (!str_eq(key, keys[i]))
				continue;
			add_item(r, &r->record, kmod_module_info_get_value(l),
				(struct depmod_item){.kind = i});
			header(r)->infos++;
		}
	}
	kmod_module_info_free_list(list);
}

static void read_needs(struct depmod_reader *r, struct kmod_module *kmod)
{
	char prefix = r->options->symbol_prefix;
	struct kmod_list *list = NULL, *l;

	if (kmod_module_get_dependency_symbols(kmod, &list) < 0)
		return;
	kmod_list_foreach(l, list)
	{
		const char *name = kmod_module_dependency_symbol_get_symbol(l);
		const char *key = depmod_lookup_name(name, prefix);
		int bind = kmod_module_dependency_symbol_get_bind(l);

		add_item(r, &r->record, name,
			(struct depmod_item){
				.crc = kmod_module_dependency_symbol_get_crc(l),
				.hash = depmod_hash(key, strlen(key)),
				.kind = bind == KMOD_SYMBOL_WEAK,
			});
		header(r)->needs++;
	}
	kmod_module_dependency_symbols_free_list(list);
}

/* Unpacks a module into the memory file; *why gets the sentence on failure. */
static int expand(struct depmod_reader *r, int fd, const char *path, struct err *why)
{
	enum compression found = COMPRESS_NONE;
	struct sink *sink = sink_fd(r->memfd, "a memory file", NULL);
	int ret = compress_expand(fd, path, sink, MODULE_MAX, &found, why);

	if (sink_close(sink, ret < 0 ? &(struct err){0} : why) < 0 || ret < 0)
		return -1;
	return found == COMPRESS_NONE
		       ? err_set(why, ERR_INPUT, "%s is not compressed", path)
		       : 0;
}

/* Without its last line libkmod doesn't see that a module is signed, and doesn't write
 * the signature out as text, which costs more than reading the module. */
static void drop_signature(int fd)
{
	static const char mark[] = "~Module signature appended~\n";
	char end[sizeof(mark) - 1];
	off_t at = lseek(fd, 0, SEEK_END) - (off_t)sizeof(end);

	if (at > 0 && pread(fd, end, sizeof(end), at) == (ssize_t)sizeof(end) &&
		memcmp(end, mark, sizeof(end)) == 0 && ftruncate(fd, at) < 0)
		return; /* then it does */
}

/* A module for libkmod to read by its name in /proc: 0, or an errno. */
static int unpack(struct depmod_reader *r, const char *path, char *name, size_t size,
	struct err *why)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	if (r->memfd < 0)
		r->memfd = memfd_create("module", MFD_CLOEXEC);
	if (r->memfd < 0 || ftruncate(r->memfd, 0) < 0 ||
		lseek(r->memfd, 0, SEEK_SET) < 0)
		return errno;
	if (expand(r, fd, path, why) < 0)
		return EINVAL;
	drop_signature(r->memfd);
	snprintf(name, size, "/proc/self/fd/%d", r->memfd);
	return 0;
}

/* libkmod unpacks xz and zstd as well, in small pieces. It has the last word on what
 * can't be unpacked here, and on a module that is built in as well: of that it reads
 * what the kernel has, by the module's name, which the memory file hasn't got. */
static int open_module(
	struct depmod_reader *r, const char *path, struct kmod_module **kmod)
{
	char name[64];
	struct err why = {0};
	int error;

	if (!r->ctx)
		return ENOMEM;
	error = -kmod_module_new_from_path(r->ctx, path, kmod);
	if (error || str_ends(path, ".ko") ||
		kmod_module_get_initstate(*kmod) == KMOD_MODULE_BUILTIN)
		return error;
	error = unpack(r, path, name, sizeof(name), &why);
	if (!error) {
		kmod_module_unref(*kmod);
		*kmod = NULL;
		return -kmod_module_new_from_path(r->ctx, name, kmod);
	}
	/* Debian's libkmod is built without zlib: it has no word on these. */
	if (str_ends(path, ".gz") && why.code && r->options->level >= DEPMOD_ERROR) {
		_free_ char *text = xasprintf("%s\n", why.msg);

		add_log(r, DEPMOD_ERROR, text);
	}
	return 0;
}

const struct depmod_record *depmod_reader_read(
	struct depmod_reader *r, const char *path, uint32_t module, size_t *len)
{
	struct kmod_module *kmod = NULL;
	int error;

	begin(r, module);
	error = open_module(r, path, &kmod);
	if (error) {
		header(r)->error = error;
		header(r)->logs_before = header(r)->logs;
		return end(r, len);
	}
	read_symbols(r, kmod);
	read_infos(r, kmod);
	read_needs(r, kmod);
	kmod_module_unref(kmod);
	return end(r, len);
}

const struct depmod_record *depmod_reader_broken(
	struct depmod_reader *r, uint32_t module, int error, size_t *len)
{
	begin(r, module);
	header(r)->error = error;
	return end(r, len);
}
