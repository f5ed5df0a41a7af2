/* cmd_depmod.c: kmod's depmod, option for option; also when kiln is called depmod. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "kernel/depmod.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"
#include "orchestrator/command.h"

#define MODULE_DIRECTORY "lib/modules"

/* The command line, before it becomes options. */
struct line {
	struct depmod_options options;
	bool all, quick, done;
	char *base, *out; /* absolute */
	const char *module_dir;
	struct str_vec config;
	struct utsname uname;
	char *dir, *out_dir;
	bool failed; /* a message has said why */
};

static void say(void *arg, int level, const char *text)
{
	static const char *const words[] = {
		[DEPMOD_FATAL] = "FATAL",
		[DEPMOD_ERROR] = "ERROR",
		[DEPMOD_WARNING] = "WARNING",
		[DEPMOD_NOTICE] = "NOTICE",
		[DEPMOD_INFO] = "INFO",
	};
	const char *word = level < (int)ARRAY_LEN(words) ? words[level] : NULL;

	(void)arg;
	if (level == DEPMOD_SHOW) {
		fputs(text, stdout);
		fflush(stdout);
	} else {
		fprintf(stderr, "depmod: %s: %s", word ? word : "DEBUG", text);
	}
}

static int fail(struct line *l, int level, const char *fmt, const char *arg)
{
	_free_ char *text = NULL;

	if (asprintf(&text, fmt, arg) < 0)
		text = xstrdup(fmt);
	say(NULL, level, text);
	l->failed = true;
	return -1;
}

static void print_help(void)
{
	fputs("usage: depmod [-aA] [OPTION...] [RELEASE] [MODULE...]\n\n"
	      "Writes the indexes of a module directory, as kmod's depmod does.\n\n"
	      "  -a, --all             read all modules (the default without MODULE)\n"
	      "  -A, --quick           only if a module is newer than modules.dep\n"
	      "  -b, --basedir DIR     the root of the modules (default: /)\n"
	      "  -m, --moduledir DIR   the module directory (default: /lib/modules)\n"
	      "  -o, --outdir DIR      the root of the indexes (default: as --basedir)\n"
	      "  -C, --config PATH     configuration: a file or directory, repeatable\n"
	      "  -E, --symvers FILE    check symbol versions against a Module.symvers\n"
	      "  -F, --filesyms FILE   take the kernel's symbols from a System.map\n"
	      "  -e, --errsyms         warn of symbols that nobody supplies\n"
	      "  -P, --symbol-prefix C the architecture's symbol prefix\n"
	      "  -n, --dry-run, --show print the indexes, write nothing\n"
	      "  -w, --warn            warn of duplicates\n"
	      "  -v, --verbose         say more\n"
	      "      --compat RELEASE  write what this kmod release writes (30, 34)\n"
	      "  -V, --version         what it is compatible with\n"
	      "  -h, --help            this text\n",
		stdout);
}

static char *absolute(const char *path)
{
	_free_ char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);

	if (*path == '/')
		return xstrdup(path);
	return cwd ? fs_join(cwd, path) : NULL;
}

static int take_path(struct line *l, char **to, const char *path, const char *complaint)
{
	free(*to);
	*to = absolute(path);
	return *to ? 0 : fail(l, DEPMOD_ERROR, complaint, path);
}

static int take_compat(struct line *l, const char *version)
{
	l->options.compat = depmod_compat_find(version);
	return l->options.compat ? 0
				 : fail(l, DEPMOD_FATAL,
					   "no kmod release '%s' is known: --compat "
					   "takes 30 or 34\n",
					   version);
}

static int take_flag(struct line *l, int c)
{
	struct depmod_options *o = &l->options;

	switch (c) {
	case 'a':
		l->all = true;
		return 0;
	case 'A':
		l->quick = true;
		return 0;
	case 'e':
		o->print_unknown = true;
		return 0;
	case 'v':
		o->level++;
		return 0;
	case 'n':
		o->show = true;
		return 0;
	case 'w':
		o->warn_duplicates = true;
		return 0;
	case 'h':
		print_help();
		l->done = true;
		return 0;
	case 'V':
		printf("kmod version %d compatible (kiln)\n+ZSTD +XZ +ZLIB\n",
			o->compat->version);
		l->done = true;
		return 0;
	default: /* getopt has said it */
		l->failed = true;
		return -1;
	}
}

static int take_option(struct line *l, int c, const char *arg)
{
	struct depmod_options *o = &l->options;

	switch (c) {
	case 'b':
		return take_path(l, &l->base, arg, "invalid image path %s\n");
	case 'o':
		return take_path(l, &l->out, arg, "invalid output directory %s\n");
	case 'm':
		l->module_dir = arg + strspn(arg, "/");
		return 0;
	case 'C':
		str_vec_add(&l->config, arg);
		return 0;
	case 'E':
		o->symvers = arg;
		return 0;
	case 'F':
		o->system_map = arg;
		return 0;
	case 'P':
		if (strlen(arg) != 1)
			return fail(
				l, DEPMOD_FATAL, "%s\n", "-P only takes a single char");
		o->symbol_prefix = arg[0];
		return 0;
	case 'k':
		return take_compat(l, arg);
	default:
		return take_flag(l, c);
	}
}

static const struct option long_options[] = {
	{"all", no_argument, NULL, 'a'},
	{"quick", no_argument, NULL, 'A'},
	{"basedir", required_argument, NULL, 'b'},
	{"moduledir", required_argument, NULL, 'm'},
	{"outdir", required_argument, NULL, 'o'},
	{"config", required_argument, NULL, 'C'},
	{"symvers", required_argument, NULL, 'E'},
	{"filesyms", required_argument, NULL, 'F'},
	{"errsyms", no_argument, NULL, 'e'},
	{"verbose", no_argument, NULL, 'v'},
	{"show", no_argument, NULL, 'n'},
	{"dry-run", no_argument, NULL, 'n'},
	{"symbol-prefix", required_argument, NULL, 'P'},
	{"warn", no_argument, NULL, 'w'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{"compat", required_argument, NULL, 'k'},
	{NULL, 0, NULL, 0},
};

static int parse(struct line *l, int argc, char **argv)
{
	int c;

	optind = 0; /* also forgets an earlier parse */
	while ((c = getopt_long(
			argc, argv, "aAb:m:o:C:E:F:evnP:wVh", long_options, NULL)) >= 0)
		if (take_option(l, c, optarg) < 0 || l->done)
			return l->done ? 0 : -1;
	return 0;
}

/* The operands: a release, then modules. */
static int take_operands(struct line *l, int argc, char **argv)
{
	unsigned major, minor;
	const char *base = l->base ? l->base : "";

	if (optind < argc) {
		l->options.release = argv[optind++];
		if (sscanf(l->options.release, "%u.%u", &major, &minor) != 2)
			return fail(l, DEPMOD_ERROR, "Bad version passed %s\n",
				l->options.release);
	} else if (uname(&l->uname) < 0) {
		return fail(l, DEPMOD_FATAL, "uname() failed: %s\n", strerror(errno));
	} else {
		l->options.release = l->uname.release;
	}
	l->dir = xasprintf("%s/%s/%s", base, l->module_dir, l->options.release);
	l->out_dir = xasprintf(
		"%s/%s/%s", l->out ? l->out : base, l->module_dir, l->options.release);
	l->options.dir = l->dir;
	l->options.out_path = l->out_dir;
	if (optind < argc && !l->all)
		l->options.modules = (const char *const *)argv + optind;
	l->options.config = l->config.len ? (const char *const *)l->config.items
					  : l->options.compat->config;
	return 0;
}

static int run(struct line *l, int argc, char **argv, struct err *e)
{
	if (parse(l, argc, argv) < 0)
		return -1;
	if (l->done)
		return 0;
	if (take_operands(l, argc, argv) < 0)
		return -1;
	if (l->quick) {
		if (l->options.show || depmod_up_to_date(&l->options) == 1)
			return 0;
		l->options.modules = NULL;
	}
	return depmod_run(&l->options, e);
}

/* depmod's exit status is 0 or 1, and its messages have its own form. */
int cmd_depmod(
	const struct options *global, int argc, char **argv, int *status, struct err *e);
int cmd_depmod(
	const struct options *global, int argc, char **argv, int *status, struct err *e)
{
	struct line l = {
		.options = {.compat = depmod_compat_default(),
			.level = DEPMOD_WARNING,
			.say = say},
		.module_dir = MODULE_DIRECTORY,
	};

	(void)global;
	if (run(&l, argc, argv, e) < 0) {
		fflush(stdout);
		if (!l.failed && e->code != ERR_NONE)
			fprintf(stderr, "depmod: FATAL: %s\n", e->msg);
		*status = EXIT_FAILURE;
		*e = (struct err){0};
	}
	free(l.base);
	free(l.out);
	free(l.dir);
	free(l.out_dir);
	str_vec_free(&l.config);
	return 0;
}
