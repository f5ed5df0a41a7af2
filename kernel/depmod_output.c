/* depmod_output.c: every index, and how they appear: all of them, or none. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/depmod_index.h"
#include "kernel/depmod_internal.h"
#include "kernel/depmod_publish.h"
#include "orchestrator/base/fs.h"

/* What several indexes are made from. */
struct product {
	struct depmod *d;
	const char **dep_lines; /* by module: "path: path path" */
	struct depmod_symbol **symbols;
	size_t n_symbols;
};

static const char *shown_path(const struct depmod_mod *m)
{
	return m->relpath ? m->relpath : m->path;
}

static void make_dep_lines(struct product *p)
{
	struct depmod *d = p->d;
	_free_ struct depmod_mod **deps = xcalloc(d->n_mods, sizeof(struct depmod_mod *));
	_buf_ struct buf line = {0};

	p->dep_lines = arena_alloc(&d->arena, d->n_mods * sizeof(*p->dep_lines));
	for (size_t i = 0; i < d->n_mods; i++) {
		/* Stamps go on where add_deps ended. */
		size_t n = depmod_all_deps(
			d, d->mods[i], (unsigned)(d->n_mods + i + 1), deps);

		buf_clear(&line);
		buf_adds(&line, shown_path(d->mods[i]));
		buf_addc(&line, ':');
		for (size_t j = 0; j < n; j++) {
			buf_addc(&line, ' ');
			buf_adds(&line, shown_path(deps[j]));
		}
		p->dep_lines[i] = arena_strndup(&d->arena, line.data, line.len);
	}
}

static void add_line(
	struct buf *out, const char *a, const char *b, const char *c, const char *d)
{
	buf_adds(out, a);
	buf_adds(out, b);
	buf_adds(out, c);
	buf_adds(out, d);
	buf_addc(out, '\n');
}

static int make_dep(struct product *p, struct buf *out, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < p->d->n_mods; i++)
		add_line(out, p->dep_lines[i], "", "", "");
	return 0;
}

struct report {
	struct depmod *d;
	const char *what;
	bool value_only;
};

static void say_duplicate(void *arg, const char *key, const char *value)
{
	struct report *r = arg;

	if (r->value_only)
		depmod_say(r->d, DEPMOD_WARNING, "duplicate module %s:\n%s\n", r->what,
			value);
	else
		depmod_say(r->d, DEPMOD_WARNING, "duplicate module %s:\n%s %s\n", r->what,
			key, value);
}

static int finish_index(struct product *p, struct index *ix, const char *what,
	struct buf *out, struct err *e)
{
	struct report report = {p->d, what, str_eq(what, "deps")};

	if (index_write(ix, p->d->compat->parents_first, out, e) < 0)
		return -1;
	if (p->d->options->warn_duplicates)
		index_duplicates(ix, say_duplicate, &report);
	return 0;
}

static int make_dep_bin(struct product *p, struct buf *out, struct err *e)
{
	_index_ struct index ix = {0};

	for (size_t i = 0; i < p->d->n_mods; i++)
		if (index_add(&ix, p->d->mods[i]->name, p->dep_lines[i], (uint32_t)i, e) <
			0)
			return -1;
	return finish_index(p, &ix, "deps", out, e);
}

/* The next modinfo value of one kind; *i goes on behind it. NULL at the end. */
static const char *next_info(
	const struct depmod_mod *m, enum depmod_info kind, uint32_t *i)
{
	while (*i < m->record->infos) {
		const struct depmod_item *info = record_infos(m->record) + (*i)++;

		if (info->kind == kind)
			return record_text(m->record, info);
	}
	return NULL;
}

static int make_alias(struct product *p, struct buf *out, struct err *e)
{
	(void)e;
	buf_adds(out, "# Aliases extracted from modules themselves.\n");
	for (size_t i = 0; i < p->d->n_mods; i++) {
		const struct depmod_mod *m = p->d->mods[i];
		const char *value;

		for (uint32_t at = 0; (value = next_info(m, INFO_ALIAS, &at));)
			add_line(out, "alias ", value, " ", m->name);
	}
	return 0;
}

/* As modprobe looks an alias up: '_' for '-', but not in brackets. NULL if a bracket has
 * no partner. Cut where kmod's room ends. */
char *depmod_alias(struct arena *a, const char *value)
{
	char *alias = arena_strndup(a, value, strnlen(value, PATH_MAX - 1)), *p;

	for (p = alias; *p; p++) {
		if (*p == '-')
			*p = '_';
		else if (*p == ']')
			return NULL;
		else if (*p == '[' && !(p = strchr(p, ']')))
			return NULL;
	}
	return alias;
}

static int make_alias_bin(struct product *p, struct buf *out, struct err *e)
{
	_index_ struct index ix = {0};

	for (size_t i = 0; i < p->d->n_mods; i++) {
		const struct depmod_mod *m = p->d->mods[i];
		const char *value;

		for (uint32_t at = 0; (value = next_info(m, INFO_ALIAS, &at));) {
			const char *alias = depmod_alias(&p->d->arena, value);

			if (!alias)
				depmod_say(p->d, DEPMOD_WARNING,
					"Unmatched bracket in %s\n", value);
			else if (index_add(&ix, alias, m->name, (uint32_t)i, e) < 0)
				return -1;
		}
	}
	return finish_index(p, &ix, "alias", out, e);
}

static void add_infos(
	struct product *p, enum depmod_info kind, const char *word, struct buf *out)
{
	for (size_t i = 0; i < p->d->n_mods; i++) {
		const struct depmod_mod *m = p->d->mods[i];
		const char *value;

		for (uint32_t at = 0; (value = next_info(m, kind, &at));) {
			buf_adds(out, word);
			add_line(out, m->name, " ", value, "");
		}
	}
}

static int make_softdep(struct product *p, struct buf *out, struct err *e)
{
	(void)e;
	buf_adds(out, "# Soft dependencies extracted from modules themselves.\n");
	add_infos(p, INFO_SOFTDEP, "softdep ", out);
	return 0;
}

static int make_weakdep(struct product *p, struct buf *out, struct err *e)
{
	(void)e;
	buf_adds(out, "# Weak dependencies extracted from modules themselves.\n");
	add_infos(p, INFO_WEAKDEP, "weakdep ", out);
	return 0;
}

static int make_symbols(struct product *p, struct buf *out, struct err *e)
{
	(void)e;
	buf_adds(out, "# Aliases for symbols, used by symbol_request().\n");
	for (size_t i = 0; i < p->n_symbols; i++) {
		buf_adds(out, "alias symbol:");
		add_line(out, p->symbols[i]->name, " ", p->symbols[i]->owner->name, "");
	}
	return 0;
}

static int make_symbols_bin(struct product *p, struct buf *out, struct err *e)
{
	_index_ struct index ix = {0};

	for (size_t i = 0; i < p->n_symbols; i++) {
		const struct depmod_symbol *s = p->symbols[i];
		size_t len = strlen(s->name);
		char *key = arena_alloc(&p->d->arena, strlen("symbol:") + len + 1);

		memcpy(key, "symbol:", strlen("symbol:"));
		memcpy(key + strlen("symbol:"), s->name, len + 1);
		if (index_add(&ix, key, s->owner->name, s->owner->idx, e) < 0)
			return -1;
	}
	return finish_index(p, &ix, "syms", out, e);
}

static int make_builtin_bin(struct product *p, struct buf *out, struct err *e)
{
	return depmod_builtin_bin(p->d, out, e);
}

static int make_builtin_alias_bin(struct product *p, struct buf *out, struct err *e)
{
	return depmod_builtin_alias_bin(p->d, out, e);
}

/* The node that udev makes for a module that isn't loaded yet. */
static void add_devname(struct depmod *d, const struct depmod_mod *m, struct buf *out)
{
	const char *value, *devname = NULL;
	unsigned major = 0, minor = 0, a, b;
	char type = '\0';

	for (uint32_t at = 0;
		!(devname && type) && (value = next_info(m, INFO_ALIAS, &at));) {
		if (str_starts(value, "devname:")) {
			devname = value + strlen("devname:");
			continue;
		}
		if (sscanf(value, "char-major-%u-%u", &a, &b) == 2)
			type = 'c';
		else if (sscanf(value, "block-major-%u-%u", &a, &b) == 2)
			type = 'b';
		else
			continue;
		major = a;
		minor = b;
	}
	if (devname && !type)
		depmod_say(d, DEPMOD_ERROR,
			"Module '%s' has devname (%s) but lacks major and minor "
			"information. Ignoring.\n",
			m->name, devname);
	if (!devname || !type)
		return;
	if (!out->len)
		buf_adds(out, "# Device nodes to trigger on-demand module loading.\n");
	buf_addf(out, "%s %s %c%u:%u\n", m->name, devname, type, major, minor);
}

static int make_devname(struct product *p, struct buf *out, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < p->d->n_mods; i++)
		add_devname(p->d, p->d->mods[i], out);
	return 0;
}

static const struct index_file {
	const char *name;
	int (*make)(struct product *p, struct buf *out, struct err *e);
	bool binary, weakdep;
} files[] = {
	{"modules.dep", make_dep, false, false},
	{"modules.dep.bin", make_dep_bin, true, false},
	{"modules.alias", make_alias, false, false},
	{"modules.alias.bin", make_alias_bin, true, false},
	{"modules.softdep", make_softdep, false, false},
	{"modules.weakdep", make_weakdep, false, true},
	{"modules.symbols", make_symbols, false, false},
	{"modules.symbols.bin", make_symbols_bin, true, false},
	{"modules.builtin.bin", make_builtin_bin, true, false},
	{"modules.builtin.alias.bin", make_builtin_alias_bin, true, false},
	{"modules.devname", make_devname, false, false},
};
#define N_FILES ARRAY_LEN(files)

static bool is_wanted(const struct depmod *d, const struct index_file *f)
{
	return (!f->weakdep || d->compat->weakdep) && (!f->binary || !d->options->show);
}

static int write_temps(
	struct depmod *d, const struct buf *made, struct publication *pub, struct err *e)
{
	for (size_t i = 0; i < N_FILES; i++)
		if (is_wanted(d, &files[i]) &&
			publication_add(pub, files[i].name, &made[i], e) < 0)
			return -1;
	return 0;
}

static int publish(struct depmod *d, const struct buf *made, struct err *e)
{
	_close_ int dir = -1; /* before pub, which needs it to its end */
	_publication_ struct publication pub = {.dir = d->options->out_fd};

	if (d->options->out_path) {
		if (fs_mkdirs(AT_FDCWD, d->options->out_path, 0755, e) < 0)
			return err_wrap(
				e, "could not create directory %s", d->options->out_path);
		dir = pub.dir = fs_open_dir(AT_FDCWD, d->options->out_path, e);
		if (dir < 0)
			return -1;
	}
	if (write_temps(d, made, &pub, e) < 0)
		return -1;
	return publication_commit(&pub, e);
}

static int show(struct depmod *d, const struct buf *made, struct err *e)
{
	for (size_t i = 0; i < N_FILES; i++)
		if (is_wanted(d, &files[i]) && made[i].len &&
			fwrite(made[i].data, made[i].len, 1, stdout) != 1)
			return err_sys(e, "can't write %s", files[i].name);
	return 0;
}

int depmod_output(struct depmod *d, struct err *e)
{
	struct product p = {.d = d};
	struct buf made[N_FILES] = {{0}};
	int ret = 0;

	make_dep_lines(&p);
	p.symbols = depmod_symbols_sorted(d, &p.n_symbols);
	for (size_t i = 0; i < N_FILES && ret == 0; i++)
		if (is_wanted(d, &files[i]) && files[i].make(&p, &made[i], e) < 0)
			ret = -1;
	if (ret == 0)
		ret = d->options->show ? show(d, made, e) : publish(d, made, e);
	for (size_t i = 0; i < N_FILES; i++)
		buf_free(&made[i]);
	free(p.symbols);
	return ret;
}
