/* box_shell.c: a person in the box: a shell on the terminal, or one command. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"
#include "sysroot/box.h"

/* bash where the sysroot has it: it has line editing. Its start files are not the
 * build's, so none is read. */
static const char *const shell[] = {"/bin/sh", "-c",
	"command -v bash >/dev/null && exec bash --norc --noprofile -i; exec sh -i",
	NULL};

/* What a build has, and what a terminal needs. */
static void add_env(struct str_vec *env, const char *const *given)
{
	const char *term = getenv("TERM");
	bool has_path = false;

	for (; given && *given; given++) {
		has_path |= str_starts(*given, "PATH=");
		if (!str_starts(*given, "TERM="))
			str_vec_add(env, *given);
	}
	if (!has_path)
		str_vec_add(env, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
	str_vec_addf(env, "TERM=%s", str_is_empty(term) ? "dumb" : term);
	str_vec_add(env, "PS1=kiln:\\w\\$ ");
}

int box_shell(
	const struct box *frame, const char *const *command, int *status, struct err *e)
{
	_close_ int terminal = -1;
	_str_vec_ struct str_vec env = {0};
	struct box b = *frame;
	struct proc_end end;

	b.in = STDIN_FILENO;
	b.out = STDOUT_FILENO;
	b.err = STDERR_FILENO;
	b.argv = command;
	if (!command) {
		terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
		if (terminal < 0)
			return err_set(e, ERR_USAGE,
				"a shell needs a terminal: run this from one, or name a "
				"command");
		b.in = b.out = b.err = terminal;
		b.argv = shell;
	}
	b.tty = isatty(b.in);
	add_env(&env, b.envp);
	b.envp = (const char *const *)env.items;
	if (box_run(&b, &end, e))
		return -1;
	*status = end.signal ? 128 + end.signal : end.status;
	return 0;
}
