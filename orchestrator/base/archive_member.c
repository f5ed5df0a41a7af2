/* archive_member.c: one file out of an archive, without writing anything. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include "orchestrator/base/archive_entry.h"
#include "orchestrator/base/archive_stream.h"
#include "orchestrator/base/mem.h"

/* What a layer may hold: the content is only counted, nothing is kept of it. */
#define MAX_BYTES (64ULL << 30)
#define MAX_RATIO 200

struct search {
	struct archive_stream *stream;
	struct archive *tar;
	const char *const *members;
	size_t limit;
	struct buf path, *out;
	int found;
};

static ssize_t tar_read(struct archive *tar, void *arg, const void **data)
{
	struct search *s = arg;
	ssize_t len = archive_stream_read(s->stream, data);

	if (len < 0)
		archive_set_error(tar, EIO, "the compressed stream is not sound");
	return len;
}

static int refuse(struct search *s, struct err *e)
{
	const char *text = archive_error_string(s->tar);

	if (archive_stream_failed(s->stream, e))
		return -1;
	return err_set(
		e, ERR_INPUT, "not a sound tar archive (%s)", text ? text : "no reason");
}

/* Position in members of the entry's clean name, counted from 1; 0: another name. */
static int position(struct search *s, struct archive_entry *entry)
{
	const char *raw = archive_entry_pathname(entry);
	struct err ignored = {0};

	if (!raw || archive_path_clean(raw, 0, false, &s->path, &ignored))
		return 0;
	for (int i = 0; s->members[i]; i++)
		if (str_eq(s->members[i], s->path.data))
			return i + 1;
	return 0;
}

static int take(struct search *s, struct archive_entry *entry, struct err *e)
{
	int64_t size = archive_entry_size(entry);
	const char *name = s->members[s->found - 1];
	char chunk[16384];
	ssize_t len;

	buf_clear(s->out);
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
		return err_set(e, ERR_INPUT, "%s is not a regular file", name);
	if (size > (int64_t)s->limit)
		return err_set(e, ERR_INPUT, "%s has %s, more than the %s expected", name,
			str_bytes((uint64_t)size), str_bytes(s->limit));
	while ((len = archive_read_data(s->tar, chunk, sizeof(chunk))) > 0)
		buf_add(s->out, chunk, (size_t)len);
	return len < 0 ? refuse(s, e) : 0;
}

static int search(struct search *s, struct err *e)
{
	struct archive_entry *entry;
	int r;

	s->tar = archive_read_new();
	if (!s->tar || archive_read_support_format_tar(s->tar) != ARCHIVE_OK)
		return err_set(e, ERR_INTERNAL, "libarchive can't read tar archives");
	if (archive_read_open2(s->tar, s, NULL, tar_read, NULL, NULL) != ARCHIVE_OK)
		return refuse(s, e);
	while ((r = archive_read_next_header(s->tar, &entry)) == ARCHIVE_OK ||
		r == ARCHIVE_WARN) {
		int at = position(s, entry);

		if (!at)
			continue;
		s->found = at;
		if (take(s, entry, e) < 0)
			return -1;
	}
	return r == ARCHIVE_EOF ? 0 : refuse(s, e);
}

int archive_find(int fd, const char *name, const char *const *members, size_t limit,
	struct buf *out, struct err *e)
{
	const struct archive_policy policy = {
		.max_bytes = MAX_BYTES, .max_ratio = MAX_RATIO};
	struct search s = {.stream = archive_stream_new(fd),
		.members = members,
		.limit = limit,
		.out = out};
	int r = archive_stream_open(s.stream, &policy, e);

	if (r == 0)
		r = search(&s, e);
	if (s.tar)
		archive_read_free(s.tar);
	archive_stream_free(s.stream);
	buf_free(&s.path);
	return r ? err_wrap(e, "%s", name) : s.found;
}
