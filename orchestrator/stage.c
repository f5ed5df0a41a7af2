#include <stdio.h>
#include <stdlib.h>
#include "orchestrator/stage.h"

#define F(name) (FIELD_##name + 1)

const struct stage stages[] = {
	{
		.name = "source",
		.version = 1,
		.fields = {F(VERSION), F(ORIGIN), F(PIN), F(SOURCE_URL), F(SOURCE_ID),
			F(REQUIRE), F(KEYS)},
		.cost = 20,
		.noun = "fetching the source",
		.run = step_source,
		.missing = step_source_missing,
	},
	{
		.name = "queue",
		.version = 1,
		.fields = {F(RT_VERSION), F(REQUIRE), F(KEYS)},
		.only_with = F(RT_VERSION),
		.cost = 2,
		.noun = "fetching the patch queue",
		.run = step_queue,
		.missing = step_queue_missing,
	},
	{
		.name = "tree",
		.version = 1,
		.needs = {"source"},
		.fields = {F(VERSION), F(ORIGIN), F(PIN), F(SOURCE_URL), F(SOURCE_ID),
			F(REQUIRE), F(KEYS)},
		.cost = 15,
		.noun = "unpacking the source",
		.run = step_tree,
	},
	{
		.name = "tools",
		.version = 1,
		.fields = {F(TOOLS)},
		.cost = 10,
		.noun = "making the sysroot for patching",
		.run = step_tools,
		.missing = step_tools_missing,
	},
	{
		.name = "sysroot",
		.version = 1,
		.fields = {F(SYSROOT), F(ARCH), F(TOOLCHAIN)},
		.cost = 25,
		.noun = "making the sysroot",
		.run = step_sysroot,
		.missing = step_sysroot_missing,
	},
	{
		.name = "perf-sysroot",
		.version = 1,
		.fields = {F(PERF_SYSROOT), F(ARCH), F(TOOLCHAIN)},
		.cost = 25,
		.noun = "making the sysroot for perf",
		.run = step_perf_sysroot,
		.missing = step_perf_sysroot_missing,
	},
	{
		.name = "ucode",
		.version = 1,
		.fields = {F(UCODE), F(UCODE_PIN), F(UCODE_ID)},
		.only_with = F(UCODE),
		.cost = 2,
		.noun = "fetching Intel's microcode",
		.run = step_ucode,
		.missing = step_ucode_missing,
	},
	{
		.name = "patch",
		.version = 1,
		.needs = {"tree", "queue", "tools"},
		.fields = {F(PATCHES)},
		.cost = 3,
		.noun = "patching",
		.run = step_patch,
	},
	{
		.name = "archive",
		.version = 1,
		.needs = {"tree", "patch", "tools"},
		.cost = 60,
		.noun = "archiving the patched source",
		.run = step_archive,
	},
	{
		.name = "config",
		.version = 1,
		.needs = {"tree", "patch", "sysroot"},
		.fields = {F(ARCH), F(TOOLCHAIN), F(CONFIG), F(LOCALVERSION), F(FLAVOR),
			F(DRIFT)},
		.cost = 10,
		.noun = "configuring",
		.run = step_config,
	},
	{
		.name = "compile",
		.version = 1,
		.needs = {"tree", "patch", "sysroot", "config"},
		.fields = {F(ARCH), F(TOOLCHAIN), F(FLAVOR), F(MODULE_KEY)},
		.cost = 1500,
		.noun = "compiling",
		.run = step_compile,
	},
	{
		.name = "pack",
		.version = 1,
		.needs = {"tree", "compile"},
		.cost = 10,
		.noun = "packing",
		.run = step_pack,
	},
	{
		.name = "perf",
		.version = 3,
		.needs = {"tree", "patch", "perf-sysroot"},
		.fields = {F(ARCH), F(TOOLCHAIN)},
		.cost = 120,
		.noun = "compiling perf",
		.run = step_perf,
	},
	{
		.name = "image",
		.version = 4,
		.needs = {"tree", "queue", "ucode", "archive", "compile", "pack"},
		.fields = {F(ARCH), F(VERSION), F(FLAVOR), F(SYSROOT), F(BUILD_IMAGE),
			F(COMPRESSION), F(REVISION), F(LOCALVERSION)},
		.cost = 10,
		.noun = "writing the image",
		.run = step_image,
	},
	{
		.name = "perf-image",
		.version = 3,
		.needs = {"tree", "queue", "perf"},
		.fields = {F(ARCH), F(VERSION), F(PERF_SYSROOT), F(BUILD_IMAGE),
			F(COMPRESSION), F(REVISION), F(LOCALVERSION)},
		.cost = 3,
		.noun = "writing the perf image",
		.run = step_perf_image,
	},
	{.name = NULL},
};

const struct stage *stage_find(const char *name)
{
	for (const struct stage *s = stages; s->name; s++)
		if (str_eq(s->name, name))
			return s;
	return NULL;
}

bool stage_applies(const struct stage *stage, const struct recipe *recipe)
{
	return !stage->only_with || *recipe->field[stage->only_with - 1].text;
}

static void undeclared(const struct step_run *r, const char *kind, const char *name)
{
	fprintf(stderr,
		"kiln: bug: the stage '%s' reads the %s '%s' without declaring it\n",
		r->stage->name, kind, name);
	abort();
}

static void must_declare(const struct step_run *r, enum field f)
{
	for (size_t i = 0; i < STAGE_MAX_FIELDS && r->stage->fields[i]; i++)
		if (r->stage->fields[i] == (int)f + 1)
			return;
	undeclared(r, "field", field_name(f));
}

const char *step_text(const struct step_run *r, enum field f)
{
	must_declare(r, f);
	return r->recipe->field[f].text;
}

const struct field_value *step_files(const struct step_run *r, enum field f)
{
	must_declare(r, f);
	return &r->recipe->field[f];
}

/* The key of a need; NULL where the target goes without it. */
static const char *need_key(const struct step_run *r, const char *stage)
{
	for (size_t i = 0; i < STAGE_MAX_NEEDS && r->stage->needs[i]; i++)
		if (str_eq(r->stage->needs[i], stage))
			return r->need_keys[i];
	undeclared(r, "result of", stage);
	return NULL;
}

const char *step_need(struct step_run *r, const char *stage, const char *name)
{
	const char *key = need_key(r, stage);

	if (!key)
		return NULL;
	return arena_printf(&r->arena, "%s/%s/%s%s%s", r->env->store->path, stage, key,
		name ? "/" : "", name ? name : "");
}

int step_drop_need(struct step_run *r, const char *stage, struct err *e)
{
	return store_drop(r->env->store, stage, need_key(r, stage), e);
}
