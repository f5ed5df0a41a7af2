#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "kernel/config_judge.h"

int config_model(const struct kbuild *k, struct kconfig *kc, struct err *e)
{
	const struct kc_var vars[] = {
		{"ARCH", k->arch->kernel},
		{"SRCARCH", k->arch->srcarch},
		{"HEADER_ARCH", k->arch->srcarch},
		{"srctree", "."},
		{NULL, NULL},
	};

	if (kconfig_read(kc, k->source, "Kconfig", vars, e) < 0)
		return err_wrap(e, "the Kconfig files of the tree");
	return 0;
}

/* The first few of what was not kept, none that only follow from another: the whole list
 * is in the log. */
static void broken_list(
	const struct config_report *report, bool toolchain_too, struct buf *out)
{
	size_t said = 0, more = 0;

	for (size_t i = 0; i < report->len; i++) {
		const struct config_row *row = &report->rows[i];

		if (row->fate == FATE_KEPT ||
			(row->cause == CAUSE_TOOLCHAIN && !toolchain_too))
			continue;
		if (said == 5 || row->follows) {
			more++;
			continue;
		}
		buf_addf(out, "%sCONFIG_%s=%s (%s:%u) got %s: %s", said++ ? "; " : "",
			row->asked->name, row->asked->value, row->asked->file,
			row->asked->line, row->got, row->why);
	}
	if (more)
		buf_addf(out, "%s%zu more, all of them in the log", said ? "; and " : "",
			more);
}

static int check_contract(const struct config_report *report, struct err *e)
{
	_buf_ struct buf list = {0};
	size_t broken = config_report_broken(report);

	if (!broken)
		return 0;
	broken_list(report, false, &list);
	return err_set(e, ERR_BUILD,
		"%zu of %zu symbols asked for were not kept (--config-drift=warn builds "
		"all "
		"the same): %.1500s",
		broken, report->len, buf_str(&list));
}

/* Symbols of the result that nobody asked for. */
static size_t count_added(const struct config_report *report, struct buf *names)
{
	size_t added = 0;

	for (size_t i = 0; i < report->got->len; i++) {
		const char *name = report->got->entries[i].name;

		if (config_find(report->asked, name))
			continue;
		if (added++ < 5)
			buf_addf(names, "%sCONFIG_%s", added > 1 ? ", " : "", name);
	}
	return added;
}

static int check_strict(const struct config_report *report, const struct buf *text,
	const struct buf *result, struct err *e)
{
	_buf_ struct buf list = {0}, names = {0};
	size_t moved = report->len - report->fates[FATE_KEPT];
	size_t added = count_added(report, &names);

	if (text->len == result->len && !memcmp(text->data, result->data, text->len))
		return 0;
	if (!moved && !added)
		return err_set(e, ERR_BUILD,
			"the result has every value that was asked for, but other "
			"comments or "
			"another order than %s; 'kiln config refresh' rewrites the file",
			report->len ? report->asked->entries[0].file : "the file");
	broken_list(report, true, &list);
	return err_set(e, ERR_BUILD,
		"the result differs from what was asked for: %zu not kept, %zu not asked "
		"for%s%s%s%.1400s",
		moved, added, added ? ", such as " : "", buf_str(&names),
		moved ? ": " : "", buf_str(&list));
}

static int leave_report(const struct kbuild *k, const struct config_report *report,
	int out, struct err *e)
{
	_buf_ struct buf text = {0}, json = {0};

	config_report_json(report, &json);
	config_report_text(report, &text);
	if (fs_publish(out, "report.json", json.data, json.len, 0644, e) < 0 ||
		fs_publish(out, "report.txt", text.data, text.len, 0644, e) < 0)
		return -1;
	return k->log < 0 ? 0 : fs_write_all(k->log, text.data, text.len, e);
}

int config_judge(const struct kbuild *k, const struct config_request *request,
	struct buf *text, const struct config_set *asked, int out, struct err *e)
{
	_kconfig_ struct kconfig kc = {0};
	_config_report_ struct config_report report = {0};
	_config_set_ struct config_set got = {0};
	_buf_ struct buf result = {0};

	if (fs_read(out, "config", CONFIG_FILE_LIMIT, &result, e) < 0 ||
		config_parse(&got, buf_str(&result), ".config", e) < 0 ||
		config_model(k, &kc, e) < 0)
		return -1;
	config_report_make(&report, &kc, k->arch->name, asked, &got);
	if (leave_report(k, &report, out, e) < 0)
		return -1;
	if (request->drift == DRIFT_STRICT)
		return check_strict(&report, text, &result, e);
	return request->drift == DRIFT_CONTRACT ? check_contract(&report, e) : 0;
}
