#include <fcntl.h>
#include "orchestrator/recipe.h"

static const char *const names[FIELD_COUNT] = {
	[FIELD_VERSION] = "version",
	[FIELD_RT_VERSION] = "rt-version",
	[FIELD_ORIGIN] = "origin",
	[FIELD_PIN] = "pin",
	[FIELD_SOURCE_URL] = "source-url",
	[FIELD_SOURCE_ID] = "source-id",
	[FIELD_REQUIRE] = "require",
	[FIELD_KEYS] = "keys",
	[FIELD_PATCHES] = "patches",
	[FIELD_TOOLS] = "tools",
	[FIELD_SYSROOT] = "sysroot",
	[FIELD_PERF_SYSROOT] = "perf-sysroot",
	[FIELD_BUILD_IMAGE] = "build-image",
	[FIELD_ARCH] = "arch",
	[FIELD_TOOLCHAIN] = "toolchain",
	[FIELD_CONFIG] = "config",
	[FIELD_LOCALVERSION] = "localversion",
	[FIELD_FLAVOR] = "flavor",
	[FIELD_DRIFT] = "config-drift",
	[FIELD_MODULE_KEY] = "module-key",
	[FIELD_UCODE] = "intel-ucode",
	[FIELD_UCODE_PIN] = "intel-ucode-pin",
	[FIELD_UCODE_ID] = "intel-ucode-id",
	[FIELD_COMPRESSION] = "compression",
	[FIELD_REVISION] = "revision",
};

const char *field_name(enum field f)
{
	return names[f];
}

void recipe_set(struct arena *a, struct recipe *r, enum field f, const char *text)
{
	r->field[f].text = text ? arena_strdup(a, text) : "";
}

int recipe_add_file(
	struct arena *a, struct recipe *r, enum field f, const char *path, struct err *e)
{
	struct field_value *v = &r->field[f];
	struct field_file *files = arena_alloc(a, (v->count + 1) * sizeof(*files));

	if (v->count)
		memcpy(files, v->files, v->count * sizeof(*files));
	files[v->count].path = arena_strdup(a, path);
	if (digest_file(AT_FDCWD, path, files[v->count].digest, NULL, e) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	v->files = files;
	v->count++;
	return 0;
}
