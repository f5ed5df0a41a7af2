/* depmod_quick.c: -A: whether there is a newer module than modules.dep. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/depmod_internal.h"

struct quick {
	struct depmod d; /* for messages only */
	time_t mtime;
};

static bool dir_up_to_date(struct quick *q, DIR *dir, struct buf *path);

static bool entry_up_to_date(
	struct quick *q, DIR *dir, const struct dirent *entry, struct buf *path)
{
	_closedir_ DIR *sub = NULL;
	struct stat st;
	int fd;

	if (fstatat(dirfd(dir), entry->d_name, &st, 0) < 0) {
		depmod_say(&q->d, DEPMOD_ERROR, "fstatat(%d, %s): %s\n", dirfd(dir),
			entry->d_name, strerror(errno));
		return true;
	}
	if (S_ISREG(st.st_mode))
		return !depmod_is_module(entry->d_name, strlen(entry->d_name)) ||
		       st.st_mtime <= q->mtime;
	if (!S_ISDIR(st.st_mode)) {
		depmod_say(&q->d, DEPMOD_ERROR, "unsupported file type %s: %o\n",
			path->data, st.st_mode & S_IFMT);
		return true;
	}
	fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sub = fd < 0 ? NULL : fdopendir(fd);
	if (!sub) {
		depmod_say(&q->d, DEPMOD_ERROR, "openat(%d, %s, O_RDONLY): %s\n",
			dirfd(dir), entry->d_name, strerror(errno));
		mem_close_ptr(&fd);
		return true;
	}
	buf_adds(path, entry->d_name);
	buf_addc(path, '/');
	return dir_up_to_date(q, sub, path);
}

static bool dir_up_to_date(struct quick *q, DIR *dir, struct buf *path)
{
	static const char *const skipped[] = {".", "..", "build", "source"};
	size_t base = path->len;
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		bool skip = false;

		for (size_t i = 0; i < ARRAY_LEN(skipped); i++)
			skip |= str_eq(entry->d_name, skipped[i]);
		path->len = base;
		path->data[base] = '\0';
		if (path->len + strlen(entry->d_name) + 2 > PATH_MAX) {
			depmod_say(&q->d, DEPMOD_ERROR, "path is too long %s%s\n",
				path->data, entry->d_name);
			continue;
		}
		if (!skip && !entry_up_to_date(q, dir, entry, path))
			return false;
	}
	return true;
}

int depmod_up_to_date(const struct depmod_options *options)
{
	struct quick q = {.d = {.options = options}};
	_closedir_ DIR *dir = opendir(options->dir);
	_buf_ struct buf path = {0};
	struct stat st;
	int ret = -1;

	if (!dir) {
		depmod_say(&q.d, DEPMOD_ERROR, "could not open directory %s: %s\n",
			options->dir, strerror(errno));
	} else if (fstatat(dirfd(dir), "modules.dep", &st, 0) < 0) {
		depmod_say(&q.d, DEPMOD_ERROR, "could not fstatat(%s, modules.dep): %s\n",
			options->dir, strerror(errno));
	} else {
		q.mtime = st.st_mtime;
		buf_addf(&path, "%s/", options->dir);
		ret = dir_up_to_date(&q, dir, &path);
	}
	arena_free(&q.d.arena);
	return ret;
}
