#include <fcntl.h>
#include "kernel/warnings.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/warnings_report.h"

#define SHOWN	  20
#define LOG_LIMIT (512u << 20)

/* The warnings of the compile with this key; false if its log isn't here. */
static bool read_log(const struct store *s, const char *key, struct str_vec *found)
{
	_free_ char *path = key ? store_log(s, "compile", key) : NULL;
	_buf_ struct buf text = {0};
	struct err ignored = {0};

	if (!key || fs_read(AT_FDCWD, path, LOG_LIMIT, &text, &ignored) < 0)
		return false;
	warnings_read(buf_str(&text), found);
	return true;
}

static void list_fresh(
	const struct target *t, const struct str_vec *fresh, struct buf *out)
{
	for (size_t i = 0; i < fresh->len && i < SHOWN; i++) {
		_free_ char *line = str_printable(fresh->items[i]);

		buf_addf(out, "    %s\n", line);
	}
	if (fresh->len > SHOWN)
		buf_addf(out,
			"    and %zu more: kiln log %s --arch %s%s --toolchain %s "
			"compile\n",
			fresh->len - SHOWN, t->series->name, t->arch->name,
			t->debug ? " --flavor dbg" : "", t->toolchain->name);
}

static void report_target(const struct store *s, const struct target *t,
	const struct step *image, struct buf *out)
{
	const struct step *step = plan_find(image, "compile");
	_str_vec_ struct str_vec record = {0}, now = {0}, before = {0}, fresh = {0};
	_buf_ struct buf done = {0};
	const char *last;
	size_t gone;

	store_get_record(s, t->name, "done", &done);
	str_split(&record, buf_str(&done), " \n");
	last = plan_recorded_key(&record, "compile");
	if (str_eq(last, step->key) || !read_log(s, step->key, &now))
		return;
	if (!read_log(s, last, &before)) {
		if (now.len)
			buf_addf(out, "  %s: %zu warning%s\n", t->name, now.len,
				now.len == 1 ? "" : "s");
		return;
	}
	gone = warnings_compare(&now, &before, &fresh);
	if (!now.len && !gone)
		return;
	buf_addf(out, "  %s: %zu warning%s, %zu new since the last build, %zu gone%s\n",
		t->name, now.len, now.len == 1 ? "" : "s", fresh.len, gone,
		fresh.len ? ":" : "");
	list_fresh(t, &fresh, out);
}

void warnings_report(const struct session *s, struct buf *out)
{
	_buf_ struct buf lines = {0};

	for (size_t i = 0; i < s->targets.count; i++)
		report_target(&s->store, &s->targets.items[i], s->images[i], &lines);
	if (lines.len)
		buf_addf(out, "warnings\n%s", lines.data);
}
