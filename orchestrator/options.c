#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/options.h"

/* Whether argv[i] is this row's option; *value is its argument, *used the words taken. */
static bool match(
	const struct option_row *row, char **argv, const char **value, int *used)
{
	size_t len = strlen(row->name);
	bool is_long = row->name[1] == '-';
	const char *word = argv[0];

	*used = 1;
	*value = NULL;
	if (strncmp(word, row->name, len) != 0)
		return false;
	if (!row->arg)
		return word[len] == '\0';
	if (word[len] == '\0') {
		*value = argv[1];
		*used = argv[1] ? 2 : 1;
		return true;
	}
	if (is_long && word[len] != '=')
		return false;
	*value = word + len + (is_long ? 1 : 0);
	return true;
}

static int store_value(const struct option_row *row, const char *value, struct err *e)
{
	if (!row->arg) {
		*(bool *)row->to = true;
		return 0;
	}
	if (str_is_empty(value))
		return err_set(e, ERR_USAGE, "%s needs a value: %s %s", row->name,
			row->name, row->arg);
	if (row->many)
		str_vec_add(row->to, value);
	else
		*(const char **)row->to = value;
	return 0;
}

/* One pass over argv. strict: a word that begins with '-' and fits no row is an error. */
static int take_rows(
	const struct option_row *rows, int argc, char **argv, bool strict, struct err *e)
{
	int kept = 1;

	for (int i = 1; i < argc;) {
		const struct option_row *row = rows;
		const char *value;
		int used = 1;

		if (str_eq(argv[i], "--")) { /* all that follows are operands */
			if (!strict)
				argv[kept++] = argv[i];
			for (i++; i < argc; i++)
				argv[kept++] = argv[i];
			break;
		}
		while (row->name && !match(row, argv + i, &value, &used))
			row++;
		if (!row->name) {
			if (strict && argv[i][0] == '-' && argv[i][1])
				return err_set(e, ERR_USAGE,
					"unknown option '%s' for 'kiln %s': see 'kiln "
					"help'",
					argv[i], argv[0]);
			argv[kept++] = argv[i++];
			continue;
		}
		if (store_value(row, value, e) < 0)
			return -1;
		i += used;
	}
	argv[kept] = NULL;
	return kept;
}

int options_rows(const struct option_row *rows, int argc, char **argv, struct err *e)
{
	return take_rows(rows, argc, argv, true, e);
}

static int set_progress(struct options *o, const char *name, struct err *e)
{
	static const char *const names[] = {"auto", "tty", "plain", "json"};

	for (size_t i = 0; name && i < ARRAY_LEN(names); i++)
		if (str_eq(names[i], name)) {
			o->progress = (enum progress)i;
			return 0;
		}
	if (!name)
		return 0;
	return err_set(
		e, ERR_USAGE, "--progress is auto, tty, plain or json, not '%s'", name);
}

/* --store, $KILN_STORE, $XDG_CACHE_HOME/kiln, ~/.cache/kiln; absolute. */
static int set_store(struct options *o, const char *given, struct err *e)
{
	const char *env = getenv("KILN_STORE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	_free_ char *path = NULL, *cwd = NULL;

	if (given)
		path = xstrdup(given);
	else if (!str_is_empty(env))
		path = xstrdup(env);
	else if (!str_is_empty(xdg))
		path = fs_join(xdg, "kiln");
	else if (!str_is_empty(home))
		path = fs_join(home, ".cache/kiln");
	else
		return err_set(e, ERR_USAGE,
			"no place for the store: give --store DIR or set HOME");
	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return err_sys(e, "can't tell the current directory");
		o->store = fs_join(cwd, path);
	} else {
		o->store = steal(path);
	}
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, struct err *e)
{
	const char *store = NULL, *progress = NULL, *env = getenv("KILN_MIRROR");
	const char *packages = getenv("KILN_PACKAGE_MIRROR");
	bool quiet = false, verbose = false;
	const struct option_row rows[] = {
		{"-C", "WORKSPACE", NULL, &o->workspace, false},
		{"--store", "DIR", NULL, &store, false},
		{"--mirror", "URL", NULL, &o->mirrors, true},
		{"--package-mirror", "URL", NULL, &o->package_mirrors, true},
		{"--progress", "auto|tty|plain|json", NULL, &progress, false},
		{"--offline", NULL, NULL, &o->offline, false},
		{"-q", NULL, NULL, &quiet, false},
		{"-v", NULL, NULL, &verbose, false},
		{NULL, NULL, NULL, NULL, false},
	};

	argc = take_rows(rows, argc, argv, false, e);
	if (argc < 0)
		return -1;
	if (!o->mirrors.len && !str_is_empty(env))
		str_split(&o->mirrors, env, " \t\n");
	if (!o->package_mirrors.len && !str_is_empty(packages))
		str_split(&o->package_mirrors, packages, " \t\n");
	log_set_level(quiet ? LOG_QUIET : verbose ? LOG_VERBOSE : LOG_NORMAL);
	if (set_progress(o, progress, e) < 0 || set_store(o, store, e) < 0)
		return -1;
	return argc;
}

const char *const *options_package_mirrors(const struct options *o)
{
	return o->package_mirrors.len ? (const char *const *)o->package_mirrors.items
				      : NULL;
}

void options_free(struct options *o)
{
	free(o->store);
	str_vec_free(&o->mirrors);
	str_vec_free(&o->package_mirrors);
}
