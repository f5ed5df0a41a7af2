/* config_report.h: what became of every symbol that a configuration asked for, and why.
 */
#ifndef KILN_CONFIG_REPORT_H
#define KILN_CONFIG_REPORT_H

#include "kernel/config_text.h"
#include "kernel/kbuild.h"
#include "kernel/kconfig.h"

enum config_fate { FATE_KEPT, FATE_CHANGED, FATE_DROPPED, FATE_COUNT };
enum config_cause {
	CAUSE_NONE,	  /* kept */
	CAUSE_DEPENDENCY, /* something it needs is not set */
	CAUSE_SELECT,	  /* another symbol's select forces it */
	CAUSE_CHOICE,	  /* another member of its choice won */
	CAUSE_RANGE,	  /* outside what the tree allows */
	CAUSE_TYPE,	  /* the symbol can't have such a value */
	CAUSE_COMPUTED,	  /* it has no prompt: the tree computes it */
	CAUSE_UNKNOWN,	  /* this version of the tree has no such symbol */
	CAUSE_TOOLCHAIN,  /* the compiler, linker or pahole decides */
	CAUSE_UNCLEAR,	  /* none of these could be shown */
	CAUSE_COUNT,
};
const char *config_fate_name(enum config_fate fate);
const char *config_cause_name(enum config_cause cause);

struct config_row {
	const struct config_entry *asked;
	const char *got; /* as .config writes it; n when it says nothing */
	enum config_fate fate;
	enum config_cause cause;
	const char *why; /* a clause without a full stop; NULL when kept */
	bool follows;	 /* only because another asked symbol was not kept */
	bool explaining; /* being worked on: for circles */
};

/* asked and got must outlive the report. Starts as {0}; config_report_free. */
struct config_report {
	struct arena arena;
	const char *arch;
	const struct config_set *asked, *got;
	struct config_row *rows; /* one for each entry of asked, in its order */
	size_t len;
	size_t fates[FATE_COUNT];
	size_t causes[CAUSE_COUNT];
};
#define _config_report_ __attribute__((cleanup(config_report_free)))
void config_report_free(struct config_report *report);

/* Compares what was asked with what kconfig made of it, on the tree that kc models. */
void config_report_make(struct config_report *report, struct kconfig *kc,
	const char *arch, const struct config_set *asked, const struct config_set *got);
/* Symbols that were not kept and that more than the toolchain decides. */
size_t config_report_broken(const struct config_report *report);
/* For people: a summary, then what was not kept, grouped by cause. */
void config_report_text(const struct config_report *report, struct buf *out);
/* The same, and every kept symbol, as JSON. */
void config_report_json(const struct config_report *report, struct buf *out);

/* For one row that was not kept: fills cause and why. kernel/config_why.c. */
struct config_why;
void config_explain(
	struct config_report *report, struct kconfig *kc, struct config_row *row);
struct config_row *config_row_of(const struct config_report *report, const char *name);

#endif
