/* archive_policy.c: which names and links an archive may bring. */
#include <limits.h>
#include <string.h>
#include "orchestrator/base/archive_entry.h"

#define MAX_DEPTH 128

static int check_bytes(const char *name, const char *what, struct err *e)
{
	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_INPUT, "%s holds the control byte 0x%02x",
				what, *p);
	return 0;
}

/* Appends one component; skipping "." and refusing what can't be a plain name. */
static int add_component(const char *part, size_t len, struct buf *out, struct err *e)
{
	if (len == 0 || (len == 1 && part[0] == '.'))
		return 0;
	if (len == 2 && part[0] == '.' && part[1] == '.')
		return err_set(e, ERR_INPUT, "its path holds \"..\"");
	if (len > NAME_MAX)
		return err_set(e, ERR_INPUT, "a part of its path is longer than %d bytes",
			NAME_MAX);
	if (out->len)
		buf_addc(out, '/');
	buf_add(out, part, len);
	return 0;
}

static unsigned depth_of(const char *path)
{
	unsigned depth = *path != '\0';

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

static const char *skip_components(const char *path, unsigned count)
{
	while (count && path) {
		path = strchr(path, '/');
		path = path ? path + 1 : NULL;
		count--;
	}
	return path;
}

static int strip_components(struct buf *out, unsigned strip, bool dir, struct err *e)
{
	const char *rest = skip_components(out->data, strip);
	_buf_ struct buf kept = {0};

	if (!rest && !dir)
		return err_set(e, ERR_INPUT,
			"it stands above the %u leading director%s that the others have",
			strip, strip == 1 ? "y" : "ies");
	if (!rest)
		return 1;
	buf_adds(&kept, rest);
	buf_clear(out);
	buf_add(out, kept.data, kept.len);
	return 0;
}

int archive_path_clean(
	const char *raw, unsigned strip, bool dir, struct buf *out, struct err *e)
{
	buf_clear(out);
	if (raw[0] == '\0')
		return err_set(e, ERR_INPUT, "it has no name");
	if (raw[0] == '/')
		return err_set(e, ERR_INPUT, "its path is absolute");
	if (strlen(raw) >= PATH_MAX)
		return err_set(
			e, ERR_INPUT, "its path is longer than %d bytes", PATH_MAX - 1);
	if (check_bytes(raw, "its path", e))
		return -1;
	for (const char *p = raw; p;) {
		const char *slash = strchr(p, '/');

		if (add_component(p, slash ? (size_t)(slash - p) : strlen(p), out, e))
			return -1;
		p = slash ? slash + 1 : NULL;
	}
	if (out->len == 0)
		return dir ? 1
			   : err_set(e, ERR_INPUT, "it would replace the target itself");
	if (depth_of(out->data) > MAX_DEPTH)
		return err_set(e, ERR_INPUT, "its path is deeper than %d directories",
			MAX_DEPTH);
	return strip ? strip_components(out, strip, dir, e) : 0;
}

/* A target may climb only at its beginning and at most up to the top. Then no chain of
 * such links leads outside: each starts in a real directory (entries pass through no
 * link), climbs inside, and from there only descends. */
static int check_climb(const char *path, const char *target, struct err *e)
{
	unsigned up = 0, depth = depth_of(path) - 1;

	while (str_starts(target, "../") || str_starts(target, "./") ||
		str_eq(target, "..")) {
		up += target[1] == '.';
		target += target[1] == '.' ? 2 : 1;
		target += strspn(target, "/");
	}
	if (up > depth)
		return err_set(e, ERR_INPUT, "the symlink leads outside");
	if (strstr(target, "/../") || str_ends(target, "/.."))
		return err_set(
			e, ERR_INPUT, "the symlink's target has \"..\" in its middle");
	return 0;
}

int archive_symlink_check(const char *path, const char *target, bool root, struct err *e)
{
	if (target[0] == '\0')
		return err_set(e, ERR_INPUT, "the symlink has no target");
	if (strlen(target) >= PATH_MAX)
		return err_set(e, ERR_INPUT,
			"the symlink's target is longer than %d bytes", PATH_MAX - 1);
	if (check_bytes(target, "the symlink's target", e))
		return -1;
	if (root)
		return 0;
	if (target[0] == '/')
		return err_set(e, ERR_INPUT, "the symlink points to an absolute path");
	return check_climb(path, target, e);
}
