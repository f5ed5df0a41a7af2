/* The box on hosts that forbid it, and with a person in it. */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/sysroot/box_fixture.h"
#include "tests/terminal.h"

static void put(const char *path, const char *text)
{
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(40);
}

/* A host that forbids user namespaces to plain users, made with a user namespace: its own
 * limit is 0, and this process is not root in it. */
static void forbid_namespaces(bool as_root)
{
	_free_ char *uid = test_path("%d %d 1", as_root ? 0 : 1000, (int)geteuid());
	_free_ char *gid = test_path("%d %d 1", as_root ? 0 : 1000, (int)getegid());

	if (unshare(CLONE_NEWUSER))
		_exit(41);
	put("/proc/self/uid_map", uid);
	put("/proc/self/setgroups", "deny");
	put("/proc/self/gid_map", gid);
	put("/proc/sys/user/max_user_namespaces", "0");
}

static int in_forbidden(bool as_root, int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		forbid_namespaces(as_root);
		_exit(fn(arg));
	}
	waitpid(pid, &status, 0);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int probe_is_refused(void *arg)
{
	struct err e = {0};
	const char *want = arg;

	if (box_probe(&e) == 0)
		return 1;
	if (!str_eq(e.msg, want))
		fprintf(stderr, "%s\n", e.msg);
	return e.code == ERR_BOX && str_eq(e.msg, want) ? 0 : 2;
}

START_TEST(the_knob_is_named)
{
	struct err e = {0};
	bool possible = box_probe(&e) == 0;

	if (!test_need_that(possible, possible ? "a box" : e.msg))
		return;
	ck_assert_int_eq(
		in_forbidden(false, probe_is_refused,
			"box: can't make namespaces: user.max_user_namespaces is 0: the "
			"administrator can raise it, say to 10000"),
		0);
}
END_TEST

/* As most containers are: parts of /proc lie below other mounts. */
static int probe_behind_a_mask(void *arg)
{
	_free_ char *uid = test_path("0 %d 1", (int)geteuid());
	_free_ char *gid = test_path("0 %d 1", (int)getegid());

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return 41;
	put("/proc/self/uid_map", uid);
	put("/proc/self/setgroups", "deny");
	put("/proc/self/gid_map", gid);
	if (mount("none", "/proc/bus", "tmpfs", 0, NULL))
		return 42;
	return probe_is_refused(arg);
}

START_TEST(a_hidden_proc_is_told)
{
	struct err e = {0};
	bool possible = box_probe(&e) == 0;
	int status;
	pid_t pid;

	if (!test_need_that(possible, possible ? "a box" : e.msg))
		return;
	pid = fork();
	if (pid == 0)
		_exit(probe_behind_a_mask(
			"box: can't mount a fresh /proc; a container that "
			"hides parts of its own /proc forbids it, start it "
			"with systempaths=unconfined (podman: unmask=ALL): "
			"Operation not permitted"));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* A container that allows namespaces: every probe once more, one level down. */
START_TEST(probes_are_contained_when_nested)
{
	_free_ char *self = NULL;
	_buf_ struct buf out = {0};
	struct err e = {0};
	bool possible = box_probe(&e) == 0;
	int status;

	if (!test_need_that(possible, possible ? "a box" : e.msg) ||
		!test_need("unshare"))
		return;
	self = realpath("/proc/self/exe", NULL);
	status = test_sh(&out, "KILN_SUITE=box_probes exec unshare -Urm '%s'", self);
	ck_assert_msg(status == 0, "%d: %s", status, buf_str(&out));
	ck_assert_msg(strstr(buf_str(&out), "3 passed, 0 failed"), "%s", buf_str(&out));
}
END_TEST

/* The whole of kiln: before it fetches anything. The store is below arg too. */
static int run_kiln(void *arg)
{
	_free_ char *store = test_path("%s/store", (char *)arg);
	const char *args[] = {"--store", store, "-C", arg, "--mirror", "file:///nowhere",
		"build", "--arch", "x86_64", NULL};
	_buf_ struct buf out = {0};
	int status = test_kiln(&out, args);

	if (strstr(buf_str(&out), "kiln: box: can't make namespaces: "
				  "user.max_user_namespaces is 0"))
		return status;
	fprintf(stderr, "%d: %s\n", status, buf_str(&out));
	return 50;
}

static void build_exits_with_7(const char *version)
{
	struct err e = {0};
	bool possible = box_probe(&e) == 0;
	_free_ char *dir = (char *)test_tmpdir();
	_free_ char *series = test_path("%s/6.1.x", dir);
	_free_ char *args = test_path("%s/build-args", series);
	_free_ char *config = test_path("%s/config-x86_64", series);

	if (!test_need_that(possible, possible ? "a box" : e.msg))
		return;
	ck_assert_int_eq(mkdir(series, 0755), 0);
	test_write(args, version);
	test_write(config, "CONFIG_64BIT=y\n");
	ck_assert_int_eq(in_forbidden(false, run_kiln, dir), 7);
}

START_TEST(kiln_build_exits_with_7)
{
	build_exits_with_7("KERNEL_VERSION=6.1.100\n");
}
END_TEST

/* Nor does it ask which version is the newest. */
START_TEST(kiln_asks_no_mirror_first)
{
	build_exits_with_7("KERNEL_VERSION=latest\n");
}
END_TEST

static int run_without_user_namespace(void *arg)
{
	_buf_ struct buf out = {0};
	struct box_fixture *f = arg;

	ck_assert_int_eq(
		box_sh(f, &out, "id -u; cat /linux/file; echo x >/linux/file"), 0);
	ck_assert_str_eq(buf_str(&out), "0\nlower\n");
	return 0;
}

/* Root needs no user namespace: where there is none to be had, the other walls stand. */
START_TEST(root_needs_no_user_namespace)
{
	struct box_fixture f;

	if (!box_fixture_shell(&f))
		return;
	ck_assert_int_eq(in_forbidden(true, run_without_user_namespace, &f), 0);
}
END_TEST

static int person(void *arg)
{
	struct box_fixture *f = arg;
	struct err e = {0};
	int status = 0;

	if (box_shell(&f->box, NULL, &status, &e) == 0)
		return status;
	fprintf(stderr, "%s\n", e.msg);
	return 41;
}

START_TEST(shell_has_a_terminal)
{
	struct box_fixture f;
	_buf_ struct buf out = {0};
	int status;

	if (!box_fixture_shell(&f))
		return;
	f.box.cwd = "/linux";
	status = test_on_terminal(person, &f,
		"echo in $(pwd) as $(id -u)\ntest -t 0 && echo a terminal\nexit 9\n",
		&out);
	ck_assert_msg(status == 9, "%d: %s", status, buf_str(&out));
	ck_assert_msg(strstr(buf_str(&out), "in /linux as 0\r\n"), "%s", buf_str(&out));
	ck_assert_msg(strstr(buf_str(&out), "a terminal\r\n"), "%s", buf_str(&out));
	ck_assert_msg(!strstr(buf_str(&out), "job control"), "%s", buf_str(&out));
}
END_TEST

/* One command, without a terminal; and a shell without one is refused. */
START_TEST(command_in_the_box)
{
	static const char *const command[] = {"/bin/sh", "-c", "exit 4", NULL};
	struct box_fixture f;
	struct err e = {0};
	int status = -1;

	if (!box_fixture_shell(&f))
		return;
	ck_ok(box_shell(&f.box, command, &status, &e), &e);
	ck_assert_int_eq(status, 4);
	pid_t pid = fork();

	if (pid == 0) {
		setsid(); /* a session without a terminal */
		_exit(box_shell(&f.box, NULL, &status, &e) == -1 &&
					str_eq(e.msg, "a shell needs a terminal: run "
						      "this from one, or "
						      "name a command")
				? e.code
				: 50);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), ERR_USAGE);
}
END_TEST

/* The command: over the host's own programs, which need no fetching. */
START_TEST(kiln_sysroot_shell)
{
	const char *store = test_tmpdir();
	const char *args[] = {"-q", "--store", store, "--progress", "plain", "sysroot",
		"shell", "host", "--", "sh", "-c",
		"echo $(id -u) $(ls -d /linux /home 2>&1)"
		" $HOME; exit 3",
		NULL};
	struct err e = {0};
	bool possible = box_probe(&e) == 0;
	_buf_ struct buf out = {0};
	int status;

	if (!test_need_that(possible, possible ? "a box" : e.msg))
		return;
	status = test_kiln(&out, args);
	ck_assert_msg(status == 3, "%d: %s", status, buf_str(&out));
	ck_assert_msg(strstr(buf_str(&out), "0 ls: ") && strstr(buf_str(&out), "/root\n"),
		"%s", buf_str(&out));
	free((void *)store);
}
END_TEST

Suite *suite_box_host(void);
Suite *suite_box_host(void)
{
	Suite *s = suite_create("box_host");

	test_case(s, "forbidden", 120, the_knob_is_named, kiln_build_exits_with_7,
		kiln_asks_no_mirror_first, a_hidden_proc_is_told,
		probes_are_contained_when_nested, root_needs_no_user_namespace);
	test_case(s, "person", 30, shell_has_a_terminal, command_in_the_box,
		kiln_sysroot_shell);
	return s;
}
