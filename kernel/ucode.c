#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/microcode.h"
#include "kernel/source_int.h"
#include "kernel/ucode.h"
#include "orchestrator/base/archive.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"

#define UPDATES	      "intel-ucode"
#define LICENSE	      "license"
#define FILE_LIMIT    (64u << 20)
#define LICENSE_LIMIT (1u << 20)

struct given ucode_given(const char *place, const char *pin)
{
	return (struct given){"INTEL_UCODE", str_is_empty(place) ? NULL : place,
		"INTEL_UCODE_SHA256", str_is_empty(pin) ? NULL : pin};
}

static int open_cache(const struct ucode_env *env, struct err *e)
{
	if (fs_mkdirs(AT_FDCWD, env->cache, 0755, e))
		return -1;
	return fs_open_dir(AT_FDCWD, env->cache, e);
}

int ucode_missing(const struct given *g, const struct ucode_env *env,
	struct str_vec *missing, struct err *e)
{
	_close_ int cache = open_cache(env, e);

	if (cache < 0)
		return -1;
	if (given_is_missing(g, cache))
		str_vec_add(missing, g->place);
	return 0;
}

/* Of a release only what ships: the rest of it is documentation. */
static int only_what_ships(
	const char *path, const struct stat *st, void *arg, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	(void)arg, (void)e;
	if (!S_ISREG(st->st_mode))
		return S_ISDIR(st->st_mode);
	return str_eq(name, LICENSE) || str_starts(path, UPDATES "/") ||
	       strstr(path, "/" UPDATES "/");
}

static int open_tarball(const struct given *g, const struct ucode_env *env, struct err *e)
{
	_free_ char *name = given_cache_name(g);
	_close_ int cache = AT_FDCWD;
	const char *path = g->place;
	int fd;

	if (given_is_url(g->place)) {
		cache = open_cache(env, e);
		path = name;
		if (cache < 0 || given_bring(g, cache, env->offline, e))
			return -1;
	}
	fd = openat(cache, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "can't open %s", g->place) : fd;
}

static int unpack(
	const struct given *g, const struct ucode_env *env, const char *to, struct err *e)
{
	const struct archive_policy policy = {.filter = only_what_ships};
	_close_ int tarball = open_tarball(g, env, e);
	_close_ int dir = -1;

	if (tarball < 0 || fs_mkdirs(AT_FDCWD, to, 0755, e))
		return -1;
	dir = fs_open_dir(AT_FDCWD, to, e);
	return dir < 0 ? -1 : archive_unpack(tarball, g->place, dir, &policy, e);
}

/* The directory that holds intel-ucode/: this one, or the only one below it. */
static int open_top(const char *path, struct err *e)
{
	_str_vec_ struct str_vec names = {0};
	_free_ char *below = NULL, *updates = fs_join(path, UPDATES);

	if (fs_is_dir(AT_FDCWD, updates))
		return fs_open_dir(AT_FDCWD, path, e);
	if (fs_list(AT_FDCWD, path, &names, e))
		return -1;
	if (names.len == 1) {
		below = fs_join(path, names.items[0]);
		return fs_open_dir(AT_FDCWD, below, e);
	}
	return fs_open_dir(AT_FDCWD, path, e);
}

/* "06-8f-04": family, model and stepping. Other names are for other readers: Debian's
 * ".initramfs", a README. */
static bool is_update_name(const char *name)
{
	static const char digits[] = "0123456789abcdef";

	return strlen(name) == 8 && strspn(name, digits) == 2 && name[2] == '-' &&
	       strspn(name + 3, digits) == 2 && name[5] == '-' &&
	       strspn(name + 6, digits) == 2;
}

static int read_below(
	int top, const char *path, size_t limit, struct buf *text, struct err *e)
{
	_close_ int fd = fs_open_in_root(top, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_INPUT, "no %s: %s", path, strerror(errno));
	return fs_read_fd(fd, path, limit, text, e);
}

static int read_updates(int top, struct microcode *m, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (!fs_is_dir(top, UPDATES))
		return err_set(e, ERR_INPUT,
			"there is no directory " UPDATES " in it; give a release of "
			"Intel's microcode");
	if (fs_list(top, UPDATES, &names, e))
		return -1;
	STR_VEC_FOREACH (name, &names) {
		_free_ char *path = fs_join(UPDATES, name);
		_buf_ struct buf bytes = {0};

		if (is_update_name(name) &&
			(read_below(top, path, FILE_LIMIT, &bytes, e) ||
				microcode_add(m, path, buf_str(&bytes), bytes.len, e)))
			return -1;
	}
	if (!microcode_count(m))
		return err_set(e, ERR_INPUT,
			UPDATES " holds no file like 06-8f-04: no microcode");
	microcode_settle(m);
	return 0;
}

static int write_files(int top, const struct microcode *m, int out, struct err *e)
{
	_buf_ struct buf license = {0}, cpio = {0};

	/* Its terms ask that they go with every copy. */
	if (read_below(top, LICENSE, LICENSE_LIMIT, &license, e))
		return -1;
	microcode_cpio(m, &cpio);
	if (fs_publish(out, UCODE_LICENSE, license.data, license.len, 0644, e))
		return -1;
	return fs_publish(out, UCODE_CPIO, cpio.data, cpio.len, 0644, e);
}

static int write_info(const struct given *g, const char *identity,
	const struct microcode *m, int out, struct err *e)
{
	unsigned date = microcode_newest(m);
	_source_info_ struct source_info info = {
		.version = xasprintf(
			"%u-%02u-%02u", date / 10000, date / 100 % 100, date % 100),
	};

	if (*identity)
		info.url = xasprintf("local:%s", identity);
	else
		info.url = download_url_public(g->place);
	info.sha256 = xstrdup(g->pin ? g->pin : "");
	if (g->pin)
		source_info_prove(&info, "sha256 pinned by %s", g->pin_key);
	else
		source_info_prove(&info, "none: local");
	source_info_prove(
		&info, "%zu updates, the newest of %s", microcode_count(m), info.version);
	return source_info_write(out, &info, e);
}

static int make_from(const struct given *g, const char *identity, const char *dir,
	int out, struct err *e)
{
	struct microcode *m = microcode_new();
	_close_ int top = open_top(dir, e);
	int status = -1;

	if (top >= 0 && !read_updates(top, m, e) && !write_files(top, m, out, e))
		status = write_info(g, identity, m, out, e);
	microcode_free(m);
	return status ? err_wrap(e, "%s=%s", g->key, g->place) : 0;
}

int ucode_make(const struct given *g, const char *identity, const struct ucode_env *env,
	int out, struct err *e)
{
	_free_ char *unpacked = fs_join(env->scratch, "ucode");
	bool in_place = *identity && !str_starts(identity, "sha256:");

	if (!in_place && unpack(g, env, unpacked, e))
		return -1;
	if (make_from(g, identity, in_place ? g->place : unpacked, out, e))
		return -1;
	/* What was read has to be what the key says. */
	return given_unchanged(g, identity, NULL, e);
}
