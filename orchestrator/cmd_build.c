/* kiln build: targets become images in a layout. */
#include <stdio.h>
#include "kernel/config_repro.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/command.h"
#include "orchestrator/config_target.h"
#include "orchestrator/missing.h"
#include "orchestrator/publish.h"
#include "orchestrator/run.h"
#include "orchestrator/warnings_report.h"
#include "sysroot/box.h"

/* What each stage took, of the steps that ran now. */
static void report_times(const struct plan *plan, const struct store *store)
{
	bool any = false;

	for (size_t i = 0; i < plan->count; i++) {
		const struct step *s = plan->steps[i];
		uint64_t ms = store_get_time(store, s->stage->name, s->key);

		if (!s->wanted)
			continue;
		if (!any)
			printf("times\n");
		any = true;
		printf("  %6llu.%llu s  %-12s %s\n", (unsigned long long)(ms / 1000),
			(unsigned long long)(ms % 1000 / 100), s->stage->name, s->label);
	}
}

static int put_records(const struct session *s, const char *kind, struct err *e)
{
	for (size_t i = 0; i < s->targets.count; i++) {
		_buf_ struct buf text = {0}, before = {0};

		plan_record(s->images[i], &text);
		if (s->perf_images)
			plan_record(s->perf_images[i], &text);
		/* Nothing is written when nothing changed. */
		if (store_get_record(
			    &s->store, s->targets.items[i].name, kind, &before) &&
			str_eq(before.data, text.data))
			continue;
		if (store_put_record(
			    &s->store, s->targets.items[i].name, kind, text.data, e) < 0)
			return -1;
	}
	return 0;
}

static int set_jobs(struct session *s, const char *jobs, struct err *e)
{
	uint64_t n;

	if (!jobs)
		return 0;
	if (!str_to_u64(jobs, &n) || n < 1 || n > 4096)
		return err_set(
			e, ERR_USAGE, "-j takes a number from 1 to 4096, not '%s'", jobs);
	s->env.jobs = (unsigned)n;
	return 0;
}

/* A build that can't sign what it was asked to sign would fail once all is configured. */
static int check_module_keys(const struct session *s, struct err *e)
{
	for (size_t i = 0; i < s->targets.count; i++) {
		const struct target *t = &s->targets.items[i];
		_str_vec_ struct str_vec files = {0};
		struct config_request request;

		config_target_request(t, &files, &request);
		if (!t->recipe.field[FIELD_MODULE_KEY].count &&
			config_without_key(&request, e) < 0)
			return err_wrap(e, "%s", t->name);
	}
	return 0;
}

/* What can be known before anything is fetched. */
static int check_before(struct session *s, const struct options *global, struct err *e)
{
	if (!plan_wanted(&s->plan))
		return 0;
	if (check_module_keys(s, e) < 0 || box_probe(e) < 0)
		return -1;
	return global->offline ? missing_inputs(s, e) : 0;
}

static int build(struct session *s, const struct options *global,
	const struct publish_options *to, struct err *e)
{
	/* A shell's terminal isn't drawn over. */
	bool draws =
		global->progress == PROGRESS_AUTO || global->progress == PROGRESS_TTY;
	enum progress how = s->env.shell && draws ? PROGRESS_PLAIN : global->progress;
	_buf_ struct buf warnings = {0};

	for (size_t i = 0; i < s->targets.count; i++) {
		plan_want(s->images[i]);
		if (s->perf_images)
			plan_want(s->perf_images[i]);
	}
	if (check_before(s, global, e) < 0)
		return -1;
	if (put_records(s, "run", e) < 0 || run_plan(&s->plan, &s->env, how, e) < 0)
		return -1;
	/* Against the last success, before this one takes its place. */
	warnings_report(s, &warnings);
	if (put_records(s, "done", e) < 0 || publish(s, to, e) < 0)
		return -1;
	if (log_get_level() == LOG_QUIET)
		return 0;
	if (publish_report(s, to, e) < 0)
		return -1;
	printf("layout\n  %s\n%s", to->layout, buf_str(&warnings));
	report_times(&s->plan, &s->store);
	return 0;
}

int cmd_build(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	struct publish_options to = {.layout = "out"};
	const char *jobs = NULL;
	bool no_ccache = false, shell = false;
	const struct option_row rows[] = {
		SELECTION_ROWS(&selection),
		{"-j", "JOBS", "how many jobs at once", &jobs, false},
		{"-o", "LAYOUT", "the OCI layout to publish into", &to.layout, false},
		{"--org", "NAME", "instead of linuxkit", &to.org, false},
		{"--image", "NAME", "instead of kernel", &to.image, false},
		{"--no-ccache", NULL, "compile without ccache", &no_ccache, false},
		{"--shell-on-failure", NULL, "open the box of a make that failed", &shell,
			false},
		{0},
	};

	(void)status;
	selection.builds = true;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	if (session_open(&s, global, &selection, argc - 1, argv + 1, e) < 0 ||
		set_jobs(&s, jobs, e) < 0)
		return -1;
	s.env.use_ccache = !no_ccache;
	s.env.shell = shell;
	return build(&s, global, &to, e);
}
