/* source_info.c: what came and how it was proved, kept beside it as source.json. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernel/source_int.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/json.h"
#include "orchestrator/base/mem.h"

void source_info_free(struct source_info *info)
{
	free(info->version);
	free(info->url);
	free(info->sha256);
	free(info->proof);
	*info = (struct source_info){0};
}

void source_info_prove(struct source_info *info, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	char *before = info->proof;
	info->proof =
		str_is_empty(before) ? xstrdup(text) : xasprintf("%s; %s", before, text);
	free(before);
}

int source_info_write(int dirfd, const struct source_info *info, struct err *e)
{
	_json_ json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I}", "version",
		info->version, "url", info->url, "sha256", info->sha256, "proof",
		info->proof ? info->proof : "", "date", (json_int_t)info->date);
	_buf_ struct buf text = {0};
	if (!j)
		return err_set(e, ERR_INTERNAL, "%s: a text is no UTF-8", SOURCE_INFO);
	json_dump(j, &text);
	buf_addc(&text, '\n');
	return fs_publish(dirfd, SOURCE_INFO, text.data, text.len, 0644, e);
}

int source_info_read(const char *dir, struct source_info *info, struct err *e)
{
	_free_ char *path = fs_join(dir, SOURCE_INFO);
	_buf_ struct buf text = {0};
	*info = (struct source_info){0};
	if (fs_read(AT_FDCWD, path, 65536, &text, e))
		return -1;
	_json_ json_t *j = json_parse(buf_str(&text), text.len, path, ERR_STORE, e);
	if (!j)
		return -1;
	const struct {
		const char *key;
		char **to;
	} strings[] = {
		{"version", &info->version},
		{"url", &info->url},
		{"sha256", &info->sha256},
		{"proof", &info->proof},
	};
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		const char *value = json_get_string(j, strings[i].key);
		if (!value) {
			source_info_free(info);
			return err_set(e, ERR_STORE, "%s: \"%s\" is missing", path,
				strings[i].key);
		}
		*strings[i].to = xstrdup(value);
	}
	info->date = json_integer_value(json_object_get(j, "date"));
	return 0;
}
