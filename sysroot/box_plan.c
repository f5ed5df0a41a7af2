/* box_plan.c: the list of mounts and every string that the children need. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/str.h"
#include "sysroot/box_priv.h"

#define HARMLESS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* pid 1 is kiln itself: its command line and all else of it is not to be seen inside. */
static const char *const proc_options[] = {"hidepid", "4", NULL};
static const char *const dev_options[] = {"mode", "755", NULL};
static const char *const shared_options[] = {"mode", "1777", NULL};
static const char *const pts_options[] = {"mode", "620", "ptmxmode", "666", NULL};

/* What every box has, in the order in which it is put in place. The device nodes are the
 * host's own, bound one by one: a user namespace can't make any. */
static const struct box_mount standard[] = {
	{.kind = MOUNT_FS,
		.at = "/proc",
		.source = "proc",
		.option = proc_options,
		.attributes = HARMLESS | MOUNT_ATTR_NOEXEC},
	{.kind = MOUNT_FS,
		.at = "/dev",
		.source = "tmpfs",
		.option = dev_options,
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
	{.kind = MOUNT_BIND, .at = "/dev/null", .source = "/dev/null", .file = true},
	{.kind = MOUNT_BIND, .at = "/dev/zero", .source = "/dev/zero", .file = true},
	{.kind = MOUNT_BIND, .at = "/dev/full", .source = "/dev/full", .file = true},
	{.kind = MOUNT_BIND, .at = "/dev/random", .source = "/dev/random", .file = true},
	{.kind = MOUNT_BIND,
		.at = "/dev/urandom",
		.source = "/dev/urandom",
		.file = true},
	{.kind = MOUNT_LINK, .at = "/dev/fd", .source = "/proc/self/fd"},
	{.kind = MOUNT_LINK, .at = "/dev/stdin", .source = "/proc/self/fd/0"},
	{.kind = MOUNT_LINK, .at = "/dev/stdout", .source = "/proc/self/fd/1"},
	{.kind = MOUNT_LINK, .at = "/dev/stderr", .source = "/proc/self/fd/2"},
	{.kind = MOUNT_LINK, .at = "/dev/ptmx", .source = "pts/ptmx"},
	{.kind = MOUNT_FS,
		.at = "/dev/pts",
		.source = "devpts",
		.option = pts_options,
		.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
	{.kind = MOUNT_FS,
		.at = "/dev/shm",
		.source = "tmpfs",
		.option = shared_options,
		.attributes = HARMLESS},
	{.kind = MOUNT_FS,
		.at = "/tmp",
		.source = "tmpfs",
		.option = shared_options,
		.attributes = HARMLESS},
	/* Root of the host writes these by its uid alone, whatever its capabilities. */
	{.kind = MOUNT_SEAL, .at = "/proc/sys"},
	{.kind = MOUNT_SEAL, .at = "/proc/irq"},
	{.kind = MOUNT_SEAL, .at = "/proc/bus"},
	{.kind = MOUNT_SEAL, .at = "/proc/fs"},
	{.kind = MOUNT_SEAL, .at = "/proc/acpi"},
	{.kind = MOUNT_SEAL, .at = "/proc/sysrq-trigger", .file = true},
	{.kind = MOUNT_MASK, .at = "/proc/kcore", .source = "/dev/null"},
	{.kind = MOUNT_MASK, .at = "/proc/kmsg", .source = "/dev/null"},
	{.kind = MOUNT_MASK, .at = "/proc/keys", .source = "/dev/null"},
	{.kind = MOUNT_MASK, .at = "/proc/key-users", .source = "/dev/null"},
	{.kind = MOUNT_MASK, .at = "/proc/timer_list", .source = "/dev/null"},
	{.kind = MOUNT_MASK, .at = "/proc/config.gz", .source = "/dev/null"},
	{.kind = MOUNT_MASK, .at = "/proc/cmdline", .source = "/dev/null"},
};

static const struct box_mount terminal = {
	.kind = MOUNT_BIND, .at = "/dev/tty", .source = "/dev/tty", .file = true};

static void add(struct box_plan *plan, const struct box_mount *m)
{
	plan->mounts[plan->count] = *m;
	plan->mounts[plan->count++].fd = -1;
}

static const char *below(struct box_plan *plan, const char *dir, const char *name)
{
	return arena_printf(&plan->arena, "%s/%s", dir, name);
}

/* A relative path would change its meaning with the child's working directory. */
static const char *absolute(struct box_plan *plan, const char *path, struct err *e)
{
	_free_ char *real = realpath(path, NULL);

	if (!real) {
		err_sys(e, "%s", path);
		return NULL;
	}
	return arena_strdup(&plan->arena, real);
}

static int check_at(const char *at, struct err *e)
{
	if (at[0] == '/')
		return 0;
	return err_set(e, ERR_INTERNAL, "'%s' is not an absolute path", at);
}

/* An overlay's scratch directory is left by earlier boxes: upper stays, so that one box
 * goes on where the other ended; the work directory, which overlayfs marks as in use when
 * it need not be synced, is new each time. */
static int add_overlay(struct box_plan *plan, const char *at, const char *const *lower,
	const char *scratch, struct err *e)
{
	struct box_mount m = {.kind = MOUNT_OVERLAY, .at = at, .attributes = HARMLESS};
	size_t count = 0;

	if (check_at(at, e) || !(scratch = absolute(plan, scratch, e)))
		return -1;
	if (plan->copy) {
		m.kind = MOUNT_BIND;
		m.source = below(plan, scratch, "merged");
		add(plan, &m);
		return 0;
	}
	while (lower[count])
		count++;
	const char **layers = arena_alloc(&plan->arena, (count + 1) * sizeof(*layers));

	for (size_t i = 0; i < count; i++)
		if (!(layers[i] = absolute(plan, lower[i], e)))
			return -1;
	m.lower = layers;
	m.upper = below(plan, scratch, "upper");
	m.work = below(plan, scratch, "work");
	add(plan, &m);
	if (fs_remove(AT_FDCWD, m.work, e))
		return -1;
	return fs_mkdirs(AT_FDCWD, m.upper, 0755, e) ||
			       fs_mkdirs(AT_FDCWD, m.work, 0755, e)
		       ? -1
		       : 0;
}

/* The host's own root can't be an overlay's layer: the scratch directory lies in it. What
 * programs need of it is bound, read-only, into an empty root; homes, /var, and what else
 * a host keeps stay out. */
static const char *const host_parts[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64",
	"/libx32", "/usr", "/opt", "/etc/alternatives", "/etc/ld.so.cache",
	"/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/passwd", "/etc/group",
	"/etc/nsswitch.conf", "/etc/perl", "/etc/python3", "/etc/ssl/openssl.cnf"};

static void add_host_part(struct box_plan *plan, const char *path)
{
	struct box_mount m = {.kind = MOUNT_BIND,
		.at = path,
		.source = path,
		.attributes = HARMLESS | MOUNT_ATTR_RDONLY};
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (!fs_exists(AT_FDCWD, path))
		return;
	if (len >= 0) {
		target[len] = '\0';
		m.kind = MOUNT_LINK;
		m.source = arena_strdup(&plan->arena, target);
	}
	m.file = !fs_is_dir(AT_FDCWD, path);
	add(plan, &m);
}

static void add_host_root(struct box_plan *plan)
{
	static const struct box_mount empty = {.kind = MOUNT_FS,
		.at = "/",
		.source = "tmpfs",
		.option = dev_options,
		.attributes = HARMLESS};

	add(plan, &empty);
	for (size_t i = 0; i < ARRAY_LEN(host_parts); i++)
		add_host_part(plan, host_parts[i]);
}

static int add_root(struct box_plan *plan, const struct box *b, struct err *e)
{
	const char *const lower[] = {b->root, NULL};
	const char *scratch;

	if (fs_mkdirs(AT_FDCWD, b->scratch, 0755, e))
		return -1;
	if (!(scratch = absolute(plan, b->scratch, e)))
		return -1;
	plan->mount_point = below(plan, scratch, "root");
	if (fs_mkdirs(AT_FDCWD, plan->mount_point, 0755, e))
		return -1;
	/* A store may have a link to it for a result. */
	const char *root = absolute(plan, b->root, e);

	if (!root)
		return -1;
	if (str_eq(root, "/")) {
		add_host_root(plan);
		return 0;
	}
	return add_overlay(plan, "/", lower, b->scratch, e);
}

static int add_bind(struct box_plan *plan, const struct box_bind *bind, struct err *e)
{
	struct box_mount m = {.kind = MOUNT_BIND, .at = bind->at, .attributes = HARMLESS};

	if (check_at(bind->at, e) || !(m.source = absolute(plan, bind->from, e)))
		return -1;
	m.file = !fs_is_dir(AT_FDCWD, m.source);
	if (!bind->writable)
		m.attributes |= MOUNT_ATTR_RDONLY;
	add(plan, &m);
	return 0;
}

static int add_mounts(struct box_plan *plan, const struct box *b, struct err *e)
{
	size_t most = ARRAY_LEN(standard) + ARRAY_LEN(host_parts) + 2;

	for (const struct box_overlay *o = b->overlays; o && o->at; o++)
		most++;
	for (const struct box_bind *i = b->binds; i && i->at; i++)
		most++;
	plan->mounts = arena_alloc(&plan->arena, most * sizeof(*plan->mounts));
	if (add_root(plan, b, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(standard); i++)
		add(plan, &standard[i]);
	if (b->tty)
		add(plan, &terminal);
	for (const struct box_overlay *o = b->overlays; o && o->at; o++)
		if (fs_mkdirs(AT_FDCWD, o->scratch, 0755, e) ||
			add_overlay(plan, o->at, o->lower, o->scratch, e))
			return -1;
	for (const struct box_bind *i = b->binds; i && i->at; i++)
		if (add_bind(plan, i, e))
			return -1;
	return 0;
}

static const char *path_of(const char *const *envp)
{
	for (; *envp; envp++)
		if (str_starts(*envp, "PATH="))
			return *envp + strlen("PATH=");
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Where argv[0] may be, in the order of PATH; the child tries them one by one, for only
 * inside is it known what is there. */
static void add_programs(struct box_plan *plan, const struct box *b)
{
	_str_vec_ struct str_vec dirs = {0};
	const char **programs;
	size_t n = 0;

	str_split(&dirs, path_of(b->envp), ":");
	programs = arena_alloc(&plan->arena, (dirs.len + 2) * sizeof(*programs));
	if (strchr(b->argv[0], '/'))
		programs[n++] = b->argv[0];
	else
		STR_VEC_FOREACH (dir, &dirs)
			programs[n++] = below(plan, dir, b->argv[0]);
	plan->programs = programs;
}

static void add_ids(struct box_plan *plan)
{
	plan->as_root = geteuid() == 0;
	snprintf(plan->uid_map, sizeof(plan->uid_map), "0 %u 1", geteuid());
	snprintf(plan->gid_map, sizeof(plan->gid_map), "0 %u 1", getegid());
}

/* Namespaces and a fresh /proc, which is what hosts and containers forbid. */
void box_plan_probe(struct box_plan *plan)
{
	add_ids(plan);
	plan->mounts = arena_alloc(&plan->arena, sizeof(*plan->mounts));
	add(plan, &standard[0]);
}

int box_plan_make(struct box_plan *plan, const struct box *b, bool copy, struct err *e)
{
	plan->box = b;
	plan->copy = copy;
	add_ids(plan);
	box_filter_make(plan);
	if (add_mounts(plan, b, e))
		return err_wrap(e, "box");
	if (!b->call)
		add_programs(plan, b);
	return 0;
}

void box_plan_free(struct box_plan *plan)
{
	arena_free(&plan->arena);
}
