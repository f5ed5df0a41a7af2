#include "oci/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "oci/media.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

json_t *oci_descriptor(const char *media_type, const char *hex, uint64_t size)
{
	_free_ char *digest = xasprintf("sha256:%s", hex);

	return json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", digest,
		"size", (json_int_t)size);
}

const char *oci_descriptor_hex(const json_t *descriptor)
{
	const char *digest = json_get_string(descriptor, "digest");

	if (!digest || !str_starts(digest, "sha256:") || !digest_is_sha256(digest + 7))
		return NULL;
	return digest + 7;
}

json_int_t oci_descriptor_size(const json_t *descriptor)
{
	const json_t *size = json_object_get(descriptor, "size");

	return json_is_integer(size) ? json_integer_value(size) : -1;
}

char *oci_blob_path(const char *hex)
{
	return xasprintf("blobs/sha256/%s", hex);
}

int oci_blob_store(const struct oci_layout *l, const void *data, size_t len,
	char hex[SHA256_HEX_LEN + 1], struct err *e)
{
	_free_ char *path = NULL, *temp = NULL;

	digest_sha256(data, len, hex);
	path = oci_blob_path(hex);
	/* Not beside the blob: only blobs may ever be in blobs/sha256. */
	temp = xasprintf("blob.tmp.%d", (int)getpid());
	return oci_write_small(l, temp, path, data, len, e);
}

int oci_write_small(const struct oci_layout *l, const char *temp, const char *path,
	const void *data, size_t len, struct err *e)
{
	_close_ int fd = -1;

	unlinkat(l->dir, temp, 0);
	fd = openat(l->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "%s/%s: can't be created", l->path, temp);
	if (fs_write_all(fd, data, len, e) < 0)
		err_wrap(e, "%s/%s", l->path, path);
	else if (close(steal_fd(&fd)) < 0 || renameat(l->dir, temp, l->dir, path) < 0)
		err_sys(e, "%s/%s: can't be written", l->path, path);
	else
		return 0;
	unlinkat(l->dir, temp, 0);
	return -1;
}

json_t *oci_blob_store_json(const struct oci_layout *l, const json_t *value,
	const char *media_type, struct err *e)
{
	_buf_ struct buf text = {0};
	char hex[SHA256_HEX_LEN + 1];

	json_dump(value, &text);
	if (oci_blob_store(l, text.data, text.len, hex, e) < 0)
		return NULL;
	return oci_descriptor(media_type, hex, text.len);
}

static int bad_descriptor(const struct oci_layout *l, const json_t *d, struct err *e)
{
	const char *digest = json_get_string(d, "digest");
	_free_ char *shown = str_printable(digest ? digest : "nothing");

	return err_set(e, ERR_STORE,
		"%s: a descriptor names %.100s, which is no sha256 digest with a size",
		l->path, shown);
}

int oci_blob_open(const struct oci_layout *l, const json_t *descriptor, struct err *e)
{
	const char *hex = oci_descriptor_hex(descriptor);
	json_int_t size = oci_descriptor_size(descriptor);
	_close_ int fd = -1;
	_free_ char *path = NULL;
	struct stat st;

	if (!hex || size < 0)
		return bad_descriptor(l, descriptor, e);
	path = oci_blob_path(hex);
	fd = openat(
		l->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_STORE, "%s/%s: the blob is missing", l->path, path);
	if (fd < 0 && errno == ELOOP)
		return err_set(
			e, ERR_STORE, "%s/%s: is a link, not a blob", l->path, path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "%s/%s: can't be opened", l->path, path);
	if (!S_ISREG(st.st_mode))
		return err_set(
			e, ERR_STORE, "%s/%s: is not a regular file", l->path, path);
	if (st.st_size != size)
		return err_set(e, ERR_STORE,
			"%s/%s: has %lld bytes where its descriptor says %lld", l->path,
			path, (long long)st.st_size, (long long)size);
	return steal_fd(&fd);
}

static int wrong_digest(
	const struct oci_layout *l, const char *want, const char *got, struct err *e)
{
	return err_set(e, ERR_STORE,
		"%s/blobs/sha256/%s: its bytes have another digest, sha256:%s", l->path,
		want, got);
}

int oci_blob_check(const struct oci_layout *l, const json_t *descriptor, struct err *e)
{
	_close_ int fd = oci_blob_open(l, descriptor, e);
	const char *want = oci_descriptor_hex(descriptor);
	char got[SHA256_HEX_LEN + 1];

	if (fd < 0)
		return -1;
	if (digest_fd(fd, want, got, NULL, e) < 0)
		return err_wrap(e, "%s", l->path);
	return str_eq(want, got) ? 0 : wrong_digest(l, want, got, e);
}

json_t *oci_blob_json(const struct oci_layout *l, const json_t *descriptor, struct err *e)
{
	_close_ int fd = oci_blob_open(l, descriptor, e);
	_buf_ struct buf text = {0};
	_free_ char *name = NULL;
	const char *want = oci_descriptor_hex(descriptor);
	char got[SHA256_HEX_LEN + 1];

	if (fd < 0)
		return NULL;
	name = xasprintf("%s/blobs/sha256/%s", l->path, want);
	if (oci_descriptor_size(descriptor) > OCI_JSON_MAX) {
		err_set(e, ERR_STORE,
			"%s: %s is more than an index, manifest or config may have (%s)",
			name, str_bytes((uint64_t)oci_descriptor_size(descriptor)),
			str_bytes(OCI_JSON_MAX));
		return NULL;
	}
	if (fs_read_fd(fd, name, OCI_JSON_MAX, &text, e) < 0)
		return NULL;
	digest_sha256(buf_str(&text), text.len, got);
	if (!str_eq(want, got)) {
		wrong_digest(l, want, got, e);
		return NULL;
	}
	return json_parse(text.data, text.len, name, ERR_STORE, e);
}
