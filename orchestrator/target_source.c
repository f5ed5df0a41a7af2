#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include "kernel/ucode.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/data.h"
#include "orchestrator/target_source.h"
#include "sysroot/box.h"

#define DAY_SECONDS (24 * 60 * 60)

/* Both rings of a directory. */
static int set_key_dir(struct arena *a, struct target *t, const char *dir,
	const char **keys, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	if (fs_list(AT_FDCWD, dir, &names, e) < 0)
		return -1;
	*keys = arena_strdup(a, dir);
	for (size_t i = 0; i < names.len; i++)
		if (str_ends(names.items[i], ".asc") &&
			recipe_add_file(a, &t->recipe, FIELD_KEYS,
				arena_printf(a, "%s/%s", *keys, names.items[i]), e) < 0)
			return -1;
	return 0;
}

/* The keyrings: the workspace's own, common/keys/ (sums.asc and developers.asc) or
 * LinuxKit's common/keys.asc, or kiln's. */
static int set_keys(struct arena *a, const struct workspace *w, struct target *t,
	const char **keys, struct err *e)
{
	const char *own = arena_printf(a, "%s/common/keys.asc", w->path);
	const char *own_dir = arena_printf(a, "%s/common/keys", w->path);
	_free_ char *shipped = NULL;

	if (fs_is_dir(AT_FDCWD, own_dir))
		return set_key_dir(a, t, own_dir, keys, e);
	if (fs_exists(AT_FDCWD, own)) {
		*keys = own;
		return recipe_add_file(a, &t->recipe, FIELD_KEYS, own, e);
	}
	shipped = data_path("kernel/keys", e);
	return shipped ? set_key_dir(a, t, shipped, keys, e) : -1;
}

/* What was resolved, in the store: "<version> <origin> <seconds>". One per series and
 * list of mirrors, since another mirror may know another newest. */
static const char *resolved_name(
	struct arena *a, const char *release, const struct options *global)
{
	_buf_ struct buf text = {0};
	char hex[SHA256_HEX_LEN + 1];

	for (size_t i = 0; i < global->mirrors.len; i++)
		buf_addf(&text, "%s\n", global->mirrors.items[i]);
	digest_sha256(buf_str(&text), text.len, hex);
	return arena_printf(a, "latest-%s-%.12s", release, hex);
}

static bool read_resolved(struct arena *a, const struct store *store, const char *name,
	bool any_age, const char **version, const char **origin)
{
	_buf_ struct buf text = {0};
	_str_vec_ struct str_vec words = {0};
	uint64_t when;

	if (!store_get_record(store, name, "resolved", &text))
		return false;
	str_split(&words, text.data, " \n");
	if (words.len != 3 || !str_to_u64(words.items[2], &when))
		return false;
	if (!any_age && (uint64_t)time(NULL) - when > DAY_SECONDS)
		return false;
	*version = arena_strdup(a, words.items[0]);
	*origin = arena_strdup(a, words.items[1]);
	return true;
}

static bool is_apt(const char *mirror)
{
	return str_starts(mirror, "apt:");
}

/* The mirrors of one kind: the distribution's own tree has other bytes than kernel.org's
 * of the same version, so it must be known which of them the newest is of. */
static void mirrors_of(const struct options *global, bool apt, struct str_vec *out)
{
	for (size_t i = 0; i < global->mirrors.len; i++)
		if (is_apt(global->mirrors.items[i]) == apt)
			str_vec_add(out, global->mirrors.items[i]);
}

/* The newest release at kernel.org's mirrors, or, where they don't answer and apt: is
 * among the mirrors, the one of the host's source package. */
static int ask_latest(const char *release, struct source_spec *spec,
	const struct options *global, struct source_env *env, char **version,
	const char **origin, struct err *e)
{
	_str_vec_ struct str_vec plain = {0}, apt = {0};
	struct err first = {0};

	mirrors_of(global, false, &plain);
	mirrors_of(global, true, &apt);
	*origin = "kernel.org";
	env->mirrors = (const char *const *)plain.items;
	if (plain.len || !apt.len) {
		if (source_latest(release, spec, env, version, &first) == 0)
			return 0;
		if (!apt.len || first.code != ERR_NETWORK) {
			*e = first;
			return -1;
		}
		log_info("%s", first.msg);
		log_info("taking the distribution's own kernel source instead");
	}
	*origin = "apt";
	spec->apt = true;
	env->mirrors = (const char *const *)apt.items;
	if (source_latest(release, spec, env, version, e) == 0)
		return 0;
	return first.code ? err_hint(e, "and %s", first.msg) : -1;
}

static int resolve_latest(struct arena *a, const char *release, struct source_spec *spec,
	const struct options *global, const struct selection *selection,
	const struct store *store, const char **origin, struct err *e)
{
	const char *name = resolved_name(a, release, global);
	_free_ char *cache = NULL, *found = NULL, *text = NULL;
	struct source_env env = {.offline = global->offline};

	if (read_resolved(a, store, name, global->offline, &spec->version, origin))
		return 0;
	/* Who can't build here shouldn't wait for a mirror to learn it. */
	if (selection->builds && box_probe(e) < 0)
		return -1;
	cache = store_dir(store, "cache", e);
	if (!cache)
		return -1;
	env.cache = cache;
	if (ask_latest(release, spec, global, &env, &found, origin, e) < 0)
		return err_wrap(e, "KERNEL_VERSION=latest");
	spec->version = arena_strdup(a, found);
	text = xasprintf("%s %s %lld\n", found, *origin, (long long)time(NULL));
	return store_put_record(store, name, "resolved", text, e);
}

/* What a fixed version comes from: with apt: beside other mirrors, either will do. */
static const char *default_origin(const struct options *global)
{
	_str_vec_ struct str_vec apt = {0};

	mirrors_of(global, true, &apt);
	if (!apt.len)
		return "kernel.org";
	return apt.len == global->mirrors.len ? "apt" : "either";
}

int target_set_source(struct arena *a, struct workspace *w, const struct options *global,
	const struct selection *selection, const struct store *store, const char *version,
	struct target *t, struct err *e)
{
	const struct build_args *args = &t->series->args;
	const char *own = args->value[ARG_KERNEL_VERSION].text;
	const char *pin = args->value[ARG_KERNEL_SHA256].text;
	const char *require = selection->require ? selection->require : "both";
	const char *origin = default_origin(global);
	struct source_spec spec = {
		.version = version ? version : own,
		.rt = args->value[ARG_RT_VERSION].text,
		.pin = version && !str_eq(version, own) ? NULL
							: pin, /* it's of its version */
		.url = args->value[ARG_KERNEL_SOURCE].text,
	};
	_free_ char *identity = NULL;

	if (source_require_by_name(require, &spec.require, e) < 0 ||
		set_keys(a, w, t, &spec.keys, e) < 0)
		return -1;
	if (str_eq(spec.version, "latest") &&
		resolve_latest(a, series_release(w, t->series), &spec, global, selection,
			store, &origin, e) < 0)
		return -1;
	spec.apt = !str_eq(origin, "kernel.org");
	if (source_check(&spec, e) < 0)
		return -1;
	if (source_identity(&spec, &identity, e) < 0)
		return -1;
	t->version = arena_strdup(a, spec.version);
	recipe_set(a, &t->recipe, FIELD_VERSION, spec.version);
	recipe_set(a, &t->recipe, FIELD_RT_VERSION, spec.rt);
	recipe_set(a, &t->recipe, FIELD_ORIGIN, origin);
	recipe_set(a, &t->recipe, FIELD_PIN, spec.pin);
	recipe_set(a, &t->recipe, FIELD_SOURCE_URL, spec.url);
	recipe_set(a, &t->recipe, FIELD_SOURCE_ID, identity);
	recipe_set(a, &t->recipe, FIELD_REQUIRE, require);
	return 0;
}

int target_set_ucode(struct arena *a, struct target *t, struct err *e)
{
	const struct build_arg_value *place = &t->series->args.value[ARG_INTEL_UCODE];
	const struct build_arg_value *pin =
		&t->series->args.value[ARG_INTEL_UCODE_SHA256];
	const struct given g = ucode_given(place->text, pin->text);
	_free_ char *identity = NULL;

	if (!t->arch->intel_ucode || !g.place)
		return 0;
	if (given_check(&g, e) < 0 || given_identity(&g, &identity, NULL, e) < 0)
		return err_wrap(e, "%s:%d", place->file, place->line);
	recipe_set(a, &t->recipe, FIELD_UCODE, g.place);
	recipe_set(a, &t->recipe, FIELD_UCODE_PIN, g.pin);
	recipe_set(a, &t->recipe, FIELD_UCODE_ID, identity);
	return 0;
}
