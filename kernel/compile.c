#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/check.h"
#include "kernel/config_repro.h"
#include "kernel/devkit.h"
#include "kernel/kbuild.h"
#include "kernel/kmake.h"
#include "kernel/module_sign.h"
#include "kernel/toolchain_report.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

#define CONFIG_LIMIT (4u << 20)
#define KEY_INSIDE   "/module-key.pem"
#define PAHOLE	     ".kiln-pahole"

/* One compile: the caller's kbuild with the .config as a layer of its own on top. */
struct compile {
	struct kbuild k;
	const struct compile_request *request;
	struct str_vec source; /* k.source */
	struct buf config;
	const char *key; /* the module key, where the configuration signs */
	char *release;
	int out;
};

static bool config_has(const struct compile *c, const char *line)
{
	const char *p = c->config.data, *hit;
	size_t n = strlen(line);

	for (; p && (hit = strstr(p, line)); p = hit + 1)
		if ((hit == c->config.data || hit[-1] == '\n') && hit[n] == '\n')
			return true;
	return false;
}

/* The configuration with one string symbol set to value, and no older line of it. */
static void config_set(struct compile *c, const char *symbol, const char *value)
{
	_free_ char *old = xasprintf("%s=", symbol);
	_buf_ struct buf text = {0};
	char *pos = c->config.data, *line;

	while (pos && (line = str_next_line(&pos)))
		if (!str_starts(line, old))
			buf_addf(&text, "%s\n", line);
	buf_addf(&text, "%s=\"%s\"\n", symbol, value);
	buf_free(&c->config);
	c->config = text;
	text = (struct buf){0};
}

/* A generated key would make every build different, and nobody could sign for it later.
 */
static int check_signing(struct compile *c, struct err *e)
{
	if (!config_has(c, "CONFIG_MODULE_SIG=y"))
		return 0;
	if (!c->request->module_key)
		return err_set(e, ERR_USAGE, "%s: " CONFIG_SIGNING_NEEDS_KEY,
			c->request->config);
	c->key = c->request->module_key;
	config_set(c, "CONFIG_MODULE_SIG_KEY", KEY_INSIDE);
	return 0;
}

/* kbuild gives pahole as many threads as there are jobs, and the order of BTF's types
 * then depends on which was first. The last -j counts. */
static int place_pahole(const char *dir, struct err *e)
{
	static const char script[] = "#!/bin/sh\nexec pahole \"$@\" -j1\n";
	_free_ char *path = fs_join(dir, PAHOLE);

	return fs_publish(AT_FDCWD, path, script, strlen(script), 0755, e);
}

static int place_config(struct compile *c, struct err *e)
{
	_free_ char *dir = fs_join(c->k.scratch, "config");
	_free_ char *path = fs_join(dir, ".config");

	if (fs_read(AT_FDCWD, c->request->config, CONFIG_LIMIT, &c->config, e) ||
		check_signing(c, e) || fs_mkdirs(AT_FDCWD, dir, 0755, e) ||
		fs_publish(AT_FDCWD, path, c->config.data, c->config.len, 0644, e) ||
		place_pahole(dir, e))
		return -1;
	str_vec_add(&c->source, dir);
	for (const char *const *s = c->k.source; *s; s++)
		str_vec_add(&c->source, *s);
	c->k.source = (const char *const *)c->source.items;
	return 0;
}

static int run_make(struct compile *c, struct err *e)
{
	const char *args[] = {"KCFLAGS=-fno-pie", "all", NULL, NULL};
	const struct box_bind key[] = {{c->key, KEY_INSIDE, false}, {0}};

	if (config_has(c, "CONFIG_DEBUG_INFO_BTF=y"))
		args[2] = "PAHOLE=" KMAKE_TREE "/" PAHOLE;
	return kmake(&c->k, "compile", args, c->key ? key : NULL, e);
}

static int read_release(struct compile *c, struct err *e)
{
	static const char path[] = "include/config/kernel.release";
	_close_ int fd = kmake_open_made(&c->k, path, O_RDONLY);
	_buf_ struct buf text = {0};

	if (fd < 0)
		return err_sys(e, "the build left no %s", path);
	if (fs_read_fd(fd, path, 256, &text, e))
		return -1;
	c->release = xstrdup(str_trim(text.data ? text.data : ""));
	if (!*c->release || strchr(c->release, '/') || *c->release == '.')
		return err_set(
			e, ERR_BUILD, "the tree calls its release '%s'", c->release);
	return 0;
}

/* modules_install refuses a kernel without modules, but what ships has the directory. */
static int make_module_dir(struct compile *c, const char *install, struct err *e)
{
	_free_ char *dir = xasprintf("%s/modules/lib/modules/%s", install, c->release);

	return fs_mkdirs(AT_FDCWD, dir, 0755, e);
}

static int run_install(struct compile *c, const char *install, struct err *e)
{
	const char *args[9] = {
		"INSTALL_MOD_PATH=/install/modules",
		"INSTALL_HDR_PATH=/install/headers/usr",
		"INSTALL_DTBS_PATH=/install/boot/dtb",
		/* kiln's own depmod writes the index when it packs. */
		"DEPMOD=true",
		"headers_install",
	};
	const struct box_bind binds[] = {
		{install, "/install", true}, {c->key, KEY_INSIDE, false}, {0}};
	const struct box_bind plain[] = {{install, "/install", true}, {0}};
	size_t n = 5;

	if (fs_mkdirs(AT_FDCWD, install, 0755, e) || make_module_dir(c, install, e))
		return -1;
	if (config_has(c, "CONFIG_MODULES=y"))
		args[n++] = "modules_install";
	if (c->k.arch->dtbs)
		args[n++] = "dtbs_install";
	return kmake(&c->k, "install", args, c->key ? binds : plain, e);
}

/* What the installs left is copied from outside, with every box dead: a link instead of
 * the top is refused, and fs_copy_tree follows none below. */
static int take_installed(struct compile *c, const char *install, struct err *e)
{
	static const char *const trees[] = {"modules", "headers", "boot"};
	_close_ int top = fs_open_dir(AT_FDCWD, install, e);

	if (top < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		_close_ int from = -1;

		if (!fs_exists(top, trees[i]))
			continue;
		from = fs_open_in_root(
			top, trees[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (from < 0)
			return err_sys(e, "what the build installed as %s", trees[i]);
		if (fs_copy_tree(from, ".", c->out, trees[i], NULL, NULL, e))
			return -1;
	}
	return 0;
}

static int take_file(struct compile *c, const char *from, const char *to, struct err *e)
{
	return kmake_copy_made(&c->k, from, c->out, to, 0644, e);
}

static int take_image(struct compile *c, struct err *e)
{
	const char *const *images = c->k.arch->images;

	for (size_t i = 0; i < ARRAY_LEN(c->k.arch->images) && images[i]; i++) {
		_close_ int fd = kmake_open_made(&c->k, images[i], O_RDONLY);

		if (fd >= 0)
			return take_file(c, images[i], "kernel", e);
	}
	return err_set(e, ERR_BUILD, "the build left no %s", images[0]);
}

static int take_files(struct compile *c, struct err *e)
{
	_free_ char *release = xasprintf("%s\n", c->release);

	if (take_image(c, e) || take_file(c, "System.map", "System.map", e))
		return -1;
	if (c->request->debug && take_file(c, "vmlinux", "vmlinux", e))
		return -1;
	if (fs_publish(c->out, "config", c->config.data, c->config.len, 0644, e))
		return -1;
	return fs_publish(c->out, "release", release, strlen(release), 0644, e);
}

/* Runs in the box: only there is the merged tree, and every link resolves inside. */
static int copy_devkit(void *arg, struct err *e)
{
	_close_ int to = fs_open_dir(AT_FDCWD, arg, e);

	return to < 0 ? -1 : devkit_copy(KMAKE_TREE, to, e);
}

static int take_devkit(struct compile *c, struct err *e)
{
	_free_ char *proc = xasprintf("/proc/self/fd/%d", c->out);
	_free_ char *out = realpath(proc, NULL);
	_free_ char *devkit = out ? fs_join(out, "devkit") : NULL;
	const struct box_bind binds[] = {{devkit, "/devkit", true}, {0}};
	char inside[] = "/devkit";
	struct kmake_run run = {.call = copy_devkit,
		.arg = inside,
		.binds = binds,
		.in = -1,
		.out = -1,
		.err = -1};
	struct proc_end end;

	if (!devkit || mkdir(devkit, 0755))
		return err_sys(e, "making the devkit's directory");
	if (kmake_box(&c->k, &run, &end, e))
		return err_wrap(e, "copying the devkit");
	if (!proc_ok(&end))
		return err_set(e, ERR_INTERNAL, "copying the devkit ended with %s",
			proc_describe(&end));
	return 0;
}

static int compile(struct compile *c, struct err *e)
{
	_free_ char *install = fs_join(c->k.scratch, "install");
	_free_ char *vmlinux = kmake_made(&c->k, "vmlinux");

	if (place_config(c, e) || run_make(c, e) || read_release(c, e) ||
		run_install(c, install, e) || take_installed(c, install, e) ||
		take_files(c, e) || take_devkit(c, e) ||
		toolchain_report(&c->k, c->out, e) ||
		check_kernel(vmlinux, c->k.arch, e) ||
		check_modules(c->out, c->release, c->k.arch, e))
		return -1;
	if (!config_has(c, "CONFIG_MODULE_SIG_ALL=y"))
		return 0;
	return module_sign_check(c->out, vmlinux, e);
}

int kbuild_compile(const struct kbuild *k, const struct compile_request *request, int out,
	struct err *e)
{
	struct compile c = {.k = *k, .request = request, .out = out};
	int r = compile(&c, e);

	str_vec_free(&c.source);
	buf_free(&c.config);
	free(c.release);
	return r;
}
