#include "oci/layout.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "oci/blob.h"
#include "oci/index.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

#define VERSION_FILE "{\"imageLayoutVersion\":\"1.0.0\"}"

void oci_layout_close(struct oci_layout *l)
{
	mem_close_ptr(&l->dir);
	mem_free_ptr(&l->path);
}

int oci_layout_open_dir(struct oci_layout *l, const char *path, struct err *e)
{
	l->dir = fs_open_dir(AT_FDCWD, path, e);
	if (l->dir < 0)
		return -1;
	l->path = xstrdup(path);
	return 0;
}

/* A small file of the layout itself, never through a link. */
static json_t *read_small(const struct oci_layout *l, const char *file, struct err *e)
{
	_close_ int fd = openat(
		l->dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	_free_ char *name = xasprintf("%s/%s", l->path, file);
	_buf_ struct buf text = {0};
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		err_set(e, ERR_STORE,
			"%s: the file is missing: %s is no OCI image layout", name,
			l->path);
		return NULL;
	}
	if (fd < 0 && errno == ELOOP) {
		err_set(e, ERR_STORE, "%s: is a link", name);
		return NULL;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(e, "%s: can't be opened", name);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_STORE, "%s: is not a regular file", name);
		return NULL;
	}
	if (fs_read_fd(fd, name, OCI_JSON_MAX, &text, e) < 0) {
		if (e->code == ERR_INPUT)
			e->code = ERR_STORE;
		return NULL;
	}
	return json_parse(buf_str(&text), text.len, name, ERR_STORE, e);
}

static int check_version(const struct oci_layout *l, struct err *e)
{
	_json_ json_t *version = read_small(l, "oci-layout", e);
	const char *text;

	if (!version)
		return -1;
	text = json_get_string(version, "imageLayoutVersion");
	if (!str_eq(text, "1.0.0"))
		return err_set(e, ERR_STORE,
			"%s/oci-layout: imageLayoutVersion is not 1.0.0, the only one "
			"there is",
			l->path);
	return 0;
}

int oci_layout_open(struct oci_layout *l, const char *path, struct err *e)
{
	if (!fs_is_dir(AT_FDCWD, path))
		return err_set(e, ERR_USAGE,
			"%s: there is no such directory: name an OCI image layout with "
			"-o",
			path);
	return oci_layout_open_dir(l, path, e) < 0 ? -1 : check_version(l, e);
}

static int fill_new(const char *temp, struct err *e)
{
	_close_ int dir = -1;
	_json_ json_t *index = oci_index_new();
	_buf_ struct buf text = {0};

	if (fs_mkdirs(AT_FDCWD, temp, 0755, e) < 0)
		return -1;
	dir = fs_open_dir(AT_FDCWD, temp, e);
	json_dump(index, &text);
	if (dir < 0 || fs_mkdirs(dir, "blobs/sha256", 0755, e) < 0 ||
		fs_publish(dir, "oci-layout", VERSION_FILE, strlen(VERSION_FILE), 0644,
			e) < 0 ||
		fs_publish(dir, "index.json", text.data, text.len, 0644, e) < 0)
		return err_wrap(e, "%s", temp);
	return 0;
}

/* A layout appears whole: another process never sees one without its index.json. A
 * directory that is there must be empty, or have become a layout meanwhile. */
static int make_new(const char *path, struct err *e)
{
	_free_ char *plain = xstrdup(path), *temp = NULL;
	struct err ignored = {0};
	int ret = 0;

	for (size_t n = strlen(plain); n > 1 && plain[n - 1] == '/'; n--)
		plain[n - 1] = '\0';
	temp = xasprintf("%s.tmp.%d", plain, (int)getpid());
	if (fs_remove(AT_FDCWD, temp, e) < 0)
		return -1;
	if (fill_new(temp, e) < 0) {
		ret = -1;
	} else if (rename(temp, plain) < 0 && errno != ENOTEMPTY && errno != EEXIST) {
		ret = err_sys(e, "%s: the layout can't be made", path);
	}
	fs_remove(AT_FDCWD, temp, &ignored);
	return ret;
}

int oci_layout_make(struct oci_layout *l, const char *path, struct err *e)
{
	_free_ char *version = fs_join(path, "oci-layout");

	if (!fs_exists(AT_FDCWD, version) && make_new(path, e) < 0)
		return -1;
	if (oci_layout_open(l, path, e) < 0)
		return err_hint(e, "give an empty or a new directory for a new layout");
	return 0;
}

/* The directory itself is locked: no further file in the layout, and nothing to leave
 * behind. */
int oci_layout_lock(const struct oci_layout *l, bool exclusive, struct err *e)
{
	while (flock(l->dir, exclusive ? LOCK_EX : LOCK_SH) < 0)
		if (errno != EINTR)
			return err_sys(e, "%s: can't be locked", l->path);
	return 0;
}

json_t *oci_layout_index(const struct oci_layout *l, struct err *e)
{
	_json_ json_t *index = read_small(l, "index.json", e);
	const char *fault;

	if (!index)
		return NULL;
	fault = oci_index_fault(index);
	if (fault) {
		err_set(e, ERR_STORE, "%s/index.json: %s", l->path, fault);
		return NULL;
	}
	return steal(index);
}

int oci_layout_set_index(const struct oci_layout *l, const json_t *index, struct err *e)
{
	_buf_ struct buf text = {0};

	json_dump(index, &text);
	if (fs_publish(l->dir, "index.json", text.data, text.len, 0644, e) < 0)
		return err_wrap(e, "%s", l->path);
	return 0;
}

/* "index.json.tmp.4711", "blob.tmp.4711": only kiln names files so. */
static bool is_temporary(const char *name)
{
	const char *tmp = strstr(name, ".tmp."), *digits = strrchr(name, '.');

	return tmp && digits[1] && strspn(digits + 1, "0123456789") == strlen(digits + 1);
}

int oci_layout_sweep(const struct oci_layout *l, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (fs_list(l->dir, ".", &names, e) < 0)
		return err_wrap(e, "%s", l->path);
	for (size_t i = 0; i < names.len; i++)
		if (is_temporary(names.items[i]) &&
			fs_remove(l->dir, names.items[i], e) < 0)
			return err_wrap(e, "%s", l->path);
	return 0;
}
