#include <fcntl.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/config_target.h"
#include "orchestrator/run.h"
#include "orchestrator/step_common.h"

void config_target_request(
	const struct target *t, struct str_vec *files, struct config_request *request)
{
	const struct field_value *asked = &t->recipe.field[FIELD_CONFIG];

	for (size_t i = 0; i < asked->count; i++)
		str_vec_add(files, asked->files[i].path);
	*request = (struct config_request){
		.files = (const char *const *)files->items,
		.localversion_suffix = t->recipe.field[FIELD_LOCALVERSION].text,
		.debug = t->debug,
		.drift = DRIFT_WARN,
	};
}

static int make_config(struct session *s, const struct options *global,
	const struct target *t, struct buf *text, struct err *e)
{
	struct step *step = plan_add(&s->plan, &s->store, t, stage_find("config"));

	plan_want(step);
	if (run_plan(&s->plan, &s->env, global->progress, e) < 0)
		return -1;
	_free_ char *dir = store_result(&s->store, "config", step->key);
	_free_ char *path = fs_join(dir, "config");
	return fs_read(AT_FDCWD, path, 8 << 20, text, e);
}

int config_target_text(const struct options *global, const struct selection *selection,
	const char *word, struct buf *text, struct err *e)
{
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	char *words[] = {(char *)word};

	if (session_open(&s, global, selection, 1, words, e) < 0)
		return -1;
	if (s.targets.count != 1)
		return err_set(e, ERR_USAGE,
			"%s stands for %zu targets: give one --arch and one --flavor",
			word, s.targets.count);
	return make_config(&s, global, &s.targets.items[0], text, e);
}

/* The architectures for which the series called word has a config file of its own. */
static void find_archs(struct workspace *w, const char *word, struct str_vec *archs)
{
	_free_ char *plain = xstrdup(word);
	const struct series *s = workspace_find(w, plain);

	if (!s && str_ends(plain, "-dbg")) {
		plain[strlen(plain) - strlen("-dbg")] = '\0';
		s = workspace_find(w, plain);
	}
	for (const struct arch *const *a = arch_all(); s && *a; a++)
		if (fs_exists(AT_FDCWD, series_config(w, s, *a)))
			str_vec_add(archs, (*a)->name);
}

static int visit_word(const struct options *global, const struct selection *selection,
	struct workspace *w, const char *word, config_visit_fn *visit, void *arg,
	struct err *e)
{
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	_str_vec_ struct str_vec archs = {0};
	struct selection own = *selection;
	char *words[] = {(char *)word};

	if (!own.archs.len) {
		find_archs(w, word, &archs);
		own.archs = archs;
	}
	if (session_open(&s, global, &own, 1, words, e) < 0)
		return -1;
	return visit(&s, arg, e);
}

int config_each(const struct options *global, const struct selection *selection,
	int count, char **words, config_visit_fn *visit, void *arg, struct err *e)
{
	_workspace_ struct workspace w = {.path = NULL};
	_free_ char *path = session_workspace(global, e);

	if (!path || workspace_read(path, &w, e) < 0)
		return -1;
	for (int i = 0; i < count; i++)
		if (visit_word(global, selection, &w, words[i], visit, arg, e) < 0)
			return -1;
	for (size_t i = 0; !count && i < w.count; i++)
		if (!w.series[i].deprecated &&
			visit_word(global, selection, &w, w.series[i].name, visit, arg,
				e) < 0)
			return -1;
	return 0;
}

/* Only what the configuration stands on is made; nothing of it is thrown away after. */
static int make_needs(struct session *s, const struct step *step, struct err *e)
{
	for (size_t i = 0; i < STAGE_MAX_NEEDS && step->needs[i]; i++)
		plan_want(step->needs[i]);
	return run_plan(&s->plan, &s->env, PROGRESS_AUTO, e);
}

int config_work_open(
	struct config_work *w, struct session *s, const struct target *t, struct err *e)
{
	struct step *step = plan_add(&s->plan, &s->store, t, stage_find("config"));

	*w = (struct config_work){.session = s, .log = -1};
	if (make_needs(s, step, e) < 0 ||
		store_begin(&s->store, "config", step->key, &w->temp, e) < 0)
		return -1;
	_free_ char *log = xasprintf("%s/%s/log", s->store.path, w->temp.name);
	w->scratch = xasprintf("%s/%s/scratch", s->store.path, w->temp.name);
	w->log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (w->log < 0)
		return err_sys(e, "can't create %s", log);
	w->run = (struct step_run){
		.stage = step->stage,
		.recipe = step->recipe,
		.need_keys = step->need_keys,
		.env = &s->env,
		.out = -1,
		.scratch = w->scratch,
		.log = w->log,
		.cancel = -1,
		.jobserver = {-1, -1},
	};
	return step_kbuild(&w->run, "sysroot", true, &w->k, w->source, e);
}

void config_work_close(struct config_work *w)
{
	if (w->temp.name)
		store_end(&w->session->store, &w->temp);
	arena_free(&w->run.arena);
	mem_free_ptr(&w->scratch);
	mem_close_ptr(&w->log);
}
