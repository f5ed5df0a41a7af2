#include <fcntl.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/step_common.h"

int step_date(struct step_run *r, int64_t *date, struct err *e)
{
	_source_info_ struct source_info info = {0};

	if (source_info_read(step_need(r, "tree", NULL), &info, e) < 0)
		return -1;
	*date = info.date;
	return 0;
}

static bool declares(const struct step_run *r, enum field f)
{
	for (size_t i = 0; i < STAGE_MAX_FIELDS && r->stage->fields[i]; i++)
		if (r->stage->fields[i] == (int)f + 1)
			return true;
	return false;
}

/* A sysroot that is a place of the host ("host") left a link instead of a directory. */
int step_kbuild(struct step_run *r, const char *sysroot_stage, bool patched,
	struct kbuild *k, const char *source[3], struct err *e)
{
	*k = (struct kbuild){
		.arch = arch_host(),
		.toolchain = toolchain_find("gcc", e),
		.root = step_need(r, sysroot_stage, "root"),
		.source = source,
		.scratch = r->scratch,
		.log = r->log,
		.jobserver = {r->jobserver[0], r->jobserver[1]},
		.jobs = r->env->jobs,
		.cancel = r->cancel,
		.shell = r->env->shell,
	};
	source[0] =
		patched ? step_need(r, "patch", "layer") : step_need(r, "tree", "tree");
	source[1] = patched ? step_need(r, "tree", "tree") : NULL;
	source[2] = NULL;
	if (declares(r, FIELD_ARCH)) {
		k->arch = arch_find(step_text(r, FIELD_ARCH), e);
		k->toolchain = toolchain_find(step_text(r, FIELD_TOOLCHAIN), e);
	}
	if (!k->arch || !k->toolchain)
		return -1;
	return step_date(r, &k->date, e);
}

const char *step_sysroot_name(struct step_run *r, enum field f)
{
	const char *text = step_text(r, f);

	return arena_strndup(&r->arena, text, strcspn(text, " "));
}
