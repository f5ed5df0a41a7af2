#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/workspace.h"

/* Length of "<major>.<minor>.x" at the start of name, followed by the end or "-x"; 0 if
 * the name is no series. */
static size_t series_len(const char *name)
{
	size_t major = strspn(name, "0123456789"), minor, len;

	if (!major || name[major] != '.')
		return 0;
	minor = strspn(name + major + 1, "0123456789");
	len = major + 1 + minor;
	if (!minor || name[len] != '.' || name[len + 1] != 'x')
		return 0;
	len += 2;
	return name[len] == '\0' || (name[len] == '-' && name[len + 1]) ? len : 0;
}

bool workspace_is_one(const char *path)
{
	_str_vec_ struct str_vec names = {0};
	struct err ignored = {0};

	if (fs_list(AT_FDCWD, path, &names, &ignored) < 0)
		return false;
	for (size_t i = 0; i < names.len; i++)
		if (series_len(names.items[i]))
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	const struct series *x = a, *y = b;

	return str_version_cmp(x->name, y->name);
}

const struct series *workspace_find(const struct workspace *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++)
		if (str_eq(w->series[i].name, name))
			return &w->series[i];
	return NULL;
}

static struct series *add_series(struct workspace *w, const char *name, size_t base_len)
{
	struct series *s = &w->series[w->count++];

	*s = (struct series){
		.name = arena_strdup(&w->arena, name),
		.variant = "",
	};
	if (name[base_len])
		s->variant = arena_strdup(&w->arena, name + base_len + 1);
	return s;
}

static int add_dir(struct workspace *w, const char *name, struct err *e)
{
	char *dir = arena_printf(&w->arena, "%s/%s", w->path, name);
	struct stat st;
	struct series *s;

	if (stat(dir, &st) < 0) {
		err_sys(e, "%s: the series can't be read", dir);
		e->code = ERR_USAGE;
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "%s: a series has to be a directory", dir);
	s = add_series(w, name, series_len(name));
	s->dir = dir;
	s->deprecated =
		fs_exists(AT_FDCWD, arena_printf(&w->arena, "%s/deprecated", dir));
	return 0;
}

/* Configs of the older form, config-<series>-<arch>-foo beside the series, make a variant
 * foo of it: what EXTRA=-foo was. */
static void add_beside(struct workspace *w, const char *name)
{
	const char *series = name + strlen("config-");
	size_t len = strcspn(series, "x") + 1;

	for (const struct arch *const *a = arch_all(); *a; a++) {
		_free_ char *mark = xasprintf("-%s-", (*a)->name);
		const char *at = strstr(series, mark);
		char *variant;

		if (!at || (size_t)(at - series) != len)
			continue;
		variant = arena_printf(
			&w->arena, "%.*s-%s", (int)len, series, at + strlen(mark));
		if (series_len(variant) && !workspace_find(w, variant))
			add_series(w, variant, len);
	}
}

static int where(struct err *e, const struct build_arg_value *v, const char *text)
{
	_free_ char *shown = str_printable(v->text);

	return err_set(e, ERR_USAGE, "%s:%d: '%s' %s", v->file, v->line, shown, text);
}

/* Whether v is "<a>.<b>[.<c>][-rc<n>]". */
static bool is_version(const char *v)
{
	for (int part = 0;; part++) {
		size_t digits = strspn(v, "0123456789");

		if (!digits || digits > 6 || part > 2)
			return false;
		v += digits;
		if (*v != '.')
			break;
		v++;
	}
	if (str_starts(v, "-rc"))
		return v[3] && strspn(v + 3, "0123456789") == strlen(v + 3);
	return *v == '\0';
}

static bool belongs(struct workspace *w, const struct series *s, const char *version)
{
	const char *release = series_release(w, s);
	size_t len = strlen(release);

	return strncmp(version, release, len) == 0 &&
	       strchr(".-", version[len]); /* also the end of the string */
}

static int check_args(struct workspace *w, struct series *s, struct err *e)
{
	const struct build_arg_value *v = &s->args.value[ARG_KERNEL_VERSION];
	const struct build_arg_value *series = &s->args.value[ARG_KERNEL_SERIES];
	const struct build_arg_value *pin = &s->args.value[ARG_KERNEL_SHA256];
	const struct build_arg_value *rt = &s->args.value[ARG_RT_VERSION];
	const char *base = s->base ? s->base->name : s->name;

	if (!v->text)
		return err_set(e, ERR_USAGE,
			"%s/build-args: KERNEL_VERSION is missing: add a line "
			"KERNEL_VERSION=<version>, or latest",
			s->dir ? s->dir : base);
	if (!str_eq(v->text, "latest") && !is_version(v->text))
		return where(e, v,
			"is no kernel version: expected one like 6.12.59, or latest");
	if (!str_eq(v->text, "latest") && !belongs(w, s, v->text))
		return where(e, v, "does not belong to the series of its directory");
	if (series->text && !str_eq(series->text, base))
		return where(e, series, "is not the series of its directory");
	if (pin->text &&
		(strlen(pin->text) != 64 || strspn(pin->text, "0123456789abcdef") != 64))
		return where(e, pin, "is no sha256: expected 64 lower-case hex digits");
	if (rt->text && !belongs(w, s, rt->text))
		return where(e, rt, "is not of this series: take the RT release of it");
	return 0;
}

static int read_args(struct workspace *w, struct series *s, struct err *e)
{
	char *path = arena_printf(&w->arena, "%s/build-args", s->dir ? s->dir : "");
	bool is_variant = *s->variant != '\0';

	if (is_variant) {
		char *base = arena_strndup(&w->arena, s->name, series_len(s->name));

		base[strlen(s->name) - strlen(s->variant) - 1] = '\0';
		s->base = workspace_find(w, base);
		if (!s->base)
			return err_set(e, ERR_USAGE,
				"%s/%s: a variant of %s, and there is no %s beside it",
				w->path, s->name, base, base);
		s->args = s->base->args;
	}
	if (s->dir && fs_exists(AT_FDCWD, path)) {
		if (build_args_read(&w->arena, path, &s->args, e) < 0)
			return -1;
	} else if (!is_variant) {
		return err_set(e, ERR_USAGE,
			"%s is missing: a series needs it, with at least a line "
			"KERNEL_VERSION=<version>",
			path);
	}
	return check_args(w, s, e);
}

int workspace_read(const char *path, struct workspace *w, struct err *e)
{
	_str_vec_ struct str_vec names = {0};

	*w = (struct workspace){0};
	w->path = arena_strdup(&w->arena, path);
	if (fs_list(AT_FDCWD, path, &names, e) < 0) {
		e->code = ERR_USAGE;
		return err_wrap(e, "the workspace");
	}
	w->series = arena_alloc(&w->arena, (2 * names.len + 1) * sizeof(*w->series));
	for (size_t i = 0; i < names.len; i++)
		if (series_len(names.items[i]) && add_dir(w, names.items[i], e) < 0)
			return -1;
	if (!w->count)
		return err_set(e, ERR_USAGE,
			"%s holds no kernel series: expected directories like 6.12.x; "
			"give "
			"another workspace with -C",
			path);
	for (size_t i = 0; i < names.len; i++)
		if (str_starts(names.items[i], "config-"))
			add_beside(w, names.items[i]);
	qsort(w->series, w->count, sizeof(*w->series), by_name);
	for (size_t i = 0; i < w->count; i++)
		if (read_args(w, &w->series[i], e) < 0)
			return -1;
	return 0;
}

void workspace_free(struct workspace *w)
{
	arena_free(&w->arena);
}

const char *series_config(
	struct workspace *w, const struct series *s, const struct arch *arch)
{
	if (s->dir)
		return arena_printf(&w->arena, "%s/config-%s", s->dir, arch->name);
	return arena_printf(&w->arena, "%s/config-%s-%s-%s", w->path, s->base->name,
		arch->name, s->variant);
}

int series_patches(const struct series *s, struct str_vec *paths, struct err *e)
{
	_free_ char *dir = s->dir ? fs_join(s->dir, "patches") : NULL;
	_str_vec_ struct str_vec names = {0};

	if (!dir || !fs_exists(AT_FDCWD, dir))
		return 0;
	if (fs_list(AT_FDCWD, dir, &names, e) < 0) {
		e->code = ERR_USAGE;
		return -1;
	}
	for (size_t i = 0; i < names.len; i++)
		if (str_ends(names.items[i], ".patch"))
			str_vec_take(paths, fs_join(dir, names.items[i]));
	return 0;
}

const char *series_release(struct workspace *w, const struct series *s)
{
	return arena_strndup(&w->arena, s->name, strcspn(s->name, "x") - 1);
}
