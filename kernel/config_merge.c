#include <fcntl.h>
#include "orchestrator/base/fs.h"
#include "kernel/config_merge.h"

#define LOCALVERSION "CONFIG_LOCALVERSION=\""
#define OOPS_SET     "CONFIG_PANIC_ON_OOPS=y"
#define OOPS_NOT_SET "# CONFIG_PANIC_ON_OOPS is not set"

/* One line as it goes into the merged text: exactly one for each that came, so that line
 * numbers keep their meaning. */
static void add_line(
	struct buf *out, const char *line, const char *suffix, bool unset_oops)
{
	if (unset_oops && str_eq(line, OOPS_SET))
		buf_adds(out, OOPS_NOT_SET);
	else if (str_starts(line, LOCALVERSION) && str_ends(line, "\"") &&
		 strlen(line) > strlen(LOCALVERSION))
		buf_addf(out, "%.*s%s\"", (int)strlen(line) - 1, line, suffix);
	else
		buf_adds(out, line);
	buf_addc(out, '\n');
}

const char *config_label(const char *path)
{
	const char *label = path + strlen(path);

	for (unsigned slashes = 0; label > path; label--)
		if (label[-1] == '/' && ++slashes == 2)
			break;
	return label;
}

static int merge_file(const char *path, const char *suffix, bool unset_oops,
	struct buf *text, struct config_set *asked, struct err *e)
{
	_buf_ struct buf raw = {0}, edited = {0};

	if (!fs_exists(AT_FDCWD, path))
		return err_set(e, ERR_USAGE,
			"there is no %s; the kernel's own default is never used instead: "
			"add the file, or build another architecture",
			path);
	if (fs_read(AT_FDCWD, path, CONFIG_FILE_LIMIT, &raw, e) < 0)
		return -1;
	if (strlen(buf_str(&raw)) != raw.len)
		return err_set(e, ERR_USAGE,
			"%s holds NUL bytes: it is not a config file", path);
	char *pos = raw.data, *line;
	while (raw.len && (line = str_next_line(&pos)))
		add_line(&edited, line, suffix, unset_oops);
	buf_add(text, edited.data, edited.len);
	return config_parse(asked, buf_str(&edited), config_label(path), e);
}

int config_merge(const struct config_request *request, struct buf *text,
	struct config_set *asked, struct err *e)
{
	const char *suffix =
		request->localversion_suffix ? request->localversion_suffix : "";

	if (!request->files[0])
		return err_set(e, ERR_USAGE, "no config file was given for this target");
	for (const char *const *file = request->files; *file; file++)
		if (merge_file(*file, suffix, request->debug && file[1], text, asked, e) <
			0)
			return -1;
	/* Two flavors of one version must not share a release: their modules would land
	 * in the same directory. */
	if (*suffix && !config_find(asked, "LOCALVERSION")) {
		_free_ char *value = xasprintf("\"%s\"", suffix);

		config_put(asked, "LOCALVERSION", value, "(added by kiln)", 0);
		config_line(text, "LOCALVERSION", value);
	}
	return 0;
}
