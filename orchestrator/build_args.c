#include <fcntl.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/build_args.h"

static const char *const names[ARG_COUNT] = {
	[ARG_KERNEL_VERSION] = "KERNEL_VERSION",
	[ARG_KERNEL_SERIES] = "KERNEL_SERIES",
	[ARG_BUILD_IMAGE] = "BUILD_IMAGE",
	[ARG_KERNEL_SHA256] = "KERNEL_SHA256",
	[ARG_KERNEL_SOURCE] = "KERNEL_SOURCE",
	[ARG_RT_VERSION] = "RT_VERSION",
	[ARG_DEBUG] = "DEBUG",
	[ARG_EXTRA] = "EXTRA",
	[ARG_INTEL_UCODE] = "INTEL_UCODE",
	[ARG_INTEL_UCODE_SHA256] = "INTEL_UCODE_SHA256",
};

const char *build_arg_name(enum build_arg arg)
{
	return names[arg];
}

int text_file_check(const char *path, const char *text, size_t len, struct err *e)
{
	int line = 1;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\r')
			return err_set(e, ERR_USAGE,
				"%s:%d: the line ends in CR LF: convert the file with "
				"sed "
				"-i 's/\\r$//'",
				path, line);
		if (text[i] == '\0')
			return err_set(e, ERR_USAGE, "%s:%d: a NUL byte in a text file",
				path, line);
		line += text[i] == '\n';
	}
	if (len && text[len - 1] != '\n')
		return err_set(e, ERR_USAGE,
			"%s:%d: no newline at the end of the file: add one, or what is "
			"appended would join this line",
			path, line);
	return 0;
}

static int unknown_key(const char *path, int line, const char *key, struct err *e)
{
	_buf_ struct buf known = {0};
	_free_ char *shown = str_printable(key);

	for (size_t i = 0; i < ARG_COUNT; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", names[i]);
	return err_set(e, ERR_USAGE, "%s:%d: unknown key '%s'; known are %s", path, line,
		shown, known.data);
}

static int read_line(struct arena *a, const char *path, int number, char *line,
	struct build_args *args, struct err *e)
{
	char *equals = strchr(line, '='), *key, *value;

	line = str_trim(line);
	if (!*line || *line == '#')
		return 0;
	if (!equals)
		return err_set(
			e, ERR_USAGE, "%s:%d: not of the form KEY=value", path, number);
	*equals = '\0';
	key = str_trim(line);
	value = str_trim(equals + 1);
	for (size_t i = 0; i < ARG_COUNT; i++)
		if (str_eq(key, names[i])) {
			args->value[i] = (struct build_arg_value){
				.text = *value ? arena_strdup(a, value) : NULL,
				.file = path,
				.line = number,
			};
			return 0;
		}
	return unknown_key(path, number, key, e);
}

int build_args_read(
	struct arena *a, const char *path, struct build_args *args, struct err *e)
{
	_buf_ struct buf text = {0};
	char *pos, *line;
	int number = 0;

	path = arena_strdup(a, path);
	if (fs_read(AT_FDCWD, path, 1 << 16, &text, e) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	if (text_file_check(path, text.data, text.len, e) < 0)
		return -1;
	pos = text.data;
	while ((line = str_next_line(&pos)))
		if (read_line(a, path, ++number, line, args, e) < 0)
			return -1;
	return 0;
}
