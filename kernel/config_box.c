#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "sysroot/box.h"
#include "kernel/config_box.h"

#define TREE_AT "/linux"
#define RESULT	"linux/upper/.config"

/* No jobserver and no -j: kconfig asks the compiler one question after the other, and
 * the step holds one token anyway. */
static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/tmp",
	"LC_ALL=C",
	"TZ=UTC",
	"KCONFIG_NOTIMESTAMP=1",
	NULL,
};

static const char *const terminal[] = {"TERM", "LINES", "COLUMNS", NULL};

static void environment_fill(struct str_vec *env, bool tty)
{
	for (const char *const *e = environment; *e; e++)
		str_vec_add(env, *e);
	for (const char *const *t = terminal; tty && *t; t++)
		if (getenv(*t))
			str_vec_addf(env, "%s=%s", *t, getenv(*t));
}

static void arguments_fill(
	const struct kbuild *k, const char *const *goals, struct str_vec *argv)
{
	str_vec_add(argv, "make");
	toolchain_make_args(k->toolchain, k->arch, argv);
	for (; *goals; goals++)
		str_vec_add(argv, *goals);
}

/* The text goes into a layer of its own above the source: the box only reads it. */
static int layer_fill(
	const struct kbuild *k, const struct config_run *run, int scratch, struct err *e)
{
	_free_ char *path = fs_join("layer", run->as_default ? k->arch->defconfig : ".config");
	_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	if (fs_mkdirs(scratch, dir, 0755, e) < 0 ||
		fs_mkdirs(scratch, "linux", 0755, e) < 0 ||
		fs_mkdirs(scratch, "root", 0755, e) < 0)
		return -1;
	return fs_publish(scratch, path, run->text, strlen(run->text), 0644, e);
}

static int box_make(const struct kbuild *k, const struct config_run *run,
	struct proc_end *end, struct err *e)
{
	_free_ char *layer = fs_join(k->scratch, "layer");
	_free_ char *linux_scratch = fs_join(k->scratch, "linux");
	_free_ char *root_scratch = fs_join(k->scratch, "root");
	_str_vec_ struct str_vec lower = {0}, argv = {0}, env = {0};

	str_vec_add(&lower, layer);
	for (const char *const *s = k->source; *s; s++)
		str_vec_add(&lower, *s);
	arguments_fill(k, run->goals, &argv);
	environment_fill(&env, run->tty);
	const struct box_overlay overlays[] = {
		{.at = TREE_AT,
			.lower = (const char *const *)lower.items,
			.scratch = linux_scratch},
		{.at = NULL},
	};
	const struct box box = {
		.root = k->root,
		.scratch = root_scratch,
		.overlays = overlays,
		.cwd = TREE_AT,
		.argv = (const char *const *)argv.items,
		.envp = (const char *const *)env.items,
		.in = run->tty ? STDIN_FILENO : -1,
		.out = run->tty ? STDOUT_FILENO : k->log,
		.err = run->tty ? STDERR_FILENO : k->log,
		.jobserver = {-1, -1},
		.tty = run->tty,
		.cancel = k->cancel,
	};
	return box_run(&box, end, e);
}

int config_run(const struct kbuild *k, const struct config_run *run, int out,
	const char *name, struct err *e)
{
	_close_ int scratch = fs_open_dir(AT_FDCWD, k->scratch, e);
	struct proc_end end;

	if (scratch < 0 || layer_fill(k, run, scratch, e) < 0 || box_make(k, run, &end, e) < 0)
		return -1;
	if (!proc_ok(&end))
		return err_set(e, ERR_BUILD,
			"make %s for %s ended with %s; the log shows why", run->goals[0],
			k->arch->name, proc_describe(&end));
	if (!fs_exists(scratch, RESULT))
		return err_set(e, ERR_BUILD, "make %s for %s left no .config behind",
			run->goals[0], k->arch->name);
	return fs_copy_file(scratch, RESULT, out, name, 0644, e);
}
