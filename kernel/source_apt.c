/* source_apt.c: "apt:", the source package of a Debian host. apt's chain (a signed
 * Release, the digest of the index, the digest of the package) is the proof, and another
 * one than kernel.org's: what comes is the distribution's tree, and the result says so.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/source_int.h"
#include "orchestrator/base/archive.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/log.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/proc.h"

enum { OUTPUT_LIMIT = 1 << 20 };

/* One version of linux-source-<series> that apt knows. */
struct candidate {
	char *version;	/* "6.1.176-1" */
	char *upstream; /* "6.1.176" */
	char *site;	/* base URL of its archive */
};

struct candidates {
	struct candidate *items; /* the newest first, as apt says */
	size_t count;
};

static void candidates_free(struct candidates *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->items[i].version);
		free(c->items[i].upstream);
		free(c->items[i].site);
	}
	free(c->items);
}
#define _candidates_ __attribute__((cleanup(candidates_free)))

static int run_apt(const char *const *argv, struct buf *out, struct err *e)
{
	struct proc_end end;
	if (!proc_in_path(argv[0]))
		return err_set(
			e, ERR_NETWORK, "apt: there is no %s on this host", argv[0]);
	if (proc_capture(argv, false, OUTPUT_LIMIT, out, &end, e))
		return -1;
	if (!proc_ok(&end))
		return err_set(e, ERR_NETWORK, "apt: %s failed (%s)", argv[0],
			proc_describe(&end));
	return 0;
}

/* "1:6.1.176-1~bpo12+1" without epoch and revision. */
static char *upstream_of(const char *version)
{
	const char *colon = strchr(version, ':'), *start = colon ? colon + 1 : version;
	const char *dash = strrchr(start, '-');
	return dash ? xstrndup(start, (size_t)(dash - start)) : xstrdup(start);
}

/* "<package> | <version> | <site> <suite>/<component> <arch> Packages" */
static void take_line(struct candidates *c, const char *line)
{
	_str_vec_ struct str_vec fields = {0};
	str_split(&fields, line, "| \t");
	if (fields.len < 4 || !str_eq(fields.items[fields.len - 1], "Packages"))
		return;
	c->items = xrealloc(c->items, (c->count + 1) * sizeof(*c->items));
	c->items[c->count++] = (struct candidate){
		.version = xstrdup(fields.items[1]),
		.upstream = upstream_of(fields.items[1]),
		.site = xstrdup(fields.items[2]),
	};
}

static int list(const char *package, struct candidates *c, struct err *e)
{
	_buf_ struct buf text = {0};
	const char *const argv[] = {"apt-cache", "madison", package, NULL};
	if (run_apt(argv, &text, e))
		return -1;
	char *line, *pos = (char *)buf_str(&text);
	while ((line = str_next_line(&pos)))
		take_line(c, line);
	if (!c->count)
		return err_set(e, ERR_NETWORK,
			"apt: knows no package %s (apt-get update brings its lists up to "
			"date)",
			package);
	return 0;
}

int source_apt_latest(const char *series, char **version, struct err *e)
{
	_candidates_ struct candidates c = {0};
	_free_ char *package = xasprintf("linux-source-%s", series);
	if (list(package, &c, e))
		return -1;
	const char *newest = c.items[0].upstream;
	for (size_t i = 1; i < c.count; i++)
		if (str_version_cmp(c.items[i].upstream, newest) > 0)
			newest = c.items[i].upstream;
	*version = xstrdup(newest);
	return 0;
}

static const struct candidate *choose(const struct candidates *c, const char *package,
	const char *version, struct err *e)
{
	_str_vec_ struct str_vec known = {0};
	_buf_ struct buf text = {0};
	for (size_t i = 0; i < c->count; i++) {
		if (str_eq(c->items[i].upstream, version))
			return &c->items[i];
		if (!str_vec_has(&known, c->items[i].upstream))
			str_vec_add(&known, c->items[i].upstream);
	}
	for (size_t i = 0; i < known.len; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", known.items[i]);
	err_set(e, ERR_NETWORK, "apt: has %s as %s, not %s", package, buf_str(&text),
		version);
	return NULL;
}

/* "Debian": who signs the archive of a site, as its Release file says. */
static char *origin_of(const char *site)
{
	_buf_ struct buf text = {0};
	struct err ignored = {0};
	const char *const argv[] = {
		"apt-get", "indextargets", "--format", "$(SITE) $(ORIGIN)", NULL};
	if (!run_apt(argv, &text, &ignored) && text.len) {
		size_t n = strlen(site);
		char *line, *pos = text.data;
		while ((line = str_next_line(&pos)))
			if (str_starts(line, site) && line[n] == ' ' && line[n + 1])
				return str_printable(line + n + 1);
	}
	return xstrdup("unnamed");
}

/* Has apt bring the package into dir. What a host may have set to get along without
 * signatures is set back. */
static int download(
	const char *dir, const char *package, const char *version, struct err *e)
{
	_free_ char *exact = xasprintf("%s=%s", package, version);
	_free_ char *log_path = fs_join(dir, "apt.log");
	_close_ int log_fd = open(log_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	const char *const argv[] = {"apt-get", "-q", "-o",
		"APT::Get::AllowUnauthenticated=false", "-o",
		"Acquire::AllowInsecureRepositories=false", "-o",
		"Acquire::AllowWeakRepositories=false", "download", exact, NULL};
	struct proc_spec spec = {
		.argv = argv,
		.cwd = dir,
		.in = -1,
		.out = log_fd,
		.err = log_fd,
	};
	struct proc_end end;
	if (log_fd < 0)
		return err_sys(e, "can't write %s", log_path);
	if (proc_run(&spec, &end, e))
		return -1;
	if (proc_ok(&end))
		return 0;
	_buf_ struct buf text = {0};
	struct err ignored = {0};
	(void)fs_read(AT_FDCWD, log_path, OUTPUT_LIMIT, &text, &ignored);
	const char *said = strstr(buf_str(&text), "\nE: ");
	_free_ char *line =
		xstrndup(said ? said + 4 : "", said ? strcspn(said + 4, "\n") : 0);
	_free_ char *safe = str_printable(line);
	return err_set(e, ERR_NETWORK, "apt: apt-get download %s failed (%s): %s", exact,
		proc_describe(&end), safe);
}

/* Only the tarball is wanted of the package. */
static int only_tarball(const char *path, const struct stat *st, void *arg, struct err *e)
{
	(void)arg, (void)e;
	return S_ISDIR(st->st_mode) ||
	       (str_starts(path, "usr/src/linux-source-") && str_ends(path, ".tar.xz") &&
		       S_ISREG(st->st_mode));
}

static int find_one(const char *dir, const char *suffix, char **found, struct err *e)
{
	_str_vec_ struct str_vec names = {0};
	if (fs_list(AT_FDCWD, dir, &names, e))
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (str_ends(names.items[i], suffix)) {
			*found = fs_join(dir, names.items[i]);
			return 0;
		}
	return err_set(e, ERR_NETWORK, "apt: brought no file *%s", suffix);
}

static int take_tarball(const char *dir, int out, struct err *e)
{
	_free_ char *deb = NULL, *tarball = NULL, *src = fs_join(dir, "tree/usr/src");
	_free_ char *tree = fs_join(dir, "tree");
	const struct archive_policy policy = {.filter = only_tarball};
	if (find_one(dir, ".deb", &deb, e) || fs_mkdirs(AT_FDCWD, tree, 0755, e))
		return -1;
	_close_ int fd = open(deb, O_RDONLY | O_CLOEXEC);
	_close_ int tree_fd = fs_open_dir(AT_FDCWD, tree, e);
	if (fd < 0)
		return err_sys(e, "can't read %s", deb);
	const char *slash = strrchr(deb, '/');
	if (tree_fd < 0 || archive_unpack_deb(fd, slash + 1, tree_fd, &policy, e) ||
		find_one(src, ".tar.xz", &tarball, e))
		return -1;
	unlinkat(out, SOURCE_TARBALL, 0);
	if (!linkat(AT_FDCWD, tarball, out, SOURCE_TARBALL, 0))
		return 0;
	return fs_copy_file(AT_FDCWD, tarball, out, SOURCE_TARBALL, 0644, e);
}

static int bring(const struct source_spec *spec, const char *dir, int out,
	struct source_info *info, struct err *e)
{
	_candidates_ struct candidates c = {0};
	_free_ char *series = source_series_of(spec->version);
	_free_ char *package = xasprintf("linux-source-%s", series);
	char hex[SHA256_HEX_LEN + 1];
	if (list(package, &c, e))
		return -1;
	const struct candidate *chosen = choose(&c, package, spec->version, e);
	if (!chosen)
		return -1;
	log_info("linux-%s from apt's package %s %s", spec->version, package,
		chosen->version);
	if (download(dir, package, chosen->version, e) || take_tarball(dir, out, e) ||
		digest_file(out, SOURCE_TARBALL, hex, NULL, e))
		return -1;
	if (spec->pin && !str_eq(spec->pin, hex))
		return err_set(e, ERR_VERIFY,
			"apt: the tarball in %s %s has sha256 %s, KERNEL_SHA256 demands "
			"%s",
			package, chosen->version, hex, spec->pin);
	_free_ char *origin = origin_of(chosen->site);
	info->url = xasprintf("apt:%s=%s", package, chosen->version);
	info->sha256 = xstrdup(hex);
	source_info_prove(info, "%s archive signature (apt), package %s %s", origin,
		package, chosen->version);
	return 0;
}

int source_apt_fetch(const struct source_spec *spec, const struct source_env *env,
	int out, struct source_info *info, struct err *e)
{
	_free_ char *dir = xasprintf("%s/apt-%d", env->cache, (int)getpid());
	struct err ignored = {0};
	if (fs_remove(AT_FDCWD, dir, e) || fs_mkdirs(AT_FDCWD, dir, 0755, e))
		return -1;
	int status = bring(spec, dir, out, info, e);
	fs_remove(AT_FDCWD, dir, &ignored);
	return status;
}
