#include <fcntl.h>
#include <stdlib.h>
#include "kernel/module_sign.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/git.h"
#include "orchestrator/base/compress.h"
#include "orchestrator/target.h"
#include "orchestrator/target_source.h"
#include "orchestrator/target_sysroot.h"

void selection_free(struct selection *s)
{
	str_vec_free(&s->archs);
	str_vec_free(&s->flavors);
	str_vec_free(&s->tools);
}

void targets_free(struct targets *t)
{
	arena_free(&t->arena);
	free(t->items);
}

static int by_name(
	const char *name, const char *const *names, const char *what, struct err *e)
{
	_buf_ struct buf known = {0};

	for (int i = 0; names[i]; i++) {
		if (str_eq(name, names[i]))
			return i;
		buf_addf(&known, "%s%s", i ? ", " : "", names[i]);
	}
	return err_set(e, ERR_USAGE, "%s is one of %s, not '%s'", what, known.data, name);
}

int source_require_by_name(const char *name, enum source_require *r, struct err *e)
{
	static const char *const names[] = {"both", "sums", "tarball", NULL};
	int i = by_name(name, names, "--require", e);

	*r = (enum source_require)i;
	return i < 0 ? -1 : 0;
}

int config_drift_by_name(const char *name, enum config_drift *d, struct err *e)
{
	static const char *const names[] = {"contract", "strict", "warn", NULL};
	int i = by_name(name, names, "--config-drift", e);

	*d = (enum config_drift)i;
	return i < 0 ? -1 : 0;
}

/* What one call of targets_make works with. */
struct maker {
	struct workspace *w;
	const struct options *global;
	const struct selection *selection;
	const struct store *store;
	const char *const *sysroot_dirs;
	struct targets *out;
};

/* A config is read in full: its digest is in the key, and a broken line is said now. */
static int add_config(struct maker *m, struct recipe *r, const char *path, struct err *e)
{
	_buf_ struct buf text = {0};

	if (!fs_exists(AT_FDCWD, path))
		return err_set(e, ERR_USAGE,
			"%s is missing: this architecture and variant need it", path);
	if (fs_read(AT_FDCWD, path, 8 << 20, &text, e) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	if (text_file_check(path, text.data, text.len, e) < 0)
		return -1;
	return recipe_add_file(&m->out->arena, r, FIELD_CONFIG, path, e);
}

static int set_configs(struct maker *m, struct target *t, struct err *e)
{
	const struct series *s = t->series;
	const char *debug =
		arena_printf(&m->out->arena, "%s/common/config-dbg", m->w->path);

	if (s->base &&
		add_config(m, &t->recipe, series_config(m->w, s->base, t->arch), e) < 0)
		return -1;
	if (add_config(m, &t->recipe, series_config(m->w, s, t->arch), e) < 0)
		return -1;
	return t->debug ? add_config(m, &t->recipe, debug, e) : 0;
}

static int set_patches(struct maker *m, struct target *t, struct err *e)
{
	_str_vec_ struct str_vec paths = {0};

	/* The variant's come first, then the series'. */
	if (series_patches(t->series, &paths, e) < 0 ||
		(t->series->base && series_patches(t->series->base, &paths, e) < 0))
		return -1;
	for (size_t i = 0; i < paths.len; i++)
		if (recipe_add_file(&m->out->arena, &t->recipe, FIELD_PATCHES,
			    paths.items[i], e) < 0)
			return -1;
	return 0;
}

/* "-rt", "-dbg": what follows a version in names and in LOCALVERSION. */
static int set_names(struct maker *m, struct target *t, struct err *e)
{
	const struct build_arg_value *extra = &t->series->args.value[ARG_EXTRA];
	struct arena *a = &m->out->arena;
	struct build_args debug = {0};
	const char *path = arena_printf(a, "%s/common/build-args-debug", m->w->path);
	const char *variant =
		*t->series->variant ? arena_printf(a, "-%s", t->series->variant) : "";
	const char *dbg = "";

	if (t->debug && fs_exists(AT_FDCWD, path) &&
		build_args_read(a, path, &debug, e) < 0)
		return -1;
	if (t->debug)
		dbg = debug.value[ARG_DEBUG].text ? debug.value[ARG_DEBUG].text : "-dbg";
	t->tag = arena_printf(a, "%s%s%s", t->version, variant, dbg);
	t->name = arena_printf(a, "%s/%s/%s/%s", t->series->name, t->arch->name,
		t->debug ? "dbg" : "plain", t->toolchain->name);
	recipe_set(a, &t->recipe, FIELD_LOCALVERSION,
		arena_printf(a, "%s%s", extra->text ? extra->text : variant, dbg));
	return 0;
}

static int set_identity(struct maker *m, struct target *t, struct err *e)
{
	struct git_identity id;

	if (git_identify(m->w, t->series, &id, e) < 0)
		return -1;
	t->hash = arena_strdup(&m->out->arena, id.hash);
	recipe_set(&m->out->arena, &t->recipe, FIELD_REVISION, id.revision);
	git_identity_free(&id);
	return 0;
}

/* Recipes are kept: the certificate's fingerprint stands there for the secret. */
static int set_module_key(
	struct arena *a, struct recipe *r, const char *path, struct err *e)
{
	if (recipe_add_file(a, r, FIELD_MODULE_KEY, path, e) < 0)
		return -1;
	return module_key_fingerprint(
		path, r->field[FIELD_MODULE_KEY].files[0].digest, e);
}

static int set_recipe(struct maker *m, struct target *t, struct err *e)
{
	const struct selection *s = m->selection;
	struct arena *a = &m->out->arena;
	enum compression compression;
	enum config_drift drift;

	recipe_set(a, &t->recipe, FIELD_ARCH, t->arch->name);
	recipe_set(a, &t->recipe, FIELD_TOOLCHAIN, t->toolchain->name);
	recipe_set(a, &t->recipe, FIELD_FLAVOR, t->debug ? "dbg" : "plain");
	/* A variant or the debug flavor means to change what its series asked for. */
	recipe_set(a, &t->recipe, FIELD_DRIFT,
		s->drift		      ? s->drift
		: t->debug || t->series->base ? "warn"
					      : "contract");
	recipe_set(a, &t->recipe, FIELD_COMPRESSION,
		s->compression ? s->compression : "gzip");
	if (config_drift_by_name(t->recipe.field[FIELD_DRIFT].text, &drift, e) < 0 ||
		compress_by_name(
			t->recipe.field[FIELD_COMPRESSION].text, &compression, e) < 0)
		return -1;
	if (s->module_key && set_module_key(a, &t->recipe, s->module_key, e) < 0)
		return -1;
	if (set_names(m, t, e) < 0 || set_configs(m, t, e) < 0 ||
		set_patches(m, t, e) < 0)
		return -1;
	return set_identity(m, t, e);
}

static int add_target(struct maker *m, const struct series *series, const char *version,
	const char *arch, const char *flavor, struct err *e)
{
	struct targets *out = m->out;
	struct target *t;

	out->items = xrealloc(out->items, (out->count + 1) * sizeof(*out->items));
	t = &out->items[out->count];
	*t = (struct target){.series = series};
	for (size_t f = 0; f < FIELD_COUNT; f++)
		t->recipe.field[f].text = "";
	t->arch = arch ? arch_find(arch, e) : arch_host();
	t->toolchain = toolchain_find(
		m->selection->toolchain ? m->selection->toolchain : "gcc", e);
	if (!t->arch || !t->toolchain)
		return -1;
	if (!str_eq(flavor, "plain") && !str_eq(flavor, "dbg"))
		return err_set(
			e, ERR_USAGE, "--flavor is plain or dbg, not '%s'", flavor);
	t->debug = str_eq(flavor, "dbg");
	if (target_set_source(&out->arena, m->w, m->global, m->selection, m->store,
		    version, t, e) < 0 ||
		target_set_ucode(&out->arena, t, e) < 0 || set_recipe(m, t, e) < 0)
		return -1;
	for (size_t i = 0; i < out->count; i++)
		if (str_eq(out->items[i].name, t->name))
			return 0; /* named twice */
	out->count++;
	return 0;
}

/* All archs and flavors of one series; flavor NULL: those of the selection. */
static int add_matrix(struct maker *m, const struct series *series, const char *version,
	const char *flavor, struct err *e)
{
	const struct selection *s = m->selection;
	size_t archs = s->archs.len ? s->archs.len : 1;
	size_t flavors = !flavor && s->flavors.len ? s->flavors.len : 1;

	for (size_t i = 0; i < archs; i++)
		for (size_t j = 0; j < flavors; j++) {
			const char *arch = s->archs.len ? s->archs.items[i] : NULL;
			const char *f = flavor		 ? flavor
					: s->flavors.len ? s->flavors.items[j]
							 : "plain";

			if (add_target(m, series, version, arch, f, e) < 0)
				return -1;
		}
	return 0;
}

/* A plain version names the series that it belongs to. */
static const struct series *series_of_version(struct workspace *w, const char *version)
{
	for (size_t i = 0; i < w->count; i++) {
		const char *release = series_release(w, &w->series[i]);
		size_t len = strlen(release);

		if (!w->series[i].base && strncmp(version, release, len) == 0 &&
			strchr(".-", version[len]))
			return &w->series[i];
	}
	return NULL;
}

static int add_word(struct maker *m, const char *word, struct err *e)
{
	const struct series *s = workspace_find(m->w, word);
	_free_ char *plain = NULL;
	_buf_ struct buf known = {0};

	if (s)
		return add_matrix(m, s, NULL, NULL, e);
	if (str_ends(word, "-dbg")) {
		plain = xstrndup(word, strlen(word) - strlen("-dbg"));
		s = workspace_find(m->w, plain);
		if (s)
			return add_matrix(m, s, NULL, "dbg", e);
	}
	s = series_of_version(m->w, word);
	if (s && strspn(word, "0123456789.-rc") == strlen(word))
		return add_matrix(m, s, arena_strdup(&m->out->arena, word), NULL, e);
	for (size_t i = 0; i < m->w->count; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", m->w->series[i].name);
	return err_set(e, ERR_USAGE, "%s has no series '%s'; it has %s", m->w->path, word,
		known.data);
}

/* After all that the workspace can have wrong in any target: --relock may fetch here. */
static int set_sysroots(struct maker *m, struct err *e)
{
	for (size_t i = 0; i < m->out->count; i++)
		if (target_set_sysroots(&m->out->arena, m->global, m->selection, m->store,
			    m->sysroot_dirs, &m->out->items[i], e) < 0)
			return -1;
	return 0;
}

int targets_make(struct workspace *w, const struct options *global,
	const struct selection *selection, const struct store *store,
	const char *const *sysroot_dirs, int word_count, char **words,
	struct targets *out, struct err *e)
{
	struct maker m = {w, global, selection, store, sysroot_dirs, out};

	for (int i = 0; i < word_count; i++)
		if (add_word(&m, words[i], e) < 0)
			return -1;
	for (size_t i = 0; !word_count && i < w->count; i++)
		if (!w->series[i].deprecated &&
			add_matrix(&m, &w->series[i], NULL, NULL, e) < 0)
			return -1;
	if (!out->count)
		return err_set(e, ERR_USAGE,
			"every series of %s is deprecated: name the one to build",
			w->path);
	return set_sysroots(&m, e);
}
