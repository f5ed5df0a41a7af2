#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/sysroot/box_fixture.h"

static struct str_vec texts;

const char *box_text(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&text, fmt, ap), 0);
	va_end(ap);
	str_vec_take(&texts, text);
	return text;
}

const char *box_path(const struct box_fixture *f, const char *name)
{
	return box_text("%s/%s", f->dir, name);
}

static void make_dir(const struct box_fixture *f, const char *name)
{
	struct err e = {0};

	ck_ok(fs_mkdirs(AT_FDCWD, box_path(f, name), 0755, &e), &e);
}

static void install(const struct box_fixture *f, const char *from, const char *name)
{
	struct err e = {0};

	ck_ok(fs_copy_file(AT_FDCWD, from, AT_FDCWD, box_path(f, name), 0755, &e), &e);
}

bool box_fixture(struct box_fixture *f)
{
	static const char *const helpers[] = {"box_probe_host", "box_probe_kernel"};
	struct err e = {0};
	bool possible = box_probe(&e) == 0;

	if (!test_need_that(possible, possible ? "a box" : e.msg))
		return false;
	const char *dir = test_tmpdir();

	str_vec_take(&texts, (char *)dir);
	*f = (struct box_fixture){.dir = dir, .env = {"PATH=/bin"}};
	make_dir(f, "root/bin");
	make_dir(f, "lower/sub");
	make_dir(f, "given");
	make_dir(f, "out");
	test_write(box_path(f, "lower/file"), "lower\n");
	test_write(box_path(f, "lower/sub/deep"), "deep\n");
	test_write(box_path(f, "given/file"), "given\n");
	for (size_t i = 0; i < ARRAY_LEN(helpers); i++)
		install(f, box_text("%s/tests/helpers/%s", test_build_dir(), helpers[i]),
			box_text("root/bin/%s", helpers[i]));
	f->lower[0] = box_path(f, "lower");
	f->overlays[0] =
		(struct box_overlay){"/linux", f->lower, box_path(f, "scratch-linux")};
	f->binds[0] = (struct box_bind){box_path(f, "given"), "/given", false};
	f->binds[1] = (struct box_bind){box_path(f, "out"), "/out", true};
	f->box = (struct box){
		.root = box_path(f, "root"),
		.scratch = box_path(f, "scratch"),
		.overlays = f->overlays,
		.binds = f->binds,
		.argv = f->argv,
		.envp = f->env,
		BOX_NO_FDS,
	};
	return true;
}

/* A busybox that is not linked statically would find no loader inside. */
static bool is_static(const char *path)
{
	_buf_ struct buf out = {0};

	return test_sh(&out, "! readelf -lW %s | grep -q INTERP", path) == 0;
}

bool box_fixture_shell(struct box_fixture *f)
{
	static const char *const names[] = {"sh", "cat", "ls", "id", "hostname", "rm",
		"mv", "mkdir", "sleep", "ln", "touch", "env", "readlink", "stat", "sync",
		"chmod", "sort", "find", "tty"};

	if (!test_need("readelf") || !test_need("busybox") ||
		!test_need_that(is_static("/bin/busybox"), "a static busybox") ||
		!box_fixture(f))
		return false;
	install(f, "/bin/busybox", "root/bin/busybox");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_int_eq(symlink("busybox",
					 box_path(f, box_text("root/bin/%s", names[i]))),
			0);
	return true;
}

static void drain(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(out, chunk, (size_t)n);
	ck_assert_int_eq((int)n, 0);
}

/* What is read ends only when the last process inside that holds the pipe is gone. */
int box_fixture_run(struct box_fixture *f, struct buf *out, const char *const *argv)
{
	_buf_ struct buf ignored = {0};
	struct proc_end end = {0};
	struct err e = {0};
	struct box box = f->box;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 0);
	box.argv = argv;
	box.out = box.err = ends[1];
	ck_ok(box_run(&box, &end, &e), &e);
	close(ends[1]);
	if (out)
		buf_clear(out);
	drain(ends[0], out ? out : &ignored);
	close(ends[0]);
	return end.signal ? 128 + end.signal : end.status;
}

int box_sh(struct box_fixture *f, struct buf *out, const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};

	return box_fixture_run(f, out, argv);
}
