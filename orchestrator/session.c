#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/data.h"
#include "orchestrator/session.h"
#include "orchestrator/sysroot_dirs.h"

char *session_workspace(const struct options *global, struct err *e)
{
	_free_ char *own = NULL;

	if (global->workspace)
		return xstrdup(global->workspace);
	if (workspace_is_one("."))
		return xstrdup(".");
	if (workspace_is_one("kernel/series"))
		return xstrdup("kernel/series");
	own = data_path("kernel/series", e);
	if (own && workspace_is_one(own))
		return steal(own);
	err_set(e, ERR_USAGE,
		"no workspace here: neither . nor kernel/series holds a series like "
		"6.12.x; name one with -C");
	return NULL;
}

static int check_tools(const struct selection *selection, struct err *e)
{
	for (size_t i = 0; i < selection->tools.len; i++)
		if (!str_eq(selection->tools.items[i], "perf"))
			return err_set(e, ERR_USAGE, "--tools is perf, not '%s'",
				selection->tools.items[i]);
	return 0;
}

static void make_plan(struct session *s, bool perf)
{
	s->plan.arena = &s->targets.arena;
	s->images = xcalloc(s->targets.count + 1, sizeof(struct step *));
	s->perf_images =
		perf ? xcalloc(s->targets.count + 1, sizeof(struct step *)) : NULL;
	for (size_t i = 0; i < s->targets.count; i++) {
		const struct target *t = &s->targets.items[i];

		s->images[i] = plan_add(&s->plan, &s->store, t, stage_find("image"));
		if (perf)
			s->perf_images[i] = plan_add(
				&s->plan, &s->store, t, stage_find("perf-image"));
	}
}

static void say_notes(const struct session *s)
{
	const char *said = NULL;

	for (size_t i = 0; i < s->targets.count; i++) {
		const char *note = s->targets.items[i].note;

		if (note && !str_eq(note, said))
			log_info("%s", note);
		said = note;
	}
}

int session_open(struct session *s, const struct options *global,
	const struct selection *selection, int word_count, char **words, struct err *e)
{
	_free_ char *path = session_workspace(global, e);
	static const char *const none[] = {NULL};
	const char *const *dirs;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*s = (struct session){.store = {.fd = -1, .lock = -1}};
	if (!path || check_tools(selection, e) < 0 ||
		workspace_read(path, &s->workspace, e) < 0 ||
		store_open(&s->store, global->store, false, e) < 0)
		return -1;
	sysroot_dirs(s->workspace.path, &s->sysroot_dirs);
	if (!s->sysroot_dirs.len)
		return err_set(e, ERR_USAGE,
			"no sysroot is known: kiln's own are missing, set KILN_DATA to "
			"its "
			"directory");
	dirs = (const char *const *)s->sysroot_dirs.items;
	s->env = (struct run_env){
		.store = &s->store,
		.mirrors = global->mirrors.len
				   ? (const char *const *)global->mirrors.items
				   : none,
		.offline = global->offline,
		.jobs = cpus > 0 ? (unsigned)cpus : 1,
		.package_mirrors = options_package_mirrors(global),
		.sysroot_dirs = dirs,
	};
	if (targets_make(&s->workspace, global, selection, &s->store, dirs, word_count,
		    words, &s->targets, e) < 0)
		return -1;
	say_notes(s);
	make_plan(s, selection->tools.len > 0);
	return 0;
}

int session_from_args(struct session *s, const struct options *global,
	struct selection *selection, int argc, char **argv, struct err *e)
{
	const struct option_row rows[] = {SELECTION_ROWS(selection), {0}};

	argc = options_rows(rows, argc, argv, e);
	return argc < 0 ? -1 : session_open(s, global, selection, argc - 1, argv + 1, e);
}

void session_close(struct session *s)
{
	plan_free(&s->plan);
	free(s->images);
	free(s->perf_images);
	targets_free(&s->targets);
	str_vec_free(&s->sysroot_dirs);
	workspace_free(&s->workspace);
	store_close(&s->store);
}
