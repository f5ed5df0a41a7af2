/* archive.c: libarchive decodes, and nothing is written that the policy has not passed.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <unistd.h>
#include "orchestrator/base/archive_entry.h"
#include "orchestrator/base/archive_stream.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

#define DEFAULT_ENTRIES	   2000000
#define DEFAULT_BYTES	   (16ULL << 30)
#define DEFAULT_FILE_BYTES (4ULL << 30)
#define DEFAULT_RATIO	   200
#define TAR_END		   1024 /* two blocks of zeros */

struct unpack {
	struct archive_policy policy; /* with the defaults filled in */
	struct archive_stream *stream;
	struct archive *tar;
	struct archive_writer *writer;
	struct buf path, link;
	uint64_t entries, bytes;
	int64_t last_end; /* where the last entry's data ended in the tar stream */
};

static void unpack_free(struct unpack *u)
{
	if (u->tar)
		archive_read_free(u->tar);
	archive_writer_free(u->writer);
	buf_free(&u->path);
	buf_free(&u->link);
}

/* libarchive's complaint, unless the stream below it knows better. */
static int refuse_tar(struct unpack *u, struct err *e)
{
	const char *text = archive_error_string(u->tar);

	if (archive_stream_failed(u->stream, e))
		return -1;
	return err_set(
		e, ERR_INPUT, "not a sound tar archive (%s)", text ? text : "no reason");
}

static ssize_t tar_read(struct archive *tar, void *arg, const void **data)
{
	struct unpack *u = arg;
	ssize_t len = archive_stream_read(u->stream, data);

	if (len < 0)
		archive_set_error(tar, EIO, "the compressed stream is not sound");
	return len;
}

static int write_data(struct unpack *u, int fd, int64_t size, struct err *e)
{
	const void *data;
	size_t len;
	int64_t offset;
	int64_t end = 0;
	int r;

	while ((r = archive_read_data_block(u->tar, &data, &len, &offset)) ==
		ARCHIVE_OK) {
		if (offset < end || offset > size || (int64_t)len > size - offset)
			return err_set(e, ERR_INPUT, "its content does not fit its size");
		if (offset > end && lseek(fd, offset, SEEK_SET) < 0)
			return err_sys(e, "can't write it");
		if (fs_write_all(fd, data, len, e))
			return -1;
		end = offset + (int64_t)len;
	}
	if (r != ARCHIVE_EOF)
		return refuse_tar(u, e);
	if (end < size && ftruncate(fd, size))
		return err_sys(e, "can't write it");
	return 0;
}

static int take_file(struct unpack *u, const struct archive_item *item, struct err *e)
{
	_close_ int fd = archive_write_file(u->writer, item, e);

	if (fd < 0 || write_data(u, fd, item->st->st_size, e))
		return -1;
	return archive_write_file_finish(u->writer, fd, item, e);
}

static int take_dir(struct unpack *u, const struct archive_item *item, struct err *e)
{
	return archive_write_dir(u->writer, item, e);
}

static int take_symlink(struct unpack *u, const struct archive_item *item, struct err *e)
{
	if (u->policy.no_links)
		return err_set(
			e, ERR_INPUT, "it is a symlink, and none is expected here");
	if (archive_symlink_check(item->path, item->link, u->policy.root, e))
		return -1;
	return archive_write_symlink(u->writer, item, e);
}

static int take_hardlink(struct unpack *u, const struct archive_item *item, struct err *e)
{
	struct archive_item clean = *item;

	if (u->policy.no_links)
		return err_set(
			e, ERR_INPUT, "it is a hard link, and none is expected here");
	if (item->st->st_size > 0)
		return err_set(e, ERR_INPUT, "it is a hard link with content of its own");
	if (archive_path_clean(item->link, u->policy.strip, false, &u->link, e)) {
		err_wrap(e, "the hard link's target is refused");
		return -1;
	}
	clean.link = u->link.data;
	return archive_write_hardlink(u->writer, &clean, e);
}

typedef int take_fn(struct unpack *u, const struct archive_item *item, struct err *e);
static const struct entry_kind {
	mode_t type;
	const char *name;
	take_fn *take; /* NULL: special, never made */
} entry_kinds[] = {
	{S_IFREG, "file", take_file},
	{S_IFDIR, "directory", take_dir},
	{S_IFLNK, "symlink", take_symlink},
	{S_IFCHR, "character device", NULL},
	{S_IFBLK, "block device", NULL},
	{S_IFIFO, "FIFO", NULL},
	{S_IFSOCK, "socket", NULL},
};

static const struct entry_kind *kind_of(mode_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(entry_kinds); i++)
		if (entry_kinds[i].type == type)
			return &entry_kinds[i];
	return NULL;
}

/* Counts an entry before anything of it is written. */
static int check_limits(struct unpack *u, const struct stat *st, struct err *e)
{
	const struct archive_policy *p = &u->policy;
	uint64_t size = st->st_size > 0 ? (uint64_t)st->st_size : 0;

	if (++u->entries > p->max_entries)
		return err_set(e, ERR_INPUT,
			"it is one more than the limit of %llu entries",
			(unsigned long long)p->max_entries);
	if (st->st_size < 0)
		return err_set(e, ERR_INPUT, "its size is negative");
	if (size > p->max_file_bytes)
		return err_set(e, ERR_INPUT, "its size of %s is over the limit of %s",
			str_bytes(size), str_bytes(p->max_file_bytes));
	u->bytes += size;
	if (u->bytes > p->max_bytes)
		return err_set(e, ERR_INPUT,
			"with it the archive is over the limit of %s",
			str_bytes(p->max_bytes));
	return 0;
}

static int filter_entry(struct unpack *u, const struct archive_item *item, struct err *e)
{
	int take = 1;

	if (u->policy.filter)
		take = u->policy.filter(item->path, item->st, u->policy.filter_arg, e);
	if (take == 0 || take == 2)
		archive_writer_forget(u->writer);
	return take;
}

static int take_entry(struct unpack *u, struct archive_entry *entry, struct err *e)
{
	const char *raw = archive_entry_pathname(entry);
	const char *hard = archive_entry_hardlink(entry);
	const struct stat *st = archive_entry_stat(entry);
	const struct entry_kind *kind =
		hard ? NULL : kind_of(archive_entry_filetype(entry));
	struct archive_item item = {
		.link = hard ? hard : archive_entry_symlink(entry), .st = st};
	bool dir = kind && kind->type == S_IFDIR;
	int skip = archive_path_clean(raw ? raw : "", u->policy.strip, dir, &u->path, e);

	if (skip < 0 || check_limits(u, st, e))
		return -1;
	if (!hard && !kind)
		return err_set(e, ERR_INPUT, "it is of an unknown type");
	if (kind && !kind->take && !u->policy.skip_special)
		return err_set(e, ERR_INPUT, "it is a %s", kind->name);
	if (skip || (kind && !kind->take))
		return 0;
	item.path = u->path.data;
	if (!item.link)
		item.link = "";
	skip = filter_entry(u, &item, e);
	if (skip <= 0)
		return skip;
	return hard ? take_hardlink(u, &item, e) : kind->take(u, &item, e);
}

/* A name that could not be decoded comes with a warning; the bytes are looked at anyway.
 */
static int next_entry(struct unpack *u, struct archive_entry **entry, struct err *e)
{
	int r = archive_read_next_header(u->tar, entry);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return refuse_tar(u, e);
	return 1;
}

static int take_entries(struct unpack *u, struct err *e)
{
	struct archive_entry *entry;
	int r;

	while ((r = next_entry(u, &entry, e)) == 1) {
		if (take_entry(u, entry, e)) {
			const char *raw = archive_entry_pathname(entry);
			_free_ char *shown = str_printable(raw ? raw : "");

			return err_wrap(e, "entry \"%s\"", shown);
		}
		if (archive_read_data_skip(u->tar) != ARCHIVE_OK)
			return refuse_tar(u, e);
		u->last_end = archive_filter_bytes(u->tar, 0);
	}
	return r;
}

/* Sound to the end: the tar's end marker is there, and nothing follows at any level. */
static int check_end(struct unpack *u, struct err *e)
{
	int64_t end = archive_filter_bytes(u->tar, 0);

	if (archive_stream_drain(u->stream, (uint64_t)end, e))
		return -1;
	/* Holes of sparse files are announced, and come out of nothing. */
	if (archive_stream_check_ratio(u->stream, u->bytes, e))
		return -1;
	if (u->entries == 0 && !u->policy.allow_empty)
		return err_set(e, ERR_INPUT, "the archive holds nothing");
	if (end - u->last_end < TAR_END)
		return err_set(e, ERR_INPUT,
			"the archive is cut off: its end marker is missing");
	return 0;
}

static void fill_defaults(struct archive_policy *p)
{
	if (!p->max_entries)
		p->max_entries = DEFAULT_ENTRIES;
	if (!p->max_bytes)
		p->max_bytes = DEFAULT_BYTES;
	if (!p->max_file_bytes)
		p->max_file_bytes = DEFAULT_FILE_BYTES;
	if (!p->max_ratio)
		p->max_ratio = DEFAULT_RATIO;
}

static int unpack_all(struct unpack *u, struct err *e)
{
	u->tar = archive_read_new();
	if (!u->tar || archive_read_support_format_tar(u->tar) != ARCHIVE_OK)
		return err_set(e, ERR_INTERNAL, "libarchive can't read tar archives");
	if (archive_read_open2(u->tar, u, NULL, tar_read, NULL, NULL) != ARCHIVE_OK)
		return refuse_tar(u, e);
	if (take_entries(u, e) || check_end(u, e))
		return -1;
	return archive_writer_end(u->writer, e);
}

static int unpack_stream(struct archive_stream *stream, const char *name, int dirfd,
	const struct archive_policy *policy, struct err *e)
{
	static const struct archive_policy none;
	struct unpack u = {.policy = policy ? *policy : none, .stream = stream};
	/* Names in pax headers are UTF-8; in the C locale libarchive would mangle them.
	 */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
	int r;

	fill_defaults(&u.policy);
	u.writer = archive_writer_new(dirfd, &u.policy);
	r = archive_stream_open(stream, &u.policy, e);
	if (r == 0)
		r = unpack_all(&u, e);
	unpack_free(&u);
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
	return r ? err_wrap(e, "%s", name) : 0;
}

int archive_unpack(int fd, const char *name, int dirfd,
	const struct archive_policy *policy, struct err *e)
{
	struct archive_stream *stream = archive_stream_new(fd);
	int r = unpack_stream(stream, name, dirfd, policy, e);

	archive_stream_free(stream);
	return r;
}

int archive_unpack_deb(int fd, const char *name, int dirfd,
	const struct archive_policy *policy, struct err *e)
{
	struct archive_stream *stream = archive_stream_new(fd);
	int r = archive_stream_deb(stream, e);

	r = r ? err_wrap(e, "%s", name) : unpack_stream(stream, name, dirfd, policy, e);
	archive_stream_free(stream);
	return r;
}

int archive_expand(int fd, const char *name, size_t limit, struct buf *out, struct err *e)
{
	struct archive_stream *stream = archive_stream_new(fd);
	struct archive_policy policy = {.max_bytes = limit};
	const void *data;
	ssize_t n = 0;
	int r;

	fill_defaults(&policy);
	policy.max_entries = 0;
	r = archive_stream_open(stream, &policy, e);
	while (r == 0 && (n = archive_stream_read(stream, &data)) > 0)
		buf_add(out, data, (size_t)n);
	if (n < 0)
		archive_stream_failed(stream, e);
	if (r || n < 0 || archive_stream_drain(stream, UINT64_MAX, e))
		r = err_wrap(e, "%s", name);
	archive_stream_free(stream);
	return r;
}
