#include <stdlib.h>
#include "orchestrator/base/log.h"
#include "orchestrator/target_sysroot.h"
#include "sysroot/sysroot.h"

#define DEFAULT_SYSROOT "debian-12"

static int set_one(struct arena *a, const char *const *dirs, struct target *t,
	enum field f, const char *name, const struct sysroot_use *use, struct err *e)
{
	struct sysroot *s = sysroot_load(dirs, name, use, e);

	if (!s)
		return -1;
	recipe_set(a, &t->recipe, f, arena_printf(a, "%s %s", name, sysroot_digest(s)));
	sysroot_free(s);
	return 0;
}

/* Whether all of it is in the cache: then its mirror need not be asked. */
static int is_complete(const char *const *dirs, const char *name,
	const struct sysroot_use *use, const struct sysroot_env *env, bool *complete,
	struct err *e)
{
	struct sysroot *s = sysroot_load(dirs, name, use, e);
	_str_vec_ struct str_vec missing = {0};
	int ret;

	if (!s)
		return -1;
	ret = sysroot_missing(s, env, &missing, e);
	*complete = missing.len == 0;
	sysroot_free(s);
	return ret;
}

/* The name under which a lock made anew lies in the store, if there is one. */
static const char *relocked(struct arena *a, const struct store *store, const char *name)
{
	_buf_ struct buf text = {0};

	if (!store_get_record(store, name, "relocked", &text))
		return name;
	return arena_strdup(a, str_trim(text.data));
}

static int relock(struct arena *a, const struct options *global,
	const struct store *store, const char *const *dirs, const struct sysroot_use *use,
	const char **name, struct err *e)
{
	_free_ char *cache = store_dir(store, "cache", e), *found = NULL;
	_free_ char *locks = cache ? store_dir(store, "sysroots", e) : NULL;
	struct sysroot_env env = {.cache = cache,
		.mirrors = options_package_mirrors(global),
		.offline = global->offline};
	const char *current = relocked(a, store, *name);
	bool complete = false;

	if (!locks || is_complete(dirs, current, use, &env, &complete, e) < 0)
		return -1;
	if (!complete) {
		log_info("bringing in the packages of the sysroot %s", current);
		if (sysroot_fetch_or_relock(dirs, current, use, &env, locks, &found, e) <
			0)
			return -1;
		current = arena_strdup(a, found);
		if (!str_eq(current, *name) &&
			store_put_record(store, *name, "relocked", current, e) < 0)
			return -1;
	}
	*name = current;
	return 0;
}

int target_set_sysroots(struct arena *a, const struct options *global,
	const struct selection *selection, const struct store *store,
	const char *const *dirs, struct target *t, struct err *e)
{
	const char *image = t->series->args.value[ARG_BUILD_IMAGE].text;
	const struct sysroot_use tools = {0};
	const struct sysroot_use use = {
		.arch = t->arch->name, .toolchain = t->toolchain->name};
	const struct sysroot_use perf = {
		t->arch->name, t->toolchain->name, true, t->arch->debian};
	bool with_perf = str_vec_has(&selection->tools, "perf");
	_free_ char *mapped = NULL;
	const char *name = selection->sysroot;

	if (!name && image)
		name = mapped = sysroot_for_image(dirs, image);
	if (!name && image)
		t->note = arena_printf(a,
			"%s: BUILD_IMAGE %s is not at hand, the sysroot %s stands in",
			t->series->name, image, DEFAULT_SYSROOT);
	if (!name)
		name = DEFAULT_SYSROOT;
	recipe_set(a, &t->recipe, FIELD_BUILD_IMAGE, image);
	if (selection->relock &&
		relock(a, global, store, dirs, with_perf ? &perf : &use, &name, e) < 0)
		return -1;
	if (set_one(a, dirs, t, FIELD_TOOLS, name, &tools, e) < 0 ||
		set_one(a, dirs, t, FIELD_SYSROOT, name, &use, e) < 0)
		return -1;
	/* Only perf's own image needs it, and not every sysroot has it. */
	return with_perf ? set_one(a, dirs, t, FIELD_PERF_SYSROOT, name, &perf, e) : 0;
}
