#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/run.h"
#include "orchestrator/sysroot_shell.h"
#include "sysroot/box.h"

static const char *const environment[] = {"HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC", NULL};

/* A target that has a sysroot and nothing else. */
static int make_target(struct arena *a, const char *const *dirs, const char *name,
	const struct sysroot_use *use, struct target *t, struct err *e)
{
	struct sysroot *s = sysroot_load(dirs, name, use, e);

	if (!s)
		return -1;
	for (int f = 0; f < FIELD_COUNT; f++)
		recipe_set(a, &t->recipe, (enum field)f, "");
	recipe_set(a, &t->recipe, FIELD_SYSROOT,
		arena_printf(a, "%s %s", name, sysroot_digest(s)));
	recipe_set(a, &t->recipe, FIELD_ARCH, use->arch);
	recipe_set(a, &t->recipe, FIELD_TOOLCHAIN, use->toolchain);
	t->name = arena_strdup(a, name);
	sysroot_free(s);
	return 0;
}

/* The root directory in the store; the caller frees. */
static char *make_root(const struct options *global, const struct store *store,
	const char *const *dirs, const struct target *t, struct arena *a, struct err *e)
{
	_plan_ struct plan plan = {.arena = a};
	const struct run_env env = {
		.store = store,
		.package_mirrors = options_package_mirrors(global),
		.offline = global->offline,
		.jobs = 1,
		.sysroot_dirs = dirs,
	};
	struct step *step = plan_add(&plan, store, t, stage_find("sysroot"));
	_free_ char *result = NULL;

	plan_want(step);
	if (plan_wanted(&plan) && run_plan(&plan, &env, global->progress, e) < 0)
		return NULL;
	result = store_result(store, "sysroot", step->key);
	return fs_join(result, "root");
}

static int open_box(const struct store *store, const char *root,
	const char *const *command, int *status, struct err *e)
{
	_free_ char *who = xasprintf("shell %d", (int)getpid());
	char key[SHA256_HEX_LEN + 1];
	struct store_temp temp;
	int ret = -1;

	digest_sha256(who, strlen(who), key);
	if (store_begin(store, "sysroot", key, &temp, e) == 0) {
		_free_ char *scratch = xasprintf("%s/%s/scratch", store->path, temp.name);
		struct box frame = {.root = root,
			.scratch = scratch,
			.envp = environment,
			BOX_NO_FDS};

		ret = box_shell(&frame, command, status, e);
	}
	store_end(store, &temp);
	return ret;
}

int sysroot_shell(const struct options *global, const char *const *dirs, const char *name,
	const struct sysroot_use *use, const char *const *command, int *status,
	struct err *e)
{
	_store_ struct store store = {.fd = -1, .lock = -1};
	_arena_ struct arena a = {0};
	struct target t = {0};
	_free_ char *root = NULL;

	if (store_open(&store, global->store, false, e) < 0 ||
		make_target(&a, dirs, name, use, &t, e) < 0)
		return -1;
	root = make_root(global, &store, dirs, &t, &a, e);
	return root ? open_box(&store, root, command, status, e) : -1;
}
