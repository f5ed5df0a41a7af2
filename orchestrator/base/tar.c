#include "orchestrator/base/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

#define BLOCK 512
/* Small enough for the second-level cache: what is read here is digested next. */
#define BUFFER_SIZE (256 << 10)
/* What eleven octal digits can say; more needs a pax record. */
#define USTAR_MAX 077777777777LL

struct tar {
	struct sink *out;
	int64_t mtime;
	size_t used;
	uint8_t buffer[BUFFER_SIZE];
};

struct ustar {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char checksum[8];
	char type;
	char linkname[100];
	char magic[6], version[2];
	char uname[32], gname[32];
	char devmajor[8], devminor[8];
	char prefix[155];
	char padding[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a tar header is one block");

/* One member, as its header tells it. */
struct member {
	const char *name, *linkname;
	mode_t mode;
	char type;
	uint64_t size;
};

struct tar *tar_open(struct sink *out, int64_t mtime)
{
	struct tar *t = xmalloc(sizeof(*t));

	t->out = out;
	t->mtime = mtime;
	t->used = 0;
	return t;
}

static int flush(struct tar *t, struct err *e)
{
	size_t len = t->used;

	t->used = 0;
	return len == 0 ? 0 : sink_write(t->out, t->buffer, len, e);
}

static int put(struct tar *t, const void *data, size_t len, struct err *e)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t n = BUFFER_SIZE - t->used;

		if (n > len)
			n = len;
		memcpy(t->buffer + t->used, p, n);
		t->used += n;
		p += n;
		len -= n;
		if (t->used == BUFFER_SIZE && flush(t, e) < 0)
			return -1;
	}
	return 0;
}

static int put_zeros(struct tar *t, size_t len, struct err *e)
{
	static const uint8_t zeros[2 * BLOCK];

	return put(t, zeros, len, e);
}

static int pad(struct tar *t, uint64_t size, struct err *e)
{
	return put_zeros(t, (BLOCK - size % BLOCK) % BLOCK, e);
}

/* Octal, zero-filled, one byte less than the field, which ends with a NUL. */
static void set_octal(char *field, size_t len, uint64_t value)
{
	field[len - 1] = '\0';
	for (size_t i = len - 1; i > 0; i--) {
		field[i - 1] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void set_checksum(struct ustar *h)
{
	const uint8_t *p = (const uint8_t *)h;
	unsigned sum = 0;

	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	set_octal(h->checksum, sizeof(h->checksum) - 1, sum);
}

/* Splits a name over prefix and name at a slash, as ustar wants it. */
static bool set_name(struct ustar *h, const char *name)
{
	size_t len = strlen(name);

	if (len <= sizeof(h->name)) {
		memcpy(h->name, name, len);
		return true;
	}
	for (size_t cut = len - 2; cut > 0; cut--) {
		if (name[cut] != '/')
			continue;
		if (len - cut - 1 > sizeof(h->name))
			return false;
		if (cut > sizeof(h->prefix))
			continue;
		memcpy(h->prefix, name, cut);
		memcpy(h->name, name + cut + 1, len - cut - 1);
		return true;
	}
	return false;
}

/* "<length> key=value\n", where the length counts its own digits. */
static void add_pax(struct buf *b, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3; /* ' ' '=' '\n' */
	size_t len = rest, was;

	do {
		was = len;
		len = rest + (size_t)snprintf(NULL, 0, "%zu", was);
	} while (len != was);
	buf_addf(b, "%zu %s=%s\n", len, key, value);
}

static void add_pax_number(struct buf *b, const char *key, int64_t value)
{
	_free_ char *text = xasprintf("%lld", (long long)value);

	add_pax(b, key, text);
}

static int put_header(struct tar *t, struct ustar *h, const struct member *m,
	int64_t mtime, struct err *e)
{
	set_octal(h->mode, sizeof(h->mode), m->mode);
	set_octal(h->uid, sizeof(h->uid), 0);
	set_octal(h->gid, sizeof(h->gid), 0);
	set_octal(h->size, sizeof(h->size), m->size <= USTAR_MAX ? m->size : 0);
	set_octal(h->mtime, sizeof(h->mtime), (uint64_t)mtime);
	h->type = m->type;
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	memcpy(h->uname, "root", 5);
	memcpy(h->gname, "root", 5);
	set_octal(h->devmajor, sizeof(h->devmajor), 0);
	set_octal(h->devminor, sizeof(h->devminor), 0);
	set_checksum(h);
	return put(t, h, sizeof(*h), e);
}

static int put_pax(struct tar *t, const struct buf *records, struct err *e)
{
	struct ustar h = {.name = "PaxHeaders"};
	const struct member m = {.mode = 0644, .type = 'x', .size = records->len};

	if (put_header(t, &h, &m, 0, e) < 0 || put(t, records->data, records->len, e) < 0)
		return -1;
	return pad(t, records->len, e);
}

static int begin_member(struct tar *t, const struct member *m, struct err *e)
{
	_buf_ struct buf pax = {0};
	struct ustar h = {0};
	int64_t mtime = t->mtime;

	if (!m->name[0] || m->name[0] == '/')
		return err_set(e, ERR_INTERNAL,
			"'%s' is no name for a member of an archive: it must be relative",
			m->name);
	if (!set_name(&h, m->name)) {
		add_pax(&pax, "path", m->name);
		memcpy(h.name, m->name, sizeof(h.name));
	}
	if (m->linkname && strlen(m->linkname) > sizeof(h.linkname))
		add_pax(&pax, "linkpath", m->linkname);
	if (m->linkname)
		memcpy(h.linkname, m->linkname, strnlen(m->linkname, sizeof(h.linkname)));
	if (m->size > USTAR_MAX)
		add_pax_number(&pax, "size", (int64_t)m->size);
	if (mtime < 0 || mtime > USTAR_MAX) {
		add_pax_number(&pax, "mtime", mtime);
		mtime = 0;
	}
	if (pax.len > 0 && put_pax(t, &pax, e) < 0)
		return -1;
	return put_header(t, &h, m, mtime, e);
}

int tar_add_dir(struct tar *t, const char *member, struct err *e)
{
	_free_ char *name = xasprintf("%s%s", member, str_ends(member, "/") ? "" : "/");
	const struct member m = {.name = name, .mode = 0755, .type = '5'};

	return begin_member(t, &m, e);
}

int tar_add_symlink(struct tar *t, const char *member, const char *target, struct err *e)
{
	const struct member m = {
		.name = member, .linkname = target, .mode = 0777, .type = '2'};

	return begin_member(t, &m, e);
}

static mode_t plain_mode(mode_t mode)
{
	return mode & 0111 ? 0755 : 0644;
}

int tar_add_bytes(struct tar *t, const char *member, mode_t mode, const void *data,
	size_t len, struct err *e)
{
	const struct member m = {
		.name = member, .mode = plain_mode(mode), .type = '0', .size = len};

	if (begin_member(t, &m, e) < 0 || put(t, data, len, e) < 0)
		return -1;
	return pad(t, len, e);
}

/* Reads into the free part of the buffer: no copy between file and sink. */
static int read_some(struct tar *t, int fd, uint64_t want, const char *name, ssize_t *got,
	struct err *e)
{
	size_t n = BUFFER_SIZE - t->used;

	if (n > want)
		n = want;
	do {
		*got = read(fd, t->buffer + t->used, n);
	} while (*got < 0 && errno == EINTR);
	if (*got < 0)
		return err_sys(e, "%s: can't be read", name);
	t->used += (size_t)*got;
	return t->used == BUFFER_SIZE ? flush(t, e) : 0;
}

static int put_file(struct tar *t, int fd, uint64_t size, const char *name, struct err *e)
{
	uint64_t left = size;
	char beyond;

	while (left > 0) {
		ssize_t got;

		if (read_some(t, fd, left, name, &got, e) < 0)
			return -1;
		if (got == 0)
			break;
		left -= (uint64_t)got;
	}
	if (left > 0 || read(fd, &beyond, 1) != 0)
		return err_set(e, ERR_IO,
			"%s: its size changed while it was put into an archive; nothing "
			"may "
			"write to it meanwhile",
			name);
	return pad(t, size, e);
}

/* mode 0: the file's own. */
static int add_regular(struct tar *t, const char *member, mode_t mode, int dirfd,
	const char *path, const char *name, struct err *e)
{
	_close_ int fd =
		openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct member m = {.name = member, .type = '0'};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "%s: can't be put into an archive", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, "%s: is not a regular file", name);
	m.mode = plain_mode(mode ? mode : st.st_mode);
	m.size = (uint64_t)st.st_size;
	if (begin_member(t, &m, e) < 0)
		return -1;
	return put_file(t, fd, m.size, name, e);
}

int tar_add_file(
	struct tar *t, const char *member, int dirfd, const char *path, struct err *e)
{
	return add_regular(t, member, 0, dirfd, path, path, e);
}

int tar_add_file_as(struct tar *t, const char *member, mode_t mode, int dirfd,
	const char *path, struct err *e)
{
	return add_regular(t, member, mode, dirfd, path, path, e);
}

struct member_sink {
	struct sink sink;
	struct tar *tar;
	char *name;
	uint64_t size, left;
};

static int wrong_length(const struct member_sink *m, struct err *e)
{
	return err_set(e, ERR_INTERNAL,
		"%s: other than the %llu bytes announced came for it", m->name,
		(unsigned long long)m->size);
}

static int member_write(struct sink *s, const void *data, size_t len, struct err *e)
{
	struct member_sink *m = (struct member_sink *)s;

	if (len > m->left)
		return wrong_length(m, e);
	m->left -= len;
	return put(m->tar, data, len, e);
}

static int member_close(struct sink *s, struct err *e)
{
	struct member_sink *m = (struct member_sink *)s;
	int ret = -1;

	if (!s->failed)
		ret = m->left > 0 ? wrong_length(m, e) : pad(m->tar, m->size, e);
	free(m->name);
	free(m);
	return ret;
}

struct sink *tar_add_stream(
	struct tar *t, const char *member, mode_t mode, uint64_t size, struct err *e)
{
	const struct member head = {
		.name = member, .mode = plain_mode(mode), .type = '0', .size = size};
	struct member_sink *m;

	if (begin_member(t, &head, e) < 0)
		return NULL;
	m = xcalloc(1, sizeof(*m));
	m->sink = (struct sink){.write = member_write, .close = member_close};
	m->tar = t;
	m->name = xstrdup(member);
	m->size = m->left = size;
	return &m->sink;
}

struct tree {
	struct tar *tar;
	const char *prefix, *top;
	fs_keep_fn *keep;
	void *arg;
};

static int add_link(struct tar *t, const char *member, const struct fs_entry *entry,
	const char *shown, struct err *e)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(entry->parent_fd, entry->name, target, sizeof(target));

	if (len < 0 || (size_t)len == sizeof(target))
		return err_sys(e, "%s: the link can't be read", shown);
	target[len] = '\0';
	return tar_add_symlink(t, member, target, e);
}

static int add_entry(const struct fs_entry *entry, void *arg, struct err *e)
{
	struct tree *tree = arg;
	_free_ char *member = NULL, *shown = NULL;

	if (tree->keep && !tree->keep(entry->rel, entry->st, tree->arg))
		return S_ISDIR(entry->st->st_mode) ? 1 : 0;
	member = xasprintf("%s%s", tree->prefix, entry->rel);
	shown = fs_join(tree->top, entry->rel);
	switch (entry->st->st_mode & S_IFMT) {
	case S_IFDIR:
		return tar_add_dir(tree->tar, member, e);
	case S_IFREG:
		return add_regular(
			tree->tar, member, 0, entry->parent_fd, entry->name, shown, e);
	case S_IFLNK:
		return add_link(tree->tar, member, entry, shown, e);
	default:
		return err_set(e, ERR_INPUT,
			"%s: is neither a directory nor a file nor a link, and has no "
			"place in "
			"an archive",
			shown);
	}
}

int tar_add_tree(struct tar *t, const char *prefix, int dirfd, const char *path,
	fs_keep_fn *keep, void *arg, struct err *e)
{
	struct tree tree = {
		.tar = t, .prefix = prefix, .top = path, .keep = keep, .arg = arg};

	return fs_walk(dirfd, path, add_entry, &tree, e);
}

int tar_close(struct tar *t, struct err *e)
{
	struct sink *out = t->out;
	int ret = 0;

	if (put_zeros(t, 2 * BLOCK, e) < 0 || flush(t, e) < 0)
		ret = -1;
	free(t);
	if (ret < 0)
		sink_abort(out);
	else
		ret = sink_close(out, e);
	return ret;
}

void tar_abort(struct tar *t)
{
	if (!t)
		return;
	sink_abort(t->out);
	free(t);
}
