#include "orchestrator/base/json.h"
#include "kernel/config_report.h"

static const char *const fate_names[] = {"kept", "changed", "dropped"};
static const char *const cause_names[] = {
	[CAUSE_NONE] = "none",
	[CAUSE_DEPENDENCY] = "dependency",
	[CAUSE_SELECT] = "select",
	[CAUSE_CHOICE] = "choice",
	[CAUSE_RANGE] = "range",
	[CAUSE_TYPE] = "type",
	[CAUSE_COMPUTED] = "computed",
	[CAUSE_UNKNOWN] = "unknown",
	[CAUSE_TOOLCHAIN] = "toolchain",
	[CAUSE_UNCLEAR] = "unclear",
};
static const char *const cause_titles[] = {
	[CAUSE_DEPENDENCY] = "a dependency is not met",
	[CAUSE_SELECT] = "forced by a select",
	[CAUSE_CHOICE] = "decided within a choice",
	[CAUSE_RANGE] = "outside the allowed range",
	[CAUSE_TYPE] = "a value that the symbol can't have",
	[CAUSE_COMPUTED] = "no prompt: the tree computes it",
	[CAUSE_UNKNOWN] = "unknown in this version",
	[CAUSE_TOOLCHAIN] = "decided by the toolchain",
	[CAUSE_UNCLEAR] = "for a reason that kiln can't name",
};

const char *config_fate_name(enum config_fate fate)
{
	return fate_names[fate];
}

const char *config_cause_name(enum config_cause cause)
{
	return cause_names[cause];
}

void config_report_free(struct config_report *report)
{
	mem_free_ptr(&report->rows);
	arena_free(&report->arena);
	*report = (struct config_report){0};
}

struct config_row *config_row_of(const struct config_report *report, const char *name)
{
	const struct config_entry *entry = config_find(report->asked, name);

	return entry ? &report->rows[entry - report->asked->entries] : NULL;
}

static enum config_fate fate_of(const char *asked, const char *got)
{
	if (str_eq(asked, got))
		return FATE_KEPT;
	return str_eq(got, "n") ? FATE_DROPPED : FATE_CHANGED;
}

void config_report_make(struct config_report *report, struct kconfig *kc,
	const char *arch, const struct config_set *asked, const struct config_set *got)
{
	report->arch = arch;
	report->asked = asked;
	report->got = got;
	report->len = asked->len;
	report->rows = xcalloc(asked->len + 1, sizeof(*report->rows));
	for (size_t i = 0; i < asked->len; i++) {
		struct config_row *row = &report->rows[i];

		row->asked = &asked->entries[i];
		row->got = config_value(got, row->asked->name);
		row->fate = fate_of(row->asked->value, row->got);
	}
	for (size_t i = 0; i < report->len; i++) {
		config_explain(report, kc, &report->rows[i]);
		report->fates[report->rows[i].fate]++;
		report->causes[report->rows[i].cause]++;
	}
}

size_t config_report_broken(const struct config_report *report)
{
	return report->len - report->fates[FATE_KEPT] - report->causes[CAUSE_TOOLCHAIN];
}

static void row_text(const struct config_row *row, struct buf *out)
{
	const struct config_entry *asked = row->asked;

	buf_addf(out, "  CONFIG_%s=%s", asked->name, asked->value);
	if (asked->line)
		buf_addf(out, " (%s:%u)", asked->file, asked->line);
	buf_addf(out, ": got %s: %s\n", row->got, row->why);
}

void config_report_text(const struct config_report *report, struct buf *out)
{
	buf_addf(out, "config: %zu symbols asked for: %zu kept, %zu changed, %zu dropped",
		report->len, report->fates[FATE_KEPT], report->fates[FATE_CHANGED],
		report->fates[FATE_DROPPED]);
	if (report->causes[CAUSE_TOOLCHAIN])
		buf_addf(out, "; %zu of them by the toolchain",
			report->causes[CAUSE_TOOLCHAIN]);
	buf_addc(out, '\n');
	for (enum config_cause cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
		if (report->causes[cause])
			buf_addf(out, "%s:\n", cause_titles[cause]);
		for (size_t i = 0; report->causes[cause] && i < report->len; i++)
			if (report->rows[i].cause == cause)
				row_text(&report->rows[i], out);
	}
}

/* A config file may hold any bytes in a string; JSON may not. */
static json_t *text_json(const char *text)
{
	json_t *j = json_string(text);
	_free_ char *shown = j ? NULL : str_printable(text);

	return j ? j : json_string(shown);
}

static json_t *entry_json(const struct config_entry *entry)
{
	json_t *j = json_object();

	json_object_set_new(j, "asked", text_json(entry->value));
	json_object_set_new(j, "file", text_json(entry->file));
	json_object_set_new(j, "line", json_integer((json_int_t)entry->line));
	return j;
}

static json_t *row_json(const struct config_row *row)
{
	const struct config_entry *before = row->asked->before;
	json_t *j = entry_json(row->asked);

	json_object_set_new(j, "symbol", text_json(row->asked->name));
	json_object_set_new(j, "got", text_json(row->got));
	json_object_set_new(j, "fate", text_json(fate_names[row->fate]));
	if (row->fate != FATE_KEPT) {
		json_object_set_new(j, "cause", text_json(cause_names[row->cause]));
		json_object_set_new(j, "why", text_json(row->why));
	}
	if (before && !str_eq(before->value, row->asked->value))
		json_object_set_new(j, "replaces", entry_json(before));
	return j;
}

void config_report_json(const struct config_report *report, struct buf *out)
{
	_json_ json_t *top = json_object();
	json_t *rows = json_array(), *fates = json_object(), *causes = json_object();

	for (size_t i = 0; i < report->len; i++)
		json_array_append_new(rows, row_json(&report->rows[i]));
	for (size_t i = 0; i < FATE_COUNT; i++)
		json_object_set_new(
			fates, fate_names[i], json_integer((json_int_t)report->fates[i]));
	for (size_t i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++)
		json_object_set_new(causes, cause_names[i],
			json_integer((json_int_t)report->causes[i]));
	json_object_set_new(top, "arch", json_string(report->arch));
	json_object_set_new(top, "symbols", rows);
	json_object_set_new(top, "fates", fates);
	json_object_set_new(top, "causes", causes);
	json_dump(top, out);
	buf_addc(out, '\n');
}
