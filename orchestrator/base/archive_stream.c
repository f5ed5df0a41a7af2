/* archive_stream.c: counts and judges the bytes before a tar reader sees them. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/archive_stream.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

#define READ_SIZE  (256 << 10)
#define RATIO_FREE (16ULL << 20) /* small archives may be of nothing but zeros */
/* Headers and padding on top of what the entries hold. */
#define OVERHEAD_PER_ENTRY 4096ULL

struct archive_stream {
	int fd;
	bool limited; /* a .deb's member: only left bytes belong to it */
	uint64_t left;
	uint64_t packed;   /* bytes handed to the decompressor */
	uint64_t unpacked; /* bytes that came out of it */
	uint64_t data_end; /* where the last byte stands that is not 0 */
	uint64_t max_unpacked;
	unsigned max_ratio;
	struct archive *raw;
	struct err err;
	char *buf;
};

struct archive_stream *archive_stream_new(int fd)
{
	struct archive_stream *s = xcalloc(1, sizeof(*s));

	s->fd = fd;
	s->buf = xmalloc(READ_SIZE);
	return s;
}

void archive_stream_free(struct archive_stream *s)
{
	if (!s)
		return;
	if (s->raw)
		archive_read_free(s->raw);
	free(s->buf);
	free(s);
}

static ssize_t read_some(struct archive_stream *s, void *data, size_t len, struct err *e)
{
	ssize_t n;

	do
		n = read(s->fd, data, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(e, "can't read it") : n;
}

/* The decompressor asks for packed bytes. */
static ssize_t packed_read(struct archive *raw, void *arg, const void **data)
{
	struct archive_stream *s = arg;
	size_t want = READ_SIZE;
	ssize_t n;

	if (s->limited && s->left < want)
		want = (size_t)s->left;
	n = want ? read_some(s, s->buf, want, &s->err) : 0;
	if (n == 0 && want && s->limited)
		n = err_set(&s->err, ERR_INPUT, "the package is cut off");
	if (n < 0) {
		archive_set_error(raw, EIO, "read error");
		return -1;
	}
	*data = s->buf;
	s->packed += (uint64_t)n;
	if (s->limited)
		s->left -= (uint64_t)n;
	return n;
}

static int refuse_raw(struct archive_stream *s)
{
	const char *text = archive_error_string(s->raw);

	if (s->err.code)
		return -1;
	return err_set(&s->err, ERR_INPUT, "the compressed stream is not sound (%s)",
		text ? text : "no reason");
}

static int open_raw(struct archive_stream *s)
{
	struct archive_entry *entry;
	int r;

	s->raw = archive_read_new();
	if (!s->raw || archive_read_support_format_raw(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_gzip(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_xz(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_zstd(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_bzip2(s->raw) != ARCHIVE_OK)
		return err_set(&s->err, ERR_INTERNAL, "libarchive lacks a decompressor");
	r = archive_read_open2(s->raw, s, NULL, packed_read, NULL, NULL);
	if (r == ARCHIVE_OK)
		r = archive_read_next_header(s->raw, &entry);
	if (s->packed == 0 && !s->err.code)
		return err_set(&s->err, ERR_INPUT, "the file is empty");
	if (r != ARCHIVE_OK)
		return refuse_raw(s);
	if (archive_filter_count(s->raw) > 2)
		return err_set(&s->err, ERR_INPUT, "it is compressed more than once");
	return 0;
}

int archive_stream_open(
	struct archive_stream *s, const struct archive_policy *policy, struct err *e)
{
	s->max_ratio = policy->max_ratio;
	s->max_unpacked = policy->max_bytes + policy->max_entries * OVERHEAD_PER_ENTRY;
	if (open_raw(s)) {
		*e = s->err;
		return -1;
	}
	return 0;
}

bool archive_stream_failed(const struct archive_stream *s, struct err *e)
{
	if (s->err.code)
		*e = s->err;
	return s->err.code != 0;
}

int archive_stream_check_ratio(
	struct archive_stream *s, uint64_t announced, struct err *e)
{
	uint64_t most = announced > s->unpacked ? announced : s->unpacked;

	if (most > RATIO_FREE && most / s->max_ratio > s->packed)
		return err_set(e, ERR_INPUT,
			"it unpacks to more than %u times its size (%s from %s)",
			s->max_ratio, str_bytes(most), str_bytes(s->packed));
	if (s->unpacked > s->max_unpacked)
		return err_set(e, ERR_INPUT, "it unpacks to more than the limit of %s",
			str_bytes(s->max_unpacked));
	return 0;
}

static size_t without_zeros(const char *data, size_t len)
{
	while (len && data[len - 1] == '\0')
		len--;
	return len;
}

ssize_t archive_stream_read(struct archive_stream *s, const void **data)
{
	size_t len, used;
	int64_t offset;
	int r;

	if (s->err.code)
		return -1;
	do
		r = archive_read_data_block(s->raw, data, &len, &offset);
	while (r == ARCHIVE_OK && len == 0);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return refuse_raw(s);
	used = without_zeros(*data, len);
	if (used)
		s->data_end = s->unpacked + used;
	s->unpacked += len;
	if (archive_stream_check_ratio(s, 0, &s->err))
		return -1;
	return (ssize_t)len;
}

/* What is left behind the last compressed stream was read, but taken by nobody. */
static int check_packed_end(struct archive_stream *s, struct err *e)
{
	char more;
	ssize_t n;

	if ((uint64_t)archive_filter_bytes(s->raw, -1) < s->packed)
		return err_set(e, ERR_INPUT, "something follows the compressed stream");
	n = s->limited && s->left ? 1 : 0;
	if (!s->limited)
		n = read_some(s, &more, 1, e);
	if (n > 0)
		return err_set(e, ERR_INPUT, "something follows the compressed stream");
	return (int)n;
}

int archive_stream_drain(struct archive_stream *s, uint64_t end, struct err *e)
{
	const void *data;
	ssize_t n;

	while ((n = archive_stream_read(s, &data)) > 0)
		;
	if (n < 0) {
		*e = s->err;
		return -1;
	}
	if (s->data_end > end)
		return err_set(e, ERR_INPUT, "something follows the archive's end");
	return check_packed_end(s, e);
}

/* A .deb is an ar archive of three members, in a fixed order. */
#define AR_MAGIC  "!<arch>\n"
#define AR_HEADER 60

static int read_exact(struct archive_stream *s, char *data, size_t len, struct err *e)
{
	while (len) {
		ssize_t n = read_some(s, data, len, e);

		if (n < 0)
			return -1;
		if (n == 0)
			return err_set(e, ERR_INPUT, "the package is cut off");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads a member's header: name (trimmed) and size. */
static int read_member(
	struct archive_stream *s, char name[17], uint64_t *size, struct err *e)
{
	char header[AR_HEADER + 1] = {0};
	char number[11] = {0};

	if (read_exact(s, header, AR_HEADER, e))
		return -1;
	memcpy(name, header, 16);
	name[16] = '\0';
	name[strcspn(name, " /")] = '\0';
	memcpy(number, header + 48, 10);
	number[strcspn(number, " ")] = '\0';
	if (memcmp(header + 58, "`\n", 2) != 0 || !str_to_u64(number, size))
		return err_set(e, ERR_INPUT, "not a Debian package (bad ar header)");
	return 0;
}

static int skip_member(struct archive_stream *s, uint64_t size, struct err *e)
{
	size += size & 1;
	while (size) {
		size_t part = size < READ_SIZE ? (size_t)size : READ_SIZE;

		if (read_exact(s, s->buf, part, e))
			return -1;
		size -= part;
	}
	return 0;
}

int archive_stream_deb(struct archive_stream *s, struct err *e)
{
	static const char *const expected[] = {
		"debian-binary", "control.tar", "data.tar"};
	char magic[sizeof(AR_MAGIC)] = {0};
	char name[17];
	uint64_t size;

	if (read_exact(s, magic, sizeof(magic) - 1, e))
		return -1;
	if (!str_eq(magic, AR_MAGIC))
		return err_set(e, ERR_INPUT, "not a Debian package");
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		if (read_member(s, name, &size, e))
			return -1;
		if (!str_starts(name, expected[i]))
			return err_set(e, ERR_INPUT,
				"not a Debian package (no %s where it belongs)",
				expected[i]);
		if (i + 1 < ARRAY_LEN(expected) && skip_member(s, size, e))
			return -1;
	}
	s->limited = true;
	s->left = size;
	return 0;
}
