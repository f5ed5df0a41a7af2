#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "kernel/config_box.h"
#include "kernel/kmake.h"

/* The text goes into a layer of its own above the source: the box only reads it. */
static int layer_fill(const char *layer, const struct kbuild *k,
	const struct config_run *run, struct err *e)
{
	_free_ char *path =
		fs_join(layer, run->as_default ? k->arch->defconfig : ".config");
	_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	if (fs_mkdirs(AT_FDCWD, dir, 0755, e) < 0)
		return -1;
	return fs_publish(AT_FDCWD, path, run->text, strlen(run->text), 0644, e);
}

/* Where the host describes its terminal: a root for compiling knows none. */
static const char *terminal_dir(void)
{
	static const char *const dirs[] = {
		"/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"};
	const char *term = getenv("TERM");

	for (size_t i = 0; term && *term && i < ARRAY_LEN(dirs); i++) {
		_free_ char *path = xasprintf("%s/%c/%s", dirs[i], *term, term);

		if (!strchr(term, '/') && fs_exists(AT_FDCWD, path))
			return dirs[i];
	}
	return NULL;
}

static int make_on_terminal(
	const struct kbuild *k, const char *const *goals, struct err *e)
{
	_str_vec_ struct str_vec argv = {0};
	const char *terminal = terminal_dir();
	const struct box_bind binds[] = {
		{.from = terminal, .at = terminal ? "/usr/share/terminfo" : NULL}, {0}};
	struct kmake_run run = {.binds = binds,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.err = STDERR_FILENO,
		.tty = true};
	struct proc_end end;

	kmake_args(k, &argv);
	for (; *goals; goals++)
		str_vec_add(&argv, *goals);
	run.argv = (const char *const *)argv.items;
	if (kmake_box(k, &run, &end, e) < 0)
		return -1;
	if (!proc_ok(&end))
		return err_set(e, ERR_BUILD, "make %s ended with %s",
			argv.items[argv.len - 1], proc_describe(&end));
	return 0;
}

int config_run(const struct kbuild *k, const struct config_run *run, int out,
	const char *name, struct err *e)
{
	/* No jobserver and no -j: kconfig asks the compiler one question after the other,
	 * and the step holds one token anyway. No ccache: questions are not cached. */
	struct kbuild serial = *k;
	_free_ char *layer = fs_join(k->scratch, "layer");
	_free_ char *result = kmake_made(k, ".config");
	_str_vec_ struct str_vec source = {0};

	str_vec_add(&source, layer);
	for (const char *const *s = k->source; *s; s++)
		str_vec_add(&source, *s);
	serial.source = (const char *const *)source.items;
	serial.jobserver[0] = serial.jobserver[1] = -1;
	serial.jobs = 1;
	serial.ccache = NULL;
	if (layer_fill(layer, k, run, e) < 0)
		return -1;
	if (run->tty ? make_on_terminal(&serial, run->goals, e)
		     : kmake(&serial, "config", run->goals, NULL, e))
		return -1;
	if (!fs_exists(AT_FDCWD, result) && !run->as_default)
		return 0;
	if (!fs_exists(AT_FDCWD, result))
		return err_set(e, ERR_BUILD, "make %s for %s left no .config behind",
			run->goals[0], k->arch->name);
	return fs_copy_file(AT_FDCWD, result, out, name, 0644, e) < 0 ? -1 : 1;
}
