#include <stdio.h>
#include <stdlib.h>
#include "orchestrator/stage.h"

#define F(name) (FIELD_##name + 1)

const struct stage stages[] = {
	{
		.name = "source",
		.version = 1,
		.fields = {F(VERSION), F(RT_VERSION), F(ORIGIN), F(PIN), F(SOURCE_URL),
			F(SOURCE_ID), F(REQUIRE), F(KEYS)},
		.cost = 20,
		.noun = "fetching the source",
		.run = step_source,
	},
	{
		.name = "tree",
		.version = 1,
		.needs = {"source"},
		.fields = {F(VERSION), F(RT_VERSION), F(ORIGIN), F(PIN), F(SOURCE_URL),
			F(SOURCE_ID), F(REQUIRE), F(KEYS)},
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
	},
	{
		.name = "sysroot",
		.version = 1,
		.fields = {F(SYSROOT), F(ARCH), F(TOOLCHAIN)},
		.cost = 25,
		.noun = "making the sysroot",
		.run = step_sysroot,
	},
	{
		.name = "perf-sysroot",
		.version = 1,
		.fields = {F(PERF_SYSROOT), F(ARCH), F(TOOLCHAIN)},
		.cost = 25,
		.noun = "making the sysroot for perf",
		.run = step_perf_sysroot,
	},
	{
		.name = "patch",
		.version = 1,
		.needs = {"tree", "tools"},
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
		.version = 1,
		.needs = {"tree", "patch", "perf-sysroot"},
		.fields = {F(ARCH), F(TOOLCHAIN)},
		.cost = 120,
		.noun = "compiling perf",
		.run = step_perf,
	},
	{
		.name = "image",
		.version = 3,
		.needs = {"tree", "archive", "compile", "pack"},
		.fields = {F(ARCH), F(VERSION), F(FLAVOR), F(SYSROOT), F(BUILD_IMAGE),
			F(COMPRESSION), F(REVISION), F(LOCALVERSION)},
		.cost = 10,
		.noun = "writing the image",
		.run = step_image,
	},
	{
		.name = "perf-image",
		.version = 2,
		.needs = {"tree", "perf"},
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

const char *step_need(struct step_run *r, const char *stage, const char *name)
{
	for (size_t i = 0; i < STAGE_MAX_NEEDS && r->stage->needs[i]; i++)
		if (str_eq(r->stage->needs[i], stage))
			return arena_printf(&r->arena, "%s/%s/%s%s%s",
				r->env->store->path, stage, r->need_keys[i],
				name ? "/" : "", name ? name : "");
	undeclared(r, "result of", stage);
	return NULL;
}
