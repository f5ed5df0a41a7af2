#include <fcntl.h>
#include <unistd.h>
#include "kernel/buildlog.h"
#include "tests/kernel/kernel_test.h"
#include "tests/test.h"

static const struct {
	const char *log, *where, *message, *target;
} cases[] = {
	{"  CC      mm/slab.o\n"
	 "mm/slab.c: In function 'x':\n"
	 "mm/slab.c:12:5: warning: unused variable 'y' [-Wunused-variable]\n"
	 "mm/slab.c:13:9: error: 'z' undeclared (first use in this function)\n"
	 "mm/slab.c:14:9: error: expected ';'\n"
	 "make[2]: *** [scripts/Makefile.build:250: mm/slab.o] Error 1\n"
	 "make[1]: *** [scripts/Makefile.build:500: mm] Error 2\n",
		"mm/slab.c:13:9", "error: 'z' undeclared (first use in this function)",
		"mm/slab.o"},
	{"In file included from a.c:1:\nb.h:3:10: fatal error: no.h: No such file\n"
	 "make: *** [Makefile:1: a.o] Error 1\n",
		"b.h:3:10", "fatal error: no.h: No such file", "a.o"},
	{"ld: init/main.o: in function `start_kernel':\n"
	 "main.c:(.init.text+0x1): undefined reference to `nothing'\n"
	 "make: *** [Makefile:1250: vmlinux] Error 1\n",
		"main.c:(.init.text+0x1)", "undefined reference to `nothing'", "vmlinux"},
	{"ERROR: modpost: \"foo\" [drivers/net/bar.ko] undefined!\n"
	 "make[1]: *** [scripts/Makefile.modpost:126: Module.symvers] Error 1\n",
		"", "ERROR: modpost: \"foo\" [drivers/net/bar.ko] undefined!",
		"Module.symvers"},
	{"/bin/sh: 1: flex: not found\n"
	 "make[1]: *** [scripts/Makefile.host:9: scripts/kconfig/lexer.lex.c] Error "
	 "127\n",
		"", "/bin/sh: 1: flex: not found", "scripts/kconfig/lexer.lex.c"},
	{"make[1]: *** No rule to make target 'certs/key.pem', needed by 'certs/x'.  "
	 "Stop.\n",
		"",
		"make[1]: *** No rule to make target 'certs/key.pem', needed by "
		"'certs/x'.  Stop.",
		""},
	{"Makefile:900: *** compiler is too old.  Stop.\n", "",
		"Makefile:900: *** compiler is too old.  Stop.", ""},
	/* A script's complaint is no error where a real one follows, but counts alone. */
	{"cat: x: No such file or directory\na.c:1:1: error: bad\n", "a.c:1:1",
		"error: bad", ""},
	{"make: flex: No such file or directory\nmake: *** [Makefile:5: all] Error 127\n",
		"", "make: flex: No such file or directory", "all"},
	/* Only a target: a program died without a word. */
	{"make[1]: *** [a/Makefile:3: x.o] Killed\nmake: *** [Makefile:1: a] Error 2\n",
		"", "", "x.o"},
	/* Another job's warning between the error and its target. */
	{"a.c:1:1: error: bad\nb.c:2:2: warning: meh\n"
	 "make[2]: *** [scripts/Makefile.build:1: a.o] Error 1\n",
		"a.c:1:1", "error: bad", "a.o"},
};

START_TEST(finds_the_first_real_error)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct build_failure f;

		ck_assert(buildlog_read(cases[i].log, &f));
		ck_assert_str_eq(f.where, cases[i].where);
		ck_assert_str_eq(f.message, cases[i].message);
		ck_assert_str_eq(f.target, cases[i].target);
	}
}
END_TEST

START_TEST(names_of_errors_are_none)
{
	struct build_failure f;

	ck_assert(!buildlog_read("  CC      lib/error.o\n  CC      fs/errors.o\n", &f));
	ck_assert(!buildlog_read("", &f));
}
END_TEST

/* Only what was printed after the position counts, though the fd can't read. */
START_TEST(reads_the_log_back)
{
	const char *path = kept_path("%s/buildlog", test_tmpdir());
	_close_ int log =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
	const struct proc_end end = {.status = 2};
	struct err e = {0};
	int64_t from;

	ck_assert_int_ge(log, 0);
	dprintf(log, "old.c:1:1: error: of another run\n");
	from = buildlog_here(log);
	dprintf(log, "new.c:2:2: warning: w\nnew.c:3:3: error: this one\n"
		     "make: *** [Makefile:1: new.o] Error 1\n");
	ck_fails(buildlog_explain(log, from, "compile", &end, &e), &e, ERR_BUILD,
		"compile: new.c:3:3: error: this one (make target new.o)");
	ck_fails(buildlog_explain(-1, -1, "compile", &end, &e), &e, ERR_BUILD,
		"compile: make ended with exit status 2");
}
END_TEST

Suite *suite_buildlog(void);
Suite *suite_buildlog(void)
{
	Suite *s = suite_create("buildlog");

	test_case(s, "errors", 10, finds_the_first_real_error, names_of_errors_are_none,
		reads_the_log_back);
	return s;
}
