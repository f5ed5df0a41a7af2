#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/test.h"

START_TEST(three_ends)
{
	static const struct {
		const char *script, *said;
		bool ok;
	} rows[] = {
		{"exit 0", "exit status 0", true},
		{"exit 7", "exit status 7", false},
		{"kill -KILL $$", "killed by SIGKILL (9)", false},
		{"kill -SEGV $$", "killed by SIGSEGV (11)", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *argv[] = {"sh", "-c", rows[i].script, NULL};
		struct proc_spec spec = {.argv = argv, .in = -1, .out = -1, .err = -1};
		struct proc_end end = {0};
		struct err e = {0};

		ck_ok(proc_run(&spec, &end, &e), &e);
		ck_assert_str_eq(proc_describe(&end), rows[i].said);
		ck_assert_int_eq(proc_ok(&end), rows[i].ok);
	}
}
END_TEST

START_TEST(a_missing_program_is_named)
{
	const char *argv[] = {"no-such-program", NULL};
	struct proc_spec spec = {.argv = argv, .in = -1, .out = -1, .err = -1};
	struct proc_end end = {0};
	struct err e = {0};

	ck_fails(proc_run(&spec, &end, &e), &e, ERR_USAGE,
		"the program 'no-such-program' is needed and not installed");
}
END_TEST

START_TEST(capture_is_bounded_and_never_blocks)
{
	const char *argv[] = {"sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x", NULL};
	_buf_ struct buf out = {0};
	struct proc_end end = {0};
	struct err e = {0};

	ck_ok(proc_capture(argv, true, 1000, &out, &end, &e), &e);
	ck_assert_uint_eq(out.len, 1000);
	ck_assert(proc_ok(&end));
}
END_TEST

START_TEST(nothing_is_inherited_but_what_is_passed)
{
	int leaked = open("/dev/null", O_RDONLY), passed = open("/dev/null", O_RDONLY);
	const char *argv[] = {"sh", "-c", "ls /proc/self/fd; exit 0", NULL};
	int pass[] = {passed, -1}, fds[2];
	struct proc_spec spec = {.argv = argv, .in = -1, .err = -1, .pass = pass};
	struct proc_end end = {0};
	_str_vec_ struct str_vec names = {0};
	_free_ char *leaked_name = test_path("%d", leaked);
	_free_ char *passed_name = test_path("%d", passed);
	struct err e = {0};
	char text[256] = "";

	ck_assert_int_eq(pipe(fds), 0);
	spec.out = fds[1];
	ck_ok(proc_run(&spec, &end, &e), &e);
	ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
	str_split(&names, text, "\n");
	ck_assert(!str_vec_has(&names, leaked_name));
	ck_assert(str_vec_has(&names, passed_name));
}
END_TEST

START_TEST(the_group_is_killed)
{
	const char *argv[] = {"sh", "-c", "sleep 100 & sleep 100", NULL};
	struct proc_spec spec = {.argv = argv, .in = -1, .out = -1, .err = -1};
	struct proc_end end = {0};
	struct err e = {0};
	int status = 0, orphans = 0;
	pid_t pid;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = proc_start(&spec, &e);

	ck_assert_int_gt(pid, 0);
	usleep(100000); /* let the shell start its child */
	proc_kill(pid);
	ck_ok(proc_wait(pid, &end, &e), &e);
	ck_assert_int_eq(end.signal, SIGKILL);
	/* What the shell left was handed to us, and died as well. */
	while (waitpid(-pid, &status, 0) > 0) {
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		orphans++;
	}
	ck_assert_int_ge(orphans, 1);
	ck_assert_int_ne(kill(-pid, 0), 0);
}
END_TEST

Suite *suite_proc(void);
Suite *suite_proc(void)
{
	Suite *s = suite_create("proc");

	test_case(s, "proc", 10, three_ends, a_missing_program_is_named,
		capture_is_bounded_and_never_blocks,
		nothing_is_inherited_but_what_is_passed, the_group_is_killed);
	return s;
}
