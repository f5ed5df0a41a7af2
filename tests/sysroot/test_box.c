/* What a box is for: programs run in it, see what they should, and end. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/sysroot/box_fixture.h"

/* Script, exit status, output; each in a fresh box over the same sysroot. */
static const struct {
	const char *script;
	int status;
	const char *out;
} scripts[] = {
	{"exit 0", 0, ""},
	{"exit 7", 7, ""},
	{"kill -9 $$", 128 + SIGKILL, ""},
	{"kill -15 $$", 128 + SIGTERM, ""},
	{"id -u; id -g; hostname", 0, "0\n0\nkiln\n"},
	{"pwd; cat", 0, "/\n"},
	{"env | sort", 0, "A=b c\nPATH=/bin\nPWD=/\nSHLVL=1\n"},
	{"umask", 0, "0022\n"},
	{"ls /", 0, "bin\ndev\ngiven\nlinux\nout\nproc\ntmp\n"},
	{"ls /proc/self/fd | sort | while read n; do echo \"$n\"; done", 0,
		"0\n1\n2\n3\n"},
	{"cat /linux/file /linux/sub/deep /given/file", 0, "lower\ndeep\ngiven\n"},
	{"ls /dev", 0,
		"fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\nurandom\n"
		"zero\n"},
	{"echo x >/tmp/a && echo y >/dev/shm/b && cat /tmp/a /dev/shm/b", 0, "x\ny\n"},
	{"echo x >/new && cat /new && rm /bin/tty && ls /bin/tty", 1, NULL},
	{"sleep 100 & sleep 100 & sleep 100 & exit 5", 5, ""},
	{"trap '' TERM HUP; (sleep 1000 &) ; exit 4", 4, ""},
};

START_TEST(scripts_run)
{
	struct box_fixture f;
	_buf_ struct buf out = {0};

	if (!box_fixture_shell(&f))
		return;
	f.env[1] = "A=b c";
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		f.box.scratch = box_path(&f, box_text("s%zu", i));
		int status = box_sh(&f, &out, scripts[i].script);

		ck_assert_msg(status == scripts[i].status, "%s: %d %s", scripts[i].script,
			status, buf_str(&out));
		if (scripts[i].out)
			ck_assert_str_eq(buf_str(&out), scripts[i].out);
	}
}
END_TEST

/* The sysroot and the layers are as before, and the changes are where box.h says. */
START_TEST(changes_land_in_scratch)
{
	struct box_fixture f;
	_buf_ struct buf out = {0};

	if (!box_fixture_shell(&f))
		return;
	ck_assert_int_eq(
		box_sh(&f, &out,
			"echo new >/linux/file; echo n >/linux/sub/n; rm /bin/env;"
			"echo out >/out/o; echo root >/r"),
		0);
	_free_ char *file = test_read(box_path(&f, "scratch-linux/upper/file"));
	_free_ char *lower = test_read(box_path(&f, "lower/file"));
	_free_ char *written = test_read(box_path(&f, "out/o"));
	_free_ char *root = test_read(box_path(&f, "scratch/upper/r"));

	ck_assert_str_eq(file, "new\n");
	ck_assert_str_eq(lower, "lower\n");
	ck_assert_str_eq(written, "out\n");
	ck_assert_str_eq(root, "root\n");
	ck_assert(fs_exists(AT_FDCWD, box_path(&f, "root/bin/env")));
	ck_assert(!fs_exists(AT_FDCWD, box_path(&f, "lower/sub/n")));
	/* The next box over the same scratch goes on from there. */
	ck_assert_int_eq(
		box_sh(&f, &out, "cat /linux/file /linux/sub/n /r; ls /bin/env"), 1);
	ck_assert_msg(str_starts(buf_str(&out), "new\nn\nroot\n"), "%s", buf_str(&out));
}
END_TEST

/* Sentences of what goes wrong before the program runs. */
static void no_program(struct box_fixture *f)
{
	f->argv[0] = "flex";
}
static void no_program_path(struct box_fixture *f)
{
	f->argv[0] = "/usr/bin/flex";
}
static void not_executable(struct box_fixture *f)
{
	f->argv[0] = "/linux/file";
}
static void no_cwd(struct box_fixture *f)
{
	f->box.cwd = "/nowhere";
}
static void relative_at(struct box_fixture *f)
{
	f->binds[0].at = "given";
}

static const struct {
	void (*spoil)(struct box_fixture *f);
	int code;
	const char *msg;
} refusals[] = {
	{no_program, ERR_BUILD,
		"box: can't run flex in the sysroot: No such file or directory"},
	{no_program_path, ERR_BUILD,
		"box: can't run /usr/bin/flex in the sysroot: No such file or directory"},
	{not_executable, ERR_BUILD,
		"box: can't run /linux/file in the sysroot: Permission denied"},
	{no_cwd, ERR_BUILD,
		"box: can't enter the directory /nowhere inside: No such file or "
		"directory"},
	{relative_at, ERR_INTERNAL, "box: 'given' is not an absolute path"},
};

START_TEST(refusals_are_sentences)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct box_fixture f;
		struct proc_end end = {0};
		struct err e = {0};

		if (!box_fixture(&f))
			return;
		f.argv[0] = "box_probe_host";
		refusals[i].spoil(&f);
		ck_fails(
			box_run(&f.box, &end, &e), &e, refusals[i].code, refusals[i].msg);
	}
}
END_TEST

START_TEST(missing_directories_are_named)
{
	struct box_fixture f;
	struct proc_end end = {0};
	struct err e = {0};

	if (!box_fixture(&f))
		return;
	f.argv[0] = "box_probe_host";
	f.box.root = box_path(&f, "no-root");
	_free_ char *want = test_path("box: %s: No such file or directory", f.box.root);

	ck_fails(box_run(&f.box, &end, &e), &e, ERR_IO, want);
}
END_TEST

/* Whatever a person calls a directory: overlayfs reads ':' ',' and '\' as its own. */
START_TEST(odd_paths_work)
{
	static const char *const names[] = {
		"a:b", "a,b", "a\\b", "a b", "a\nb", "-o", "ä"};
	struct box_fixture f;
	_buf_ struct buf out = {0};
	struct err e = {0};

	if (!box_fixture_shell(&f))
		return;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *dir = names[i];

		f.lower[0] = box_path(&f, box_text("%s/lower", dir));
		ck_ok(fs_mkdirs(AT_FDCWD, f.lower[0], 0755, &e), &e);
		test_write(box_text("%s/file", f.lower[0]), names[i]);
		f.overlays[0].scratch = box_path(&f, box_text("%s/scratch", dir));
		f.box.scratch = box_path(&f, box_text("%s/scratch-root", dir));
		ck_assert_int_eq(box_sh(&f, &out, "cat /linux/file"), 0);
		ck_assert_str_eq(buf_str(&out), names[i]);
	}
}
END_TEST

START_TEST(jobserver_is_3_and_4)
{
	struct box_fixture f;
	_buf_ struct buf out = {0};
	int fds[2];

	if (!box_fixture_shell(&f))
		return;
	ck_assert_int_eq(pipe(fds), 0);
	f.box.jobserver[0] = fds[0];
	f.box.jobserver[1] = dup2(fds[1], 90); /* as in a busy kiln */
	ck_assert_int_eq(write(fds[1], "tok\n", 4), 4);
	ck_assert_int_eq(box_sh(&f, &out, "read t <&3; echo $t; echo back >&4"), 0);
	ck_assert_str_eq(buf_str(&out), "tok\n");
	char back[8] = "";

	ck_assert_int_eq((int)read(fds[0], back, sizeof(back) - 1), 5);
	ck_assert_str_eq(back, "back\n");
}
END_TEST

START_TEST(cancel_kills)
{
	struct box_fixture f;
	struct proc_end end = {0};
	struct err e = {0};
	int cancel[2], out[2];
	char byte;

	if (!box_fixture_shell(&f))
		return;
	ck_assert_int_eq(pipe2(cancel, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid_t waker = fork();

	if (waker == 0) {
		/* Cancels as soon as the program is known to run. */
		if (read(out[0], &byte, 1) == 1 && write(cancel[1], "x", 1) == 1)
			_exit(0);
		_exit(1);
	}
	const char *argv[] = {
		"sh", "-c", "trap '' TERM; echo go; sleep 1000 & sleep 1000", NULL};

	f.box.argv = argv;
	f.box.out = out[1];
	f.box.cancel = cancel[0];
	ck_fails(box_run(&f.box, &end, &e), &e, ERR_INTERRUPT, "interrupted");
	close(out[1]);
	while (read(out[0], &byte, 1) > 0)
		; /* ends: no process inside holds it any more */
}
END_TEST

/* kiln killed by SIGKILL can't clean up; its boxes die all the same. */
START_TEST(box_dies_with_kiln)
{
	struct box_fixture f;
	int out[2], status;
	char byte;

	if (!box_fixture_shell(&f))
		return;
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid_t kiln = fork();

	if (kiln == 0) {
		struct proc_end end;
		struct err e;
		const char *argv[] = {"sh", "-c", "echo; sleep 1000 & sleep 1000", NULL};

		f.box.argv = argv;
		f.box.out = out[1];
		box_run(&f.box, &end, &e);
		_exit(0);
	}
	close(out[1]);
	ck_assert_int_eq((int)read(out[0], &byte, 1), 1);
	kill(kiln, SIGKILL);
	waitpid(kiln, &status, 0);
	ck_assert_int_eq((int)read(out[0], &byte, 1), 0);
}
END_TEST

/* kiln's own code has as little power in there as a build. */
static bool holds_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	return syscall(SYS_capget, &header, data) || data[0].permitted ||
	       data[1].permitted;
}

static int write_inside(void *arg, struct err *e)
{
	struct stat host;

	if (holds_capabilities())
		return err_set(e, ERR_INTERNAL, "there are capabilities");
	if (stat(arg, &host) == 0)
		return err_set(e, ERR_INTERNAL, "the host is in sight");
	return fs_publish(AT_FDCWD, "/out/made", "by call\n", 8, 0644, e);
}
static int fail_inside(void *arg, struct err *e)
{
	(void)arg;
	return err_set(e, ERR_INPUT, "a sentence from inside");
}
static int crash_inside(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return raise(SIGKILL);
}
static int fail_silently(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	_exit(3);
}

static const struct {
	int (*call)(void *arg, struct err *e);
	int code;
	const char *msg;
} calls[] = {
	{fail_inside, ERR_INPUT, "a sentence from inside"},
	{crash_inside, ERR_INTERNAL,
		"box: kiln's own code in it ended with killed by SIGKILL (9)"},
	{fail_silently, ERR_INTERNAL,
		"box: kiln's own code in it ended with exit status 3"},
};

START_TEST(calls_run_inside)
{
	struct box_fixture f;
	struct proc_end end = {0};
	struct err e = {0};

	if (!box_fixture(&f))
		return;
	f.box.call = write_inside;
	f.box.call_arg = (void *)box_path(&f, "root");
	ck_ok(box_run(&f.box, &end, &e), &e);
	_free_ char *made = test_read(box_path(&f, "out/made"));

	ck_assert_str_eq(made, "by call\n");
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		f.box.call = calls[i].call;
		ck_fails(box_run(&f.box, &end, &e), &e, calls[i].code, calls[i].msg);
	}
}
END_TEST

static void *run_in_thread(void *arg)
{
	struct box_fixture *f = arg;
	_buf_ struct buf out = {0};

	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(box_sh(f, &out, "cat /linux/file; exit 6"), 6);
		ck_assert_str_eq(buf_str(&out), "lower\n");
	}
	return NULL;
}

START_TEST(several_at_once)
{
	static struct box_fixture f[4];
	pthread_t threads[ARRAY_LEN(f)];

	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		if (!box_fixture_shell(&f[i]))
			return;
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, run_in_thread, &f[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

/* A session of its own would be a group of its own to the scheduler. */
START_TEST(nice_stays_nice)
{
	struct box_fixture f;
	_buf_ struct buf out = {0};

	if (!box_fixture_shell(&f) ||
		!test_need_that(fs_exists(AT_FDCWD, "/proc/self/autogroup"), "autogroup"))
		return;
	int want = getpriority(PRIO_PROCESS, 0);

	if (want < 7)
		want = nice(7 - want);
	ck_assert_int_eq(box_sh(&f, &out, "cat /proc/self/autogroup"), 0);
	ck_assert_msg(str_ends(buf_str(&out), box_text(" nice %d\n", want)), "%s",
		buf_str(&out));
}
END_TEST

/* The provider "host": programs of this machine, and nothing else of it. */
START_TEST(host_root_is_read_only)
{
	struct box_fixture f;
	_buf_ struct buf out = {0};

	if (!box_fixture(&f))
		return;
	f.box.root = "/";
	f.env[0] = "PATH=/usr/bin:/bin";
	ck_assert_int_eq(
		box_sh(&f, &out,
			"cat /linux/file; echo x >/new && cat /new;"
			"echo x 2>/dev/null >/usr/bin/kiln-test && echo written;"
			"ls -d /home /root /var /etc/shadow /srv 2>/dev/null; ls /mnt"),
		2);
	ck_assert_msg(str_starts(buf_str(&out), "lower\nx\n"), "%s", buf_str(&out));
	ck_assert_ptr_null(strstr(buf_str(&out), "written"));
	ck_assert_ptr_null(strstr(buf_str(&out), "/var"));
	ck_assert_ptr_null(strstr(buf_str(&out), "shadow"));
}
END_TEST

Suite *suite_box(void);
Suite *suite_box(void)
{
	Suite *s = suite_create("box");

	test_case(s, "programs", 60, scripts_run, changes_land_in_scratch, odd_paths_work,
		jobserver_is_3_and_4, calls_run_inside, several_at_once,
		host_root_is_read_only, nice_stays_nice);
	test_case(s, "ends", 30, cancel_kills, box_dies_with_kiln);
	test_case(
		s, "refusals", 30, refusals_are_sentences, missing_directories_are_named);
	return s;
}
