#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/check.h"
#include "kernel/kbuild.h"
#include "kernel/kmake.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/str.h"

#define MADE_PERF "tools/perf/perf"
#define MADE_DUMP "tools/perf/FEATURE-DUMP"

/* Whether the root has a library that links statically: "traceevent". */
static bool has_library(const struct kbuild *k, const char *name)
{
	_free_ char *path =
		xasprintf("%s/usr/lib/%s/lib%s.a", k->root, k->arch->triple, name);

	return fs_exists(AT_FDCWD, path);
}

/* The tables of each processor's own events are made by a Python script. */
static bool has_python(const struct kbuild *k)
{
	_free_ char *path = fs_join(k->root, "usr/bin/python3");

	return fs_exists(AT_FDCWD, path);
}

/* perf's own list for a static link names libebl, which is a part of libdw since elfutils
 * 0.177, and leaves out zstd, which newer libelfs need: it would do without DWARF. */
static void add_libraries(const struct kbuild *k, struct str_vec *args)
{
	str_vec_addf(args, "DWARFLIBS=-ldw -lelf -lz -llzma -lbz2%s",
		has_library(k, "zstd") ? " -lzstd" : "");
	/* No interpreter links statically, and none is in the image. */
	str_vec_add(args, "NO_LIBPYTHON=1");
	str_vec_add(args, "NO_LIBPERL=1");
	/* From 6.4 on perf wants libtraceevent from outside, and stops where it is
	 * missing; older ones carry it and ignore the variable. */
	if (!has_library(k, "traceevent"))
		str_vec_add(args, "NO_LIBTRACEEVENT=1");
}

/* perf looks for Python by its -config, which only its development files have. Later ones
 * than 6.1 stop where they find none, instead of going without. */
static void add_python(const struct kbuild *k, struct str_vec *args)
{
	if (has_python(k)) {
		str_vec_add(args, "PYTHON=python3");
		str_vec_add(args, "PYTHON_CONFIG=true");
	} else {
		str_vec_add(args, "NO_JEVENTS=1");
	}
}

static int build(const struct kbuild *k, struct err *e)
{
	/* Not through tools/perf/Makefile: it gives its child a -j of its own, which
	 * would leave the jobserver. */
	static const char *const always[] = {"-C", "tools/perf", "-f", "Makefile.perf",
		"LDFLAGS=-static -Wl,--build-id=sha1", "WERROR=0", "perf"};
	_str_vec_ struct str_vec args = {0};

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		str_vec_add(&args, always[i]);
	add_libraries(k, &args);
	add_python(k, &args);
	return kmake(k, "perf", (const char *const *)args.items, NULL, e);
}

static int strip(const struct kbuild *k, struct err *e)
{
	_free_ char *program = k->toolchain->llvm
				       ? xstrdup("llvm-strip")
				       : xasprintf("%s-strip", k->arch->triple);
	const char *const argv[] = {program, MADE_PERF, NULL};
	struct kmake_run run = {.argv = argv, .in = -1, .out = -1, .err = -1};
	struct proc_end end;

	if (kmake_box(k, &run, &end, e))
		return -1;
	if (!proc_ok(&end))
		return err_set(e, ERR_BUILD, "perf: %s ended with %s", program,
			proc_describe(&end));
	return 0;
}

/* "feature-libelf=1" of perf's own record becomes "libelf: yes". */
static int write_features(const struct kbuild *k, int out, struct err *e)
{
	_close_ int fd = kmake_open_made(k, MADE_DUMP, O_RDONLY);
	_buf_ struct buf dump = {0}, text = {0};
	_str_vec_ struct str_vec lines = {0};
	char *pos, *line;

	if (fd < 0)
		return err_sys(e, "the build left no %s", MADE_DUMP);
	if (fs_read_fd(fd, MADE_DUMP, 1 << 20, &dump, e))
		return -1;
	pos = dump.data;
	while (pos && (line = str_next_line(&pos))) {
		char name[128];
		int value;

		if (sscanf(line, "feature-%127[^=]=%d", name, &value) == 2)
			str_vec_addf(&lines, "%s: %s\n", name, value ? "yes" : "no");
	}
	/* perf's record leaves it out. */
	str_vec_addf(&lines, "jevents: %s\n", has_python(k) ? "yes" : "no");
	str_vec_sort(&lines);
	STR_VEC_FOREACH (feature, &lines)
		buf_adds(&text, feature);
	return fs_publish(out, "features", buf_str(&text), text.len, 0644, e);
}

int kbuild_perf(const struct kbuild *k, int out, struct err *e)
{
	if (build(k, e) || strip(k, e) ||
		kmake_copy_made(k, MADE_PERF, out, "perf", 0755, e) ||
		check_program(out, "perf", k->arch, e))
		return -1;
	return write_features(k, out, e);
}
