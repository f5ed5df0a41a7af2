/* The stages that work on the tree: patch, archive, config, compile, pack, perf. */
#include <fcntl.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/step_common.h"
#include "orchestrator/target.h"

/* The RT project's queue where the target has one, in the order of its series file. */
static int add_queue(struct step_run *r, struct str_vec *patches, struct err *e)
{
	const char *dir = step_need(r, "queue", "queue");

	return dir ? source_queue_list(dir, patches, e) : 0;
}

int step_patch(struct step_run *r, struct err *e)
{
	const struct field_value *own = step_files(r, FIELD_PATCHES);
	_str_vec_ struct str_vec patches = {0};
	const char *source[3];
	static const char *const none[] = {NULL};
	struct kbuild k;

	if (step_kbuild(r, "tools", false, &k, source, e) < 0 ||
		add_queue(r, &patches, e) < 0)
		return -1;
	for (size_t i = 0; i < own->count; i++)
		str_vec_add(&patches, own->files[i].path);
	return kbuild_patch(
		&k, patches.len ? (const char *const *)patches.items : none, r->out, e);
}

int step_archive(struct step_run *r, struct err *e)
{
	const char *source[3];
	struct kbuild k;

	if (step_kbuild(r, "tools", true, &k, source, e) < 0)
		return -1;
	return kernel_archive(&k, r->out, e);
}

int step_config(struct step_run *r, struct err *e)
{
	const struct field_value *asked = step_files(r, FIELD_CONFIG);
	struct config_request request = {
		.localversion_suffix = step_text(r, FIELD_LOCALVERSION),
		.debug = str_eq(step_text(r, FIELD_FLAVOR), "dbg"),
	};
	_str_vec_ struct str_vec files = {0};
	const char *source[3];
	struct kbuild k;

	if (step_kbuild(r, "sysroot", true, &k, source, e) < 0 ||
		config_drift_by_name(step_text(r, FIELD_DRIFT), &request.drift, e) < 0)
		return -1;
	for (size_t i = 0; i < asked->count; i++)
		str_vec_add(&files, asked->files[i].path);
	request.files = (const char *const *)files.items;
	return kbuild_config(&k, &request, r->out, e);
}

int step_compile(struct step_run *r, struct err *e)
{
	const struct field_value *key = step_files(r, FIELD_MODULE_KEY);
	struct compile_request request = {
		.config = step_need(r, "config", "config"),
		.module_key = key->count ? key->files[0].path : NULL,
		.debug = str_eq(step_text(r, FIELD_FLAVOR), "dbg"),
	};
	_free_ char *ccache = NULL;
	const char *source[3];
	struct kbuild k;

	if (step_kbuild(r, "sysroot", true, &k, source, e) < 0)
		return -1;
	if (r->env->use_ccache) {
		ccache = store_dir(r->env->store, "ccache", e);
		if (!ccache)
			return -1;
		k.ccache = ccache;
	}
	return kbuild_compile(&k, &request, r->out, e);
}

int step_pack(struct step_run *r, struct err *e)
{
	int64_t date;

	if (step_date(r, &date, e) < 0)
		return -1;
	return kernel_pack(step_need(r, "compile", NULL), date, r->out, e);
}

int step_perf(struct step_run *r, struct err *e)
{
	const char *source[3];
	struct kbuild k;

	if (step_kbuild(r, "perf-sysroot", true, &k, source, e) < 0)
		return -1;
	return kbuild_perf(&k, r->out, e);
}
