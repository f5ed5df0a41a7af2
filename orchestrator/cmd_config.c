/* cmd_config.c: kiln config VERB: kernel configurations checked, compared, split,
 * renewed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernel/config_diff.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/command.h"
#include "orchestrator/config_target.h"

struct verb {
	const char *name;
	int (*run)(const struct options *global, int argc, char **argv, int *status,
		struct err *e);
};

/* The part's file name: the last component of the path, or the last two where several
 * files are called alike: "6.1.x-config-x86_64". */
static char *part_name(const char *path, unsigned components)
{
	const char *start = path + strlen(path);
	unsigned slashes = 0;

	while (start > path && !(start[-1] == '/' && ++slashes == components))
		start--;
	char *name = xstrdup(start);
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '-';
	return name;
}

static int part_names(int count, char **paths, struct str_vec *names, struct err *e)
{
	for (unsigned components = 1; components <= 2; components++) {
		bool unique = true;

		str_vec_clear(names);
		str_vec_add(names, "common");
		for (int i = 0; i < count; i++) {
			char *name = part_name(paths[i], components);

			unique &= !str_vec_has(names, name);
			str_vec_take(names, name);
		}
		if (unique)
			return 0;
	}
	return err_set(e, ERR_USAGE,
		"kiln config split: two of the files are called alike; give each a name "
		"of "
		"its own, and none the name 'common'");
}

static int write_parts(const char *dir, const struct str_vec *names,
	const struct buf *parts, struct err *e)
{
	for (size_t i = 0; i < names->len; i++) {
		_free_ char *path = fs_join(dir, names->items[i]);

		if (fs_exists(AT_FDCWD, path))
			return err_set(
				e, ERR_USAGE, "%s exists; give another -d DIR", path);
	}
	if (fs_mkdirs(AT_FDCWD, dir, 0755, e) < 0)
		return -1;
	for (size_t i = 0; i < names->len; i++) {
		_free_ char *path = fs_join(dir, names->items[i]);

		if (fs_publish(AT_FDCWD, path, parts[i].data, parts[i].len, 0644, e) < 0)
			return -1;
		puts(path);
	}
	return 0;
}

static int split_into(const char *dir, int count, char **paths, struct config_set *sets,
	struct buf *parts, struct err *e)
{
	_free_ const struct config_set **list = xcalloc((size_t)count, sizeof(*list));
	_str_vec_ struct str_vec names = {0};

	for (int i = 0; i < count; i++) {
		list[i] = &sets[i];
		if (config_read(&sets[i], paths[i], NULL, e) < 0)
			return -1;
	}
	if (part_names(count, paths, &names, e) < 0)
		return -1;
	config_split(list, (size_t)count, &parts[0], &parts[1]);
	return write_parts(dir, &names, parts, e);
}

static int verb_split(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	const char *dir = "split";
	const struct option_row rows[] = {
		{"-d", "DIR", "where the parts go (default: split)", &dir, false},
		{.name = NULL},
	};

	(void)global;
	(void)status;
	argc = options_rows(rows, argc, argv, e);
	if (argc < 0)
		return -1;
	if (argc < 3)
		return err_set(e, ERR_USAGE, "kiln config split needs two files or more");
	int count = argc - 1, ret;
	struct config_set *sets = xcalloc((size_t)count, sizeof(*sets));
	struct buf *parts = xcalloc((size_t)count + 1, sizeof(*parts));
	ret = split_into(dir, count, argv + 1, sets, parts, e);
	for (int i = 0; i < count; i++)
		config_set_free(&sets[i]);
	for (int i = 0; i <= count; i++)
		buf_free(&parts[i]);
	free(sets);
	free(parts);
	return ret;
}

static const struct verb verbs[] = {
	{"check", config_check},
	{"diff", config_compare},
	{"split", verb_split},
	{"refresh", config_refresh},
	{"menu", config_menu},
};

int cmd_config(
	const struct options *global, int argc, char **argv, int *status, struct err *e);
int cmd_config(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	_buf_ struct buf known = {0};

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (argc > 1 && str_eq(argv[1], verbs[i].name))
			return verbs[i].run(global, argc - 1, argv + 1, status, e);
		buf_addf(&known, "%s%s", i ? ", " : "", verbs[i].name);
	}
	return err_set(e, ERR_USAGE, "kiln config needs one of: %s", buf_str(&known));
}
