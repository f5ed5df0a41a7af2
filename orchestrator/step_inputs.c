/* The stages that bring something in, and what they would need the network for: source,
 * tree, queue, microcode, sysroots. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/ucode.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/step_common.h"
#include "orchestrator/target.h"
#include "sysroot/sysroot.h"

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

/* The keyrings' place: one file, or the directory of several. */
static const char *keys_path(struct step_run *r)
{
	const struct field_value *keys = step_files(r, FIELD_KEYS);
	const char *first = keys->count ? keys->files[0].path : "";
	const char *slash = strrchr(first, '/');

	if (keys->count == 1 || !slash)
		return first;
	return arena_strndup(&r->arena, first, (size_t)(slash - first));
}

static int spec_of(struct step_run *r, struct source_spec *spec, struct err *e)
{
	*spec = (struct source_spec){
		.version = step_text(r, FIELD_VERSION),
		.pin = or_null(step_text(r, FIELD_PIN)),
		.url = or_null(step_text(r, FIELD_SOURCE_URL)),
		.keys = keys_path(r),
		.apt = !str_eq(step_text(r, FIELD_ORIGIN), "kernel.org"),
	};
	return source_require_by_name(step_text(r, FIELD_REQUIRE), &spec->require, e);
}

/* An origin that was settled when it was planned takes mirrors of its kind alone. */
static void mirrors_of_origin(struct step_run *r, struct str_vec *out)
{
	const char *origin = step_text(r, FIELD_ORIGIN);

	for (const char *const *m = r->env->mirrors; *m; m++)
		if (str_eq(origin, "either") ||
			str_eq(origin, "apt") == str_starts(*m, "apt:"))
			str_vec_add(out, *m);
	if (str_eq(origin, "apt") && !out->len)
		str_vec_add(out, "apt:");
}

static int source_env_of(struct step_run *r, const char *const *mirrors, char **cache,
	struct source_env *env, struct err *e)
{
	*cache = store_dir(r->env->store, "cache", e);
	*env = (struct source_env){
		.cache = *cache,
		.offline = r->env->offline,
		.mirrors = mirrors,
	};
	return *cache ? 0 : -1;
}

/* The kernel's tarball, as the row's fields say. */
struct source_job {
	struct source_spec spec;
	struct source_env env;
	struct str_vec mirrors;
	char *cache;
};

static void source_job_free(struct source_job *j)
{
	str_vec_free(&j->mirrors);
	free(j->cache);
}
#define _source_job_ __attribute__((cleanup(source_job_free)))

static int source_job(struct step_run *r, struct source_job *j, struct err *e)
{
	static const char *const none[] = {NULL};

	mirrors_of_origin(r, &j->mirrors);
	if (spec_of(r, &j->spec, e) < 0)
		return -1;
	return source_env_of(r,
		j->mirrors.len ? (const char *const *)j->mirrors.items : none, &j->cache,
		&j->env, e);
}

int step_source(struct step_run *r, struct err *e)
{
	_source_job_ struct source_job j = {0};

	return source_job(r, &j, e) < 0 ? -1 : source_fetch(&j.spec, &j.env, r->out, e);
}

int step_source_missing(struct step_run *r, struct str_vec *missing, struct err *e)
{
	_source_job_ struct source_job j = {0};

	return source_job(r, &j, e) < 0 ? -1
					: source_missing(&j.spec, &j.env, missing, e);
}

/* What a tree's proof refuses is no input to keep: the next run asks for it anew. */
static void drop_source(struct step_run *r, const struct source_job *j)
{
	struct err ignored = {0};

	source_forget(&j->spec, &j->env, step_need(r, "source", NULL));
	step_drop_need(r, "source", &ignored);
}

int step_tree(struct step_run *r, struct err *e)
{
	_source_job_ struct source_job j = {0};

	if (source_job(r, &j, e) < 0)
		return -1;
	if (source_unpack(&j.spec, step_need(r, "source", NULL), r->out, e) == 0)
		return 0;
	if (e->code == ERR_VERIFY)
		drop_source(r, &j);
	return -1;
}

/* The queue, whatever the tree's origin: only kernel.org's layout has one. */
static int queue_job(struct step_run *r, struct source_job *j, struct err *e)
{
	j->spec = (struct source_spec){
		.rt = step_text(r, FIELD_RT_VERSION),
		.keys = keys_path(r),
	};
	if (source_require_by_name(step_text(r, FIELD_REQUIRE), &j->spec.require, e) < 0)
		return -1;
	return source_env_of(r, r->env->mirrors, &j->cache, &j->env, e);
}

int step_queue(struct step_run *r, struct err *e)
{
	_source_job_ struct source_job j = {0};

	return queue_job(r, &j, e) < 0 ? -1
				       : source_queue_fetch(&j.spec, &j.env, r->out, e);
}

int step_queue_missing(struct step_run *r, struct str_vec *missing, struct err *e)
{
	_source_job_ struct source_job j = {0};

	return queue_job(r, &j, e) < 0
		       ? -1
		       : source_queue_missing(&j.spec, &j.env, missing, e);
}

static int ucode_job(struct step_run *r, struct given *g, char **cache,
	struct ucode_env *env, struct err *e)
{
	*g = ucode_given(step_text(r, FIELD_UCODE), step_text(r, FIELD_UCODE_PIN));
	*cache = store_dir(r->env->store, "cache", e);
	*env = (struct ucode_env){*cache, r->scratch, r->env->offline};
	return *cache ? 0 : -1;
}

int step_ucode(struct step_run *r, struct err *e)
{
	_free_ char *cache = NULL;
	struct given g;
	struct ucode_env env;

	if (ucode_job(r, &g, &cache, &env, e) < 0)
		return -1;
	return ucode_make(&g, step_text(r, FIELD_UCODE_ID), &env, r->out, e);
}

int step_ucode_missing(struct step_run *r, struct str_vec *missing, struct err *e)
{
	_free_ char *cache = NULL;
	struct given g;
	struct ucode_env env;

	return ucode_job(r, &g, &cache, &env, e) < 0
		       ? -1
		       : ucode_missing(&g, &env, missing, e);
}

/* What a sysroot stage's root has to be good for. */
static struct sysroot_use use_of(struct step_run *r, enum field f)
{
	if (f == FIELD_TOOLS)
		return (struct sysroot_use){0};
	return (struct sysroot_use){.arch = step_text(r, FIELD_ARCH),
		.toolchain = step_text(r, FIELD_TOOLCHAIN),
		.perf = f == FIELD_PERF_SYSROOT};
}

static int make_sysroot(struct step_run *r, enum field f, struct err *e)
{
	struct sysroot_use use = use_of(r, f);
	const char *name = step_sysroot_name(r, f);
	const char *digest = step_text(r, f) + strlen(name) + 1;
	_free_ char *cache = store_dir(r->env->store, "cache", e);
	struct sysroot *s =
		cache ? sysroot_load(r->env->sysroot_dirs, name, &use, e) : NULL;
	struct sysroot_env env = {.cache = cache,
		.mirrors = r->env->package_mirrors,
		.offline = r->env->offline,
		.jobs = r->env->jobs,
		.link = true};
	_close_ int root = -1;
	int ret = -1;

	if (!s)
		return -1;
	if (!str_eq(sysroot_digest(s), digest)) {
		err_set(e, ERR_USAGE,
			"the sysroot %s changed while kiln was at work: again", name);
	} else if (sysroot_root(s)) { /* the host's own: it stays where it is */
		ret = symlinkat(sysroot_root(s), r->out, "root") < 0
			      ? err_sys(e, "can't make a link to %s", sysroot_root(s))
			      : 0;
	} else if (fs_mkdirs(r->out, "root", 0755, e) == 0 &&
		   (root = fs_open_dir(r->out, "root", e)) >= 0) {
		ret = sysroot_make(s, &env, root, e);
	}
	sysroot_free(s);
	return ret;
}

int step_tools(struct step_run *r, struct err *e)
{
	return make_sysroot(r, FIELD_TOOLS, e);
}

int step_sysroot(struct step_run *r, struct err *e)
{
	return make_sysroot(r, FIELD_SYSROOT, e);
}

int step_perf_sysroot(struct step_run *r, struct err *e)
{
	return make_sysroot(r, FIELD_PERF_SYSROOT, e);
}

static int sysroot_lacks(
	struct step_run *r, enum field f, struct str_vec *missing, struct err *e)
{
	struct sysroot_use use = use_of(r, f);
	_free_ char *cache = store_dir(r->env->store, "cache", e);
	struct sysroot *s = cache ? sysroot_load(r->env->sysroot_dirs,
					    step_sysroot_name(r, f), &use, e)
				  : NULL;
	struct sysroot_env env = {.cache = cache, .offline = true};
	int ret = s ? sysroot_missing(s, &env, missing, e) : -1;

	sysroot_free(s);
	return ret;
}

int step_tools_missing(struct step_run *r, struct str_vec *missing, struct err *e)
{
	return sysroot_lacks(r, FIELD_TOOLS, missing, e);
}

int step_sysroot_missing(struct step_run *r, struct str_vec *missing, struct err *e)
{
	return sysroot_lacks(r, FIELD_SYSROOT, missing, e);
}

int step_perf_sysroot_missing(struct step_run *r, struct str_vec *missing, struct err *e)
{
	return sysroot_lacks(r, FIELD_PERF_SYSROOT, missing, e);
}
