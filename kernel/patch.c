#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/kbuild.h"
#include "kernel/kmake.h"
#include "kernel/layer.h"
#include "kernel/patch_vet.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"

#define PATCH_LIMIT  (256u << 20) /* the largest release patch is about 60 MB */
#define OUTPUT_LIMIT (64u << 20)

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int vet(const char *path, struct err *e)
{
	_buf_ struct buf text = {0};

	if (fs_read(AT_FDCWD, path, PATCH_LIMIT, &text, e))
		return -1;
	return patch_vet(base_name(path), buf_str(&text), text.len, e);
}

/* Runs GNU patch over the tree as it is now; what it printed goes to out and to the log.
 */
static int run_patch(const struct kbuild *k, const char *path, const char *const *options,
	struct buf *out, struct proc_end *end, struct err *e)
{
	_free_ char *name = fs_join(k->scratch, "patch.out");
	_close_ int in = open(path, O_RDONLY | O_CLOEXEC);
	_close_ int to =
		open(name, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	_str_vec_ struct str_vec argv = {0};
	struct kmake_run run = {.in = in, .out = to, .err = to};

	if (in < 0)
		return err_sys(e, "reading the patch %s", path);
	if (to < 0)
		return err_sys(e, "%s", name);
	str_split(&argv, "patch -t -N -u -p1 --no-backup-if-mismatch", " ");
	for (; *options; options++)
		str_vec_add(&argv, *options);
	run.argv = (const char *const *)argv.items;
	if (kmake_box(k, &run, end, e))
		return -1;
	if (lseek(to, 0, SEEK_SET) < 0)
		return err_sys(e, "%s", name);
	if (fs_read_fd(to, name, OUTPUT_LIMIT, out, e))
		return -1;
	return k->log < 0 ? 0 : fs_write_all(k->log, out->data, out->len, e);
}

/* Where patch stood when it gave up, read from what it prints. */
struct trouble {
	char file[512];
	unsigned hunk;
	unsigned long line;
	unsigned fuzz;
	bool applied, missing;
	char *fatal; /* "malformed patch at line 7: ...", owned by the text */
};

static void read_line(struct trouble *t, char *line)
{
	unsigned hunk, fuzz;
	unsigned long at;

	if (sscanf(line, "patching file %511[^\n]", t->file) == 1 ||
		sscanf(line, "checking file %511[^\n]", t->file) == 1 ||
		sscanf(line, "The next patch would create the file %511[^,\n]",
			t->file) == 1 ||
		sscanf(line, "The next patch would delete the file %511[^,\n]",
			t->file) == 1)
		return;
	if (sscanf(line, "Hunk #%u FAILED at %lu", &hunk, &at) == 2 && !t->hunk) {
		t->hunk = hunk;
		t->line = at;
	}
	if (sscanf(line, "Hunk #%u succeeded at %lu with fuzz %u", &hunk, &at, &fuzz) ==
			3 &&
		!t->fuzz) {
		t->hunk = hunk;
		t->line = at;
		t->fuzz = fuzz;
	}
	t->applied |=
		strstr(line, "previously applied") || strstr(line, "already exists!");
	t->missing |= strstr(line, "find file to patch") ||
		      strstr(line, "which does not exist");
	if (str_starts(line, "patch: **** ") && !t->fatal)
		t->fatal = line + strlen("patch: **** ");
}

/* Reads up to the first thing that went wrong; fuzz counts only where it was allowed. */
static void read_trouble(struct trouble *t, struct buf *out)
{
	char *pos = out->data, *line;

	while (pos && (line = str_next_line(&pos))) {
		read_line(t, line);
		if (t->hunk || t->applied || t->missing || t->fatal)
			return;
	}
}

/* For a file that is missing patch names it only in the patch's own lines, which it
 * quotes as "|+++ b/name". */
static void find_missing_name(struct trouble *t, const struct buf *out)
{
	const char *line = out->data ? strstr(out->data, "\n|+++ ") : NULL;
	const char *slash = line ? strchr(line, '/') : NULL;

	if (slash)
		sscanf(slash, "/%511[^\t\n]", t->file);
}

/* The failed run left its good hunks behind, so the question "would fuzz have helped?" is
 * asked of a fresh tree with the patches before this one. */
static unsigned ask_fuzz(const struct kbuild *k, const char *const *patches,
	size_t failed, struct trouble *t)
{
	static const char *const strict[] = {"-F0", NULL};
	static const char *const loose[] = {"-F3", "--dry-run", NULL};
	_free_ char *scratch = fs_join(k->scratch, "fuzz");
	struct kbuild again = *k;
	struct trouble with = {0};
	struct err ignored = {0};
	struct proc_end end = {0};
	int r = 0;

	again.scratch = scratch;
	again.log = -1;
	for (size_t i = 0; i <= failed && r == 0; i++) {
		_buf_ struct buf out = {0};

		r = fs_mkdirs(AT_FDCWD, scratch, 0755, &ignored);
		if (r == 0)
			r = run_patch(&again, patches[i], i < failed ? strict : loose,
				&out, &end, &ignored);
		if (r == 0 && i == failed)
			read_trouble(&with, &out);
	}
	if (r == 0 && with.fuzz && with.hunk == t->hunk && str_eq(with.file, t->file))
		return with.fuzz;
	return 0;
}

static int explain(const struct kbuild *k, const char *const *patches, size_t i,
	struct buf *out, const struct proc_end *end, struct err *e)
{
	_free_ char *whole = xstrdup(buf_str(out));
	const struct buf text = {.data = whole, .len = out->len};
	const char *name = base_name(patches[i]);
	struct trouble t = {0};

	read_trouble(&t, out);
	if (t.missing)
		find_missing_name(&t, &text);
	if (t.fatal)
		return err_set(e, ERR_INPUT, "patch '%s': %s", name, t.fatal);
	if (t.missing)
		return err_set(e, ERR_INPUT,
			"patch '%s': %s: there is no such file to patch", name, t.file);
	if (t.applied)
		return err_set(e, ERR_INPUT,
			"patch '%s': %s, hunk 1: is applied already; drop the patch",
			name, t.file);
	if (!t.hunk)
		return err_set(e, ERR_INPUT, "patch '%s': %s: patch ended with %s", name,
			*t.file ? t.file : "no file reached", proc_describe(end));
	t.fuzz = ask_fuzz(k, patches, i, &t);
	if (t.fuzz)
		return err_set(e, ERR_INPUT,
			"patch '%s': %s, hunk %u at line %lu: would need fuzz %u; "
			"refresh "
			"the patch",
			name, t.file, t.hunk, t.line, t.fuzz);
	return err_set(e, ERR_INPUT,
		"patch '%s': %s, hunk %u at line %lu: does not apply", name, t.file,
		t.hunk, t.line);
}

static int apply(
	const struct kbuild *k, const char *const *patches, size_t i, struct err *e)
{
	static const char *const strict[] = {"-F0", NULL};
	_buf_ struct buf out = {0};
	struct proc_end end;

	if (k->log >= 0)
		dprintf(k->log, "== patch %s\n", base_name(patches[i]));
	if (run_patch(k, patches[i], strict, &out, &end, e))
		return -1;
	return proc_ok(&end) ? 0 : explain(k, patches, i, &out, &end, e);
}

int kbuild_patch(
	const struct kbuild *k, const char *const *patches, int out, struct err *e)
{
	_free_ char *upper = kmake_made(k, "");
	size_t count = 0;

	for (; patches[count]; count++)
		if (vet(patches[count], e))
			return -1;
	for (size_t i = 0; i < count; i++) {
		log_progress("patch", i, count);
		if (apply(k, patches, i, e))
			return -1;
	}
	return layer_take(upper, k->source, out, "layer", e);
}
