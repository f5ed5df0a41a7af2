/* kiln image: what is in a layout, whether it is sound, and taking things out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "oci/blob.h"
#include "oci/index.h"
#include "oci/manage.h"
#include "oci/media.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/command.h"
#include "toolchains/arch.h"

#define DEFAULT_LAYOUT "out"

/* What the subcommands share: the layout, opened and locked, and their words. */
struct request {
	struct oci_layout *l;
	const char *arch, *format;
	int argc;
	char **argv; /* operands */
};

struct verb {
	const char *name, *operands;
	int min, max;
	bool exclusive, takes_layout; /* one more operand may name the layout */
	int (*run)(const struct request *r, struct err *e);
};

static const char *short_digest(const json_t *descriptor)
{
	const char *digest = json_get_string(descriptor, "digest");

	return digest ? digest : "?";
}

/* Sum of the sizes of all blobs below one entry of index.json. */
static int size_of(
	const struct oci_layout *l, const json_t *entry, uint64_t *bytes, struct err *e)
{
	_json_ json_t *manifest = oci_blob_json(l, entry, e);
	const json_t *child;
	size_t i;

	if (!manifest)
		return -1;
	*bytes += (uint64_t)oci_descriptor_size(json_object_get(manifest, "config"));
	json_array_foreach(json_object_get(manifest, "layers"), i, child) *bytes +=
		(uint64_t)oci_descriptor_size(child);
	json_array_foreach(json_object_get(manifest, "manifests"), i,
		child) if (size_of(l, child, bytes, e) < 0) return -1;
	return 0;
}

static int platforms_of(
	const struct oci_layout *l, const json_t *entry, struct buf *text, struct err *e)
{
	_json_ json_t *index = NULL;
	const json_t *child;
	size_t i;

	if (media_of(json_get_string(entry, "mediaType"))->kind != MEDIA_INDEX)
		return 0;
	index = oci_blob_json(l, entry, e);
	if (!index)
		return -1;
	json_array_foreach(json_object_get(index, "manifests"), i, child)
	{
		_free_ char *name = oci_platform_name(child);

		buf_addf(text, "%s%s", i ? "," : "", name);
	}
	return 0;
}

static int run_ls(const struct request *r, struct err *e)
{
	_json_ json_t *index = oci_layout_index(r->l, e);
	const json_t *entry;
	size_t i;

	if (!index)
		return -1;
	json_array_foreach(json_object_get(index, "manifests"), i, entry)
	{
		_free_ char *name = str_printable(oci_index_name_of(entry));
		_buf_ struct buf platforms = {0};
		uint64_t bytes = 0;

		if (platforms_of(r->l, entry, &platforms, e) < 0 ||
			size_of(r->l, entry, &bytes, e) < 0)
			return err_wrap(e, "%s", name);
		printf("%s  %s  %s  %s\n", name, short_digest(entry), str_bytes(bytes),
			platforms.len ? platforms.data : "-");
	}
	return 0;
}

/* One platform of an image, as inspect shows it. */
static json_t *describe(const struct oci_layout *l, json_t *descriptor, struct err *e)
{
	_json_ json_t *manifest = oci_blob_json(l, descriptor, e), *config = NULL;
	json_t *shown;

	if (!manifest)
		return NULL;
	config = oci_blob_json(l, json_object_get(manifest, "config"), e);
	if (!config)
		return NULL;
	shown = json_pack("{s:O, s:O}", "manifest", manifest, "config", config);
	json_object_set(shown, "digest", json_object_get(descriptor, "digest"));
	if (json_object_get(descriptor, "platform"))
		json_object_set(
			shown, "platform", json_object_get(descriptor, "platform"));
	return shown;
}

static int describe_all(
	const struct oci_layout *l, json_t *entry, json_t *platforms, struct err *e)
{
	_json_ json_t *index = NULL, *shown = NULL;
	json_t *child;
	size_t i;

	if (media_of(json_get_string(entry, "mediaType"))->kind != MEDIA_INDEX) {
		shown = describe(l, entry, e);
		return shown ? json_array_append(platforms, shown) : -1;
	}
	index = oci_blob_json(l, entry, e);
	if (!index)
		return -1;
	json_array_foreach(json_object_get(index, "manifests"), i,
		child) if (describe_all(l, child, platforms, e) < 0) return -1;
	return 0;
}

static int run_inspect(const struct request *r, struct err *e)
{
	_json_ json_t *index = oci_layout_index(r->l, e);
	_json_ json_t *platforms = json_array(), *shown = NULL;
	json_t *entry = index ? oci_index_lookup(index, r->l->path, r->argv[0], e) : NULL;

	if (!entry || describe_all(r->l, entry, platforms, e) < 0)
		return -1;
	shown = json_pack("{s:s, s:s, s:O}", "name", oci_index_name_of(entry), "digest",
		short_digest(entry), "platforms", platforms);
	if (json_dumpf(shown, stdout, JSON_SORT_KEYS | JSON_INDENT(2)) < 0)
		return err_sys(e, "can't write the output");
	putchar('\n');
	return 0;
}

static void print_garbage(const struct request *r, const struct oci_census *census)
{
	if (census->garbage)
		printf("%s: nothing reaches %zu of its blobs (%s): 'kiln image gc' "
		       "removes "
		       "them\n",
			r->l->path, census->garbage, str_bytes(census->garbage_bytes));
}

static int run_verify(const struct request *r, struct err *e)
{
	_str_vec_ struct str_vec faults = {0};
	struct oci_census census = {0};

	if (oci_verify(r->l, &faults, &census, e) < 0)
		return -1;
	STR_VEC_FOREACH (text, &faults) {
		_free_ char *shown = str_printable(text);

		printf("%s\n", shown);
	}
	print_garbage(r, &census);
	if (faults.len)
		return err_set(e, ERR_STORE,
			"%s: the layout is damaged, %zu fault%s above: 'kiln image rm' "
			"what is "
			"named there, then build or copy it anew",
			r->l->path, faults.len, faults.len == 1 ? "" : "s");
	printf("%s: %zu image%s, %zu blobs, %s: sound\n", r->l->path, census.images,
		census.images == 1 ? "" : "s", census.blobs, str_bytes(census.bytes));
	return 0;
}

static int run_gc(const struct request *r, struct err *e)
{
	struct oci_census census = {0};

	if (oci_collect(r->l, &census, e) < 0)
		return -1;
	printf("%s: %zu image%s; %zu blobs (%s) removed\n", r->l->path, census.images,
		census.images == 1 ? "" : "s", census.garbage,
		str_bytes(census.garbage_bytes));
	return 0;
}

static int run_rm(const struct request *r, struct err *e)
{
	if (oci_forget(r->l, (const char *const *)r->argv, (size_t)r->argc, e) < 0)
		return -1;
	return run_gc(r, e);
}

static int run_export(const struct request *r, struct err *e)
{
	struct oci_export what = {
		.word = r->argv[0], .path = r->argv[1], .architecture = ""};
	const struct arch *arch;

	if (!r->format || str_eq(r->format, "oci-archive"))
		what.form = OCI_ARCHIVE;
	else if (str_eq(r->format, "docker-archive"))
		what.form = DOCKER_ARCHIVE;
	else
		return err_set(e, ERR_USAGE,
			"--format is oci-archive or docker-archive, not '%s'", r->format);
	if (r->arch) {
		arch = arch_find(r->arch, e);
		if (!arch)
			return -1;
		what.architecture = arch->goarch;
	}
	return oci_export(r->l, &what, e);
}

static const struct verb verbs[] = {
	{"ls", "", 0, 0, false, true, run_ls},
	{"inspect", " IMAGE", 1, 1, false, false, run_inspect},
	{"verify", "", 0, 0, false, true, run_verify},
	{"export", " [--format oci-archive|docker-archive] [--arch ARCH] IMAGE FILE", 2,
		2, false, false, run_export},
	{"rm", " IMAGE...", 1, 1000000, true, false, run_rm},
	{"gc", "", 0, 0, true, true, run_gc},
};

static int usage(struct err *e)
{
	_buf_ struct buf text = {0};

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		buf_addf(&text, "%s%s%s", i ? " | " : "", verbs[i].name,
			verbs[i].operands);
	return err_set(e, ERR_USAGE, "usage: kiln image [-o LAYOUT] %s", text.data);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_eq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

int cmd_image(
	const struct options *global, int argc, char **argv, int *status, struct err *e);
int cmd_image(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_layout_ struct oci_layout l = OCI_LAYOUT_CLOSED;
	const char *layout = NULL;
	struct request r = {.l = &l};
	const struct option_row rows[] = {
		{"-o", "LAYOUT", "the layout (default: " DEFAULT_LAYOUT ")", &layout,
			false},
		{"--arch", "ARCH", "one platform of the image", &r.arch, false},
		{"--format", "FORM", "oci-archive or docker-archive", &r.format, false},
		{NULL, NULL, NULL, NULL, false},
	};
	const struct verb *verb;

	(void)global;
	(void)status;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	verb = argc > 1 ? find_verb(argv[1]) : NULL;
	if (!verb)
		return usage(e);
	r.argc = argc - 2;
	r.argv = argv + 2;
	if (verb->takes_layout && !layout && r.argc == 1) {
		layout = r.argv[0];
		r.argc = 0;
	}
	if (r.argc < verb->min || r.argc > verb->max)
		return usage(e);
	if (oci_layout_open(&l, layout ? layout : DEFAULT_LAYOUT, e) < 0 ||
		oci_layout_lock(&l, verb->exclusive, e) < 0)
		return -1;
	return verb->run(&r, e);
}
