#include <fcntl.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "kernel/config_box.h"
#include "kernel/config_edit.h"
#include "kernel/config_judge.h"
#include "kernel/config_merge.h"

/* kconfig's own first line: the file is a whole configuration, not a list of requests. */
#define WHOLE "# Automatically generated file; DO NOT EDIT."

/* The symbol that a line is about: set holds it then, alone. */
static const char *symbol_of(char *line, struct config_set *set)
{
	struct err ignored = {0};

	if (config_parse(set, line, "", &ignored) < 0 || !set->len)
		return NULL;
	return set->entries[0].name;
}

static bool differs(
	const struct config_set *before, const struct config_set *after, const char *name)
{
	return !str_eq(config_value(before, name), config_value(after, name));
}

static size_t append_new(const struct config_set *text, const struct config_set *before,
	const struct config_set *after, struct buf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < after->len; i++) {
		const struct config_entry *entry = &after->entries[i];

		if (config_find(text, entry->name) ||
			!differs(before, after, entry->name))
			continue;
		config_line(out, entry->name, entry->value);
		count++;
	}
	/* What was switched off so that its line vanished must be said, too. */
	for (size_t i = 0; i < before->len; i++) {
		const struct config_entry *entry = &before->entries[i];

		if (config_find(text, entry->name) || config_find(after, entry->name) ||
			!differs(before, after, entry->name))
			continue;
		config_line(out, entry->name, "n");
		count++;
	}
	return count;
}

size_t config_apply(const char *text, const struct config_set *before,
	const struct config_set *after, bool append, struct buf *out)
{
	_config_set_ struct config_set in_text = {0};
	_free_ char *copy = xstrdup(text);
	char *pos = copy, *line;
	size_t count = 0;

	while ((line = str_next_line(&pos))) {
		_config_set_ struct config_set one = {0};
		const char *name = symbol_of(line, &one);

		if (name)
			config_put(&in_text, name, "y", "", 0);
		if (!name || !differs(before, after, name)) {
			buf_addf(out, "%s\n", line);
			continue;
		}
		count++;
		if (config_find(after, name))
			config_line(out, name, config_value(after, name));
	}
	return count + (append ? append_new(&in_text, before, after, out) : 0);
}

static int read_result(int dir, const char *name, struct buf *text,
	struct config_set *set, struct err *e)
{
	if (fs_read(dir, name, CONFIG_FILE_LIMIT, text, e) < 0)
		return -1;
	return config_parse(set, buf_str(text), name, e);
}

/* New symbols by name, those that are on: the others are many and change nothing. */
static void summarize_new(
	const struct config_set *asked, const struct config_set *got, struct buf *summary)
{
	_buf_ struct buf lines = {0};
	size_t on = 0, off = 0;

	for (size_t i = 0; i < got->len; i++) {
		const struct config_entry *entry = &got->entries[i];

		if (config_find(asked, entry->name))
			continue;
		if (str_eq(entry->value, "n")) {
			off++;
			continue;
		}
		on++;
		buf_addf(&lines, "  CONFIG_%s=%s\n", entry->name, entry->value);
	}
	if (on || off)
		buf_addf(summary,
			"new in this version: %zu off, %zu by their default:\n%s", off,
			on, buf_str(&lines));
}

/* In a list of requests only what the tree answers otherwise is touched. */
static void renew(struct buf *text, const struct config_set *asked,
	const struct config_set *got, const struct buf *result, struct buf *renewed)
{
	if (strstr(buf_str(text), WHOLE))
		buf_add(renewed, result->data, result->len);
	else
		config_apply(buf_str(text), asked, got, false, renewed);
}

int kbuild_config_refresh(const struct kbuild *k, const char *config, struct buf *renewed,
	struct buf *summary, struct err *e)
{
	static const char *const goals[] = {"olddefconfig", NULL};
	_close_ int dir = fs_open_dir(AT_FDCWD, k->scratch, e);
	_config_set_ struct config_set asked = {0}, got = {0};
	_config_report_ struct config_report report = {0};
	_kconfig_ struct kconfig kc = {0};
	_buf_ struct buf text = {0}, result = {0};
	int changed;

	if (dir < 0 || fs_read(AT_FDCWD, config, CONFIG_FILE_LIMIT, &text, e) < 0 ||
		config_parse(&asked, buf_str(&text), config_label(config), e) < 0)
		return -1;
	const struct config_run run = {.text = buf_str(&text), .goals = goals};
	changed = config_run(k, &run, dir, "result", e);
	if (changed < 0)
		return -1;
	if (!changed) {
		buf_add(renewed, text.data, text.len);
		return 0;
	}
	if (read_result(dir, "result", &result, &got, e) < 0 ||
		config_model(k, &kc, e) < 0)
		return -1;
	config_report_make(&report, &kc, k->arch->name, &asked, &got);
	config_report_text(&report, summary);
	summarize_new(&asked, &got, summary);
	renew(&text, &asked, &got, &result, renewed);
	return 0;
}

/* The menu starts from what a build would get: the merged files after defconfig. */
static int menu_in(const struct kbuild *k, const struct config_request *request,
	const char *goal, int dir, struct err *e)
{
	const char *const goals[] = {goal ? goal : "menuconfig", NULL};
	struct config_request quiet = *request;
	struct kbuild inner = *k;
	_free_ char *first = fs_join(k->scratch, "first");
	_free_ char *second = fs_join(k->scratch, "second");
	_buf_ struct buf start = {0};

	if (fs_mkdirs(dir, "first", 0755, e) < 0 || fs_mkdirs(dir, "second", 0755, e) < 0)
		return -1;
	quiet.drift = DRIFT_WARN;
	inner.scratch = first;
	if (kbuild_config(&inner, &quiet, dir, e) < 0 ||
		fs_read(dir, "config", CONFIG_FILE_LIMIT, &start, e) < 0)
		return -1;
	inner.scratch = second;
	const struct config_run run = {
		.text = buf_str(&start), .goals = goals, .tty = true};
	return config_run(&inner, &run, dir, "edited", e);
}

int kbuild_config_menu(const struct kbuild *k, const struct config_request *request,
	const char *goal, struct buf *edited, struct err *e)
{
	_close_ int dir = fs_open_dir(AT_FDCWD, k->scratch, e);
	_config_set_ struct config_set before = {0}, after = {0};
	_buf_ struct buf text = {0}, start = {0}, result = {0};
	const char *const *last = request->files;
	int changed;

	while (*last && last[1])
		last++;
	changed = dir < 0 ? -1 : menu_in(k, request, goal, dir, e);
	if (changed <= 0)
		return changed;
	if (fs_read(AT_FDCWD, *last, CONFIG_FILE_LIMIT, &text, e) < 0 ||
		read_result(dir, "config", &start, &before, e) < 0 ||
		read_result(dir, "edited", &result, &after, e) < 0)
		return -1;
	/* One whole file is replaced as a whole; anything else keeps its form. */
	if (last == request->files && strstr(buf_str(&text), WHOLE)) {
		if (result.len == text.len && !memcmp(result.data, text.data, text.len))
			return 0;
		buf_add(edited, result.data, result.len);
		return 1;
	}
	return config_apply(buf_str(&text), &before, &after, true, edited) != 0;
}
