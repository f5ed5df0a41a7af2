/* kiln log: the log of a target's last run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/command.h"
#include "orchestrator/session.h"

static int copy_out(int fd, const char *path, struct err *e)
{
	char chunk[65536];
	ssize_t got;

	fflush(stdout);
	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		if (fs_write_all(STDOUT_FILENO, chunk, (size_t)got, e) < 0)
			return errno == EPIPE ? 0 : -1; /* a pager that was closed */
	return got < 0 ? err_sys(e, "can't read %s", path) : 0;
}

static int print_log(const struct store *store, const char *stage, const char *key,
	bool head, struct err *e)
{
	_free_ char *path = store_log(store, stage, key);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0; /* made on another machine, or swept */
	if (head)
		printf("== %s (%s)\n", stage, path);
	return copy_out(fd, path, e);
}

static int print_target(const struct store *store, const struct target *t,
	const char *stage, struct err *e)
{
	_buf_ struct buf text = {0};
	_str_vec_ struct str_vec words = {0};
	bool any = false;

	if (!store_get_record(store, t->name, "run", &text))
		return err_set(e, ERR_USAGE, "%s was never built with this store (%s)",
			t->name, store->path);
	str_split(&words, text.data, " \n");
	for (size_t i = 0; i + 1 < words.len; i += 2) {
		if (stage && !str_eq(stage, words.items[i]))
			continue;
		any = true;
		if (print_log(store, words.items[i], words.items[i + 1], !stage, e) < 0)
			return -1;
	}
	if (!any)
		return err_set(e, ERR_USAGE, "%s has no stage '%s'", t->name, stage);
	return 0;
}

int cmd_log(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_selection_ struct selection selection = {0};
	_session_ struct session s = {.store = {.fd = -1, .lock = -1}};
	const struct option_row rows[] = {SELECTION_ROWS(&selection), {0}};

	(void)status;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	if (argc < 2 || argc > 3)
		return err_set(e, ERR_USAGE, "usage: kiln log TARGET [STAGE]");
	if (argc == 3 && !stage_find(argv[2]))
		return err_set(e, ERR_USAGE, "no stage is called '%s': see 'kiln plan'",
			argv[2]);
	if (session_open(&s, global, &selection, 1, argv + 1, e) < 0)
		return -1;
	for (size_t i = 0; i < s.targets.count; i++)
		if (print_target(&s.store, &s.targets.items[i],
			    argc == 3 ? argv[2] : NULL, e) < 0)
			return -1;
	return 0;
}
