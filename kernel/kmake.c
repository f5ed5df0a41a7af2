#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "kernel/buildlog.h"
#include "kernel/kmake.h"
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"

char *kmake_made(const struct kbuild *k, const char *path)
{
	return xasprintf("%s/linux/upper/%s", k->scratch, path);
}

int kmake_open_made(const struct kbuild *k, const char *path, int flags)
{
	_free_ char *upper = kmake_made(k, "");
	_close_ int dir = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -1;
	return fs_open_in_root(dir, path, flags | O_NOFOLLOW | O_CLOEXEC);
}

int kmake_copy_made(const struct kbuild *k, const char *from, int to_dir, const char *to,
	mode_t mode, struct err *e)
{
	const char *slash = strrchr(from, '/');
	_free_ char *parent =
		slash ? xstrndup(from, (size_t)(slash - from)) : xstrdup(".");
	_close_ int dir = kmake_open_made(k, parent, O_RDONLY | O_DIRECTORY);

	if (dir < 0)
		return err_sys(e, "the build left no %s", from);
	return fs_copy_file(dir, slash ? slash + 1 : from, to_dir, to, mode, e);
}

int kmake_prepare(const struct kbuild *k, struct err *e)
{
	static const char *const dirs[] = {"linux", "root"};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		_free_ char *dir = fs_join(k->scratch, dirs[i]);

		if (fs_mkdirs(AT_FDCWD, dir, 0755, e))
			return -1;
	}
	return 0;
}

static bool has_jobserver(const struct kbuild *k)
{
	return k->jobserver[0] >= 0 && k->jobserver[1] >= 0;
}

/* The C locale's date(1) form: what a kernel's banner shows and `date -d` reads. */
static void add_timestamp(struct str_vec *env, int64_t date)
{
	char text[64] = "";
	time_t t = (time_t)date;
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%a %b %e %H:%M:%S UTC %Y", &tm);
	str_vec_addf(env, "KBUILD_BUILD_TIMESTAMP=%s", text);
	str_vec_addf(env, "SOURCE_DATE_EPOCH=%lld", (long long)date);
}

/* The caller's wish, and the sysroot's programs: not every one has ccache. */
static bool has_ccache(const struct kbuild *k)
{
	_close_ int root =
		k->ccache ? open(k->root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	_close_ int program = -1;

	if (root >= 0)
		program = fs_open_in_root(root, "usr/bin/ccache", O_PATH | O_CLOEXEC);
	return program >= 0;
}

/* ccache would look at the compiler driver alone to tell two compilers apart; cc1 and the
 * assembler make the object as well. A sysroot of the store is named by all it holds. */
static void add_ccache(const struct kbuild *k, struct str_vec *env)
{
	_str_vec_ struct str_vec parts = {0};
	const char *name = NULL;

	str_split(&parts, k->root, "/");
	STR_VEC_FOREACH (part, &parts)
		name = digest_is_sha256(part) ? part : name;
	str_vec_add(env, "CCACHE_DIR=/ccache");
	if (name)
		str_vec_addf(env, "CCACHE_COMPILERCHECK=string:%s", name);
	else
		str_vec_add(env, "CCACHE_COMPILERCHECK=content");
}

void kmake_env(const struct kbuild *k, struct str_vec *env)
{
	static const char *const fixed[] = {
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
		"HOME=/tmp",
		"TMPDIR=/tmp",
		"LC_ALL=C",
		"TZ=UTC",
		"TERM=dumb",
		"KBUILD_BUILD_USER=kiln",
		"KBUILD_BUILD_HOST=kiln",
		"KBUILD_BUILD_VERSION=1",
	};

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		str_vec_add(env, fixed[i]);
	add_timestamp(env, k->date);
	if (has_ccache(k))
		add_ccache(k, env);
	if (has_jobserver(k))
		str_vec_add(env, "MAKEFLAGS= -j --jobserver-auth=3,4");
}

void kmake_args(const struct kbuild *k, struct str_vec *args)
{
	str_vec_add(args, "make");
	toolchain_make_args(k->toolchain, k->arch, args);
	/* Given, though empty: else scripts/setlocalversion may look for git. */
	str_vec_add(args, "LOCALVERSION=");
	if (has_ccache(k) && k->toolchain->llvm)
		str_vec_addf(args, "CC=ccache %s", k->toolchain->compiler);
	else if (has_ccache(k))
		str_vec_addf(
			args, "CC=ccache %s-%s", k->arch->triple, k->toolchain->compiler);
	if (!has_jobserver(k))
		str_vec_addf(args, "-j%u", k->jobs ? k->jobs : 1);
}

/* A program that draws needs to know the terminal's kind. */
static void take_terminal(struct str_vec *env)
{
	const char *term = getenv("TERM");

	for (size_t i = 0; term && i < env->len; i++)
		if (str_starts(env->items[i], "TERM=")) {
			mem_free_ptr(&env->items[i]);
			env->items[i] = xasprintf("TERM=%s", term);
		}
}

static size_t count_binds(const struct box_bind *binds)
{
	size_t n = 0;

	while (binds && binds[n].at)
		n++;
	return n;
}

int kmake_box(const struct kbuild *k, const struct kmake_run *run, struct proc_end *end,
	struct err *e)
{
	_free_ char *root = fs_join(k->scratch, "root");
	_free_ char *tree = fs_join(k->scratch, "linux");
	size_t n = count_binds(run->binds);
	_free_ struct box_bind *binds = xcalloc(n + 2, sizeof(*binds));
	_str_vec_ struct str_vec env = {0};
	struct box_overlay overlays[] = {
		{.at = KMAKE_TREE, .lower = k->source, .scratch = tree}, {0}};
	struct box box = {
		.root = k->root,
		.scratch = root,
		.overlays = overlays,
		.binds = binds,
		.cwd = KMAKE_TREE,
		.argv = run->argv,
		.call = run->call,
		.call_arg = run->arg,
		.in = run->in,
		.out = run->out < 0 ? k->log : run->out,
		.err = run->err < 0 ? k->log : run->err,
		.jobserver = {-1, -1},
		.tty = run->tty,
		.cancel = k->cancel,
	};

	if (kmake_prepare(k, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		binds[i] = run->binds[i];
	if (has_ccache(k))
		binds[n] = (struct box_bind){k->ccache, "/ccache", true};
	if (run->make && has_jobserver(k)) {
		box.jobserver[0] = k->jobserver[0];
		box.jobserver[1] = k->jobserver[1];
	}
	kmake_env(k, &env);
	if (run->tty)
		take_terminal(&env);
	box.envp = (const char *const *)env.items;
	if (run->shell)
		return box_shell(&box, NULL, &end->status, e);
	return box_run(&box, end, e);
}

/* The failed make's box again, with all that it left; its own tokens are not taken. */
static void open_shell(
	const struct kbuild *k, const char *what, const struct box_bind *binds)
{
	struct kmake_run run = {
		.binds = binds, .in = -1, .out = -1, .err = -1, .shell = true};
	struct proc_end end;
	struct err e = {0};

	log_info("%s failed: this is its box; leave the shell to go on", what);
	if (kmake_box(k, &run, &end, &e))
		log_warn("%s", e.msg);
}

int kmake(const struct kbuild *k, const char *what, const char *const *args,
	const struct box_bind *binds, struct err *e)
{
	_str_vec_ struct str_vec argv = {0};
	struct kmake_run run = {
		.binds = binds, .in = -1, .out = -1, .err = -1, .make = true};
	struct proc_end end;
	int64_t from = buildlog_here(k->log);

	kmake_args(k, &argv);
	for (; *args; args++)
		str_vec_add(&argv, *args);
	run.argv = (const char *const *)argv.items;
	if (kmake_box(k, &run, &end, e))
		return -1;
	if (proc_ok(&end))
		return 0;
	if (k->shell)
		open_shell(k, what, binds);
	return buildlog_explain(k->log, from, what, &end, e);
}
