/* cmd_sysroot.c: kiln sysroot VERB NAME: locks, fetches and makes root directories. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/command.h"
#include "orchestrator/sysroot_dirs.h"
#include "orchestrator/sysroot_shell.h"
#include "sysroot/sysroot.h"
#include "toolchains/arch.h"
#include "toolchains/toolchain.h"

/* What every verb gets. */
struct request {
	const struct options *global;
	const char *name; /* operands */
	const char *dir;
	const char *const *command; /* of shell; NULL: a shell */
	int *status;
	const char *arch, *toolchain, *out;
	bool perf, relock;
	struct str_vec dirs;
	char *cache;
	struct sysroot_use use;
	struct sysroot_env env;
};

/* Without any word about the use, all groups are meant. */
static const struct sysroot_use *use_of(struct request *r, struct err *e)
{
	static const struct sysroot_use failed;
	const struct arch *arch;
	const struct toolchain *toolchain;

	if (!r->arch && !r->toolchain && !r->perf)
		return NULL;
	arch = r->arch ? arch_find(r->arch, e) : arch_host();
	toolchain = toolchain_find(r->toolchain ? r->toolchain : "gcc", e);
	if (!arch || !toolchain)
		return &failed;
	r->use = (struct sysroot_use){arch->name, toolchain->name, r->perf, arch->debian};
	return &r->use;
}

static int verb_lock(struct request *r, struct err *e)
{
	const char *const *dirs = (const char *const *)r->dirs.items;
	const char *out = r->out ? r->out : r->dirs.len ? r->dirs.items[0] : ".";

	/* Where the conf was found, unless told otherwise. */
	for (size_t i = 0; !r->out && i < r->dirs.len; i++) {
		_free_ char *file = xasprintf("%s.conf", r->name);
		_free_ char *path = fs_join(r->dirs.items[i], file);

		if (!fs_exists(AT_FDCWD, path))
			continue;
		out = r->dirs.items[i];
		break;
	}
	if (sysroot_lock(dirs, r->name, out, &r->env, e))
		return -1;
	printf("%s/%s.lock\n", out, r->name);
	return 0;
}

static int verb_fetch(struct request *r, struct err *e)
{
	const char *const *dirs = (const char *const *)r->dirs.items;
	const struct sysroot_use *use = use_of(r, e);
	_free_ char *locks = fs_join(r->global->store, "locks");
	_free_ char *name = NULL;
	struct sysroot *s;
	int ret;

	if (e->code)
		return -1;
	if (r->relock) {
		if (sysroot_fetch_or_relock(dirs, r->name, use, &r->env, locks, &name, e))
			return -1;
		puts(name);
		return 0;
	}
	s = sysroot_load(dirs, r->name, use, e);
	ret = s ? sysroot_fetch(s, &r->env, e) : -1;
	sysroot_free(s);
	return ret;
}

static int make_into(const struct sysroot *s, const struct sysroot_env *env,
	const char *path, struct err *e)
{
	_str_vec_ struct str_vec there = {0};
	_close_ int fd = -1;

	if (fs_mkdirs(AT_FDCWD, path, 0755, e))
		return -1;
	fd = fs_open_dir(AT_FDCWD, path, e);
	if (fd < 0 || fs_list(fd, ".", &there, e))
		return -1;
	if (there.len)
		return err_set(
			e, ERR_USAGE, "%s is not empty: name a new directory", path);
	return sysroot_make(s, env, fd, e);
}

static int verb_make(struct request *r, struct err *e)
{
	const struct sysroot_use *use = use_of(r, e);
	struct sysroot *s = NULL;
	int ret;

	if (e->code)
		return -1;
	s = sysroot_load((const char *const *)r->dirs.items, r->name, use, e);
	ret = s ? make_into(s, &r->env, r->dir, e) : -1;
	if (ret == 0)
		log_info("%s is in %s", sysroot_describe(s), r->dir);
	sysroot_free(s);
	return ret;
}

/* For one architecture, as a build has it: so that both share the root in the store. */
static int verb_shell(struct request *r, struct err *e)
{
	const char *const *dirs = (const char *const *)r->dirs.items;
	_free_ char *locks = fs_join(r->global->store, "sysroots"), *relocked = NULL;
	const struct sysroot_use *use;

	if (!r->arch)
		r->arch = arch_host()->name;
	use = use_of(r, e);
	if (e->code)
		return -1;
	if (r->relock &&
		sysroot_fetch_or_relock(dirs, r->name, use, &r->env, locks, &relocked, e))
		return -1;
	return sysroot_shell(r->global, dirs, relocked ? relocked : r->name, use,
		r->command, r->status, e);
}

static const struct verb {
	const char *name;
	int operands; /* after the verb */
	bool more;    /* and any number of words */
	const char *usage;
	int (*run)(struct request *r, struct err *e);
} verbs[] = {
	{"lock", 1, false, "kiln sysroot lock NAME [-o DIR]", verb_lock},
	{"fetch", 1, false,
		"kiln sysroot fetch NAME [--arch A] [--toolchain T] [--perf] [--relock]",
		verb_fetch},
	{"make", 2, false,
		"kiln sysroot make NAME DIR [--arch A] [--toolchain T] [--perf]",
		verb_make},
	{"shell", 1, true,
		"kiln sysroot shell NAME [--arch A] [--toolchain T] [--relock] [-- "
		"COMMAND...]",
		verb_shell},
};

static int usage(struct err *e)
{
	_buf_ struct buf text = {0};

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		buf_addf(&text, "%s%s", i ? "; " : "", verbs[i].usage);
	return err_set(e, ERR_USAGE, "usage: %s", buf_str(&text));
}

static const struct verb *find_verb(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++) {
		int more = argc - 2 - verbs[i].operands;

		if (str_eq(argv[1], verbs[i].name) &&
			(more == 0 || (more > 0 && verbs[i].more)))
			return &verbs[i];
	}
	return NULL;
}

int cmd_sysroot(
	const struct options *global, int argc, char **argv, int *status, struct err *e);
int cmd_sysroot(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	struct request r = {.global = global};
	const struct option_row rows[] = {
		{"--arch", "ARCH", "only what kernels of this architecture need", &r.arch,
			false},
		{"--toolchain", "NAME", "gcc or clang", &r.toolchain, false},
		{"--perf", NULL, "and what perf needs", &r.perf, false},
		{"--relock", NULL, "where packages are gone, lock those of today",
			&r.relock, false},
		{"-o", "DIR", "where the lock goes", &r.out, false},
		{.name = NULL},
	};
	const struct verb *verb;
	int ret;

	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	verb = find_verb(argc, argv);
	if (!verb)
		return usage(e);
	r.name = argv[2];
	r.dir = argc > 3 ? argv[3] : NULL;
	r.command = argc > 3 ? (const char *const *)argv + 3 : NULL;
	r.status = status;
	sysroot_dirs(global->workspace ? global->workspace : ".", &r.dirs);
	r.cache = fs_join(global->store, "cache");
	r.env = (struct sysroot_env){.cache = r.cache,
		.mirrors = options_package_mirrors(global),
		.offline = global->offline};
	ret = verb->run(&r, e);
	str_vec_free(&r.dirs);
	free(r.cache);
	return ret;
}
