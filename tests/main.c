/* The one test program. KILN_SUITE="oci tar" runs these suites, "-build" all but this;
 * CK_VERBOSITY is Check's own. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/suites.h"
#include "tests/test.h"

#define DECLARE(suite) Suite *suite(void);
SUITES(DECLARE)

static const struct {
	const char *name;
	Suite *(*make)(void);
} suites[] = {
#define ROW(suite) {#suite, suite},
	SUITES(ROW)};

/* Tests run in forked children: what they note crosses in files of this directory. */
static char session[64];

static void note(const char *kind, const char *text)
{
	_free_ char *path = test_path("%s/%s", session, kind);
	_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	_free_ char *line = test_path("%s\n", text);

	if (fd >= 0 && write(fd, line, strlen(line)) < 0)
		perror(path);
}

bool test_need_that(bool holds, const char *what)
{
	_free_ char *text = NULL;

	if (holds)
		return true;
	ck_assert_msg(!getenv("KILN_MUST_RUN"), "%s is needed here and missing", what);
	text = test_path("%s: skipped for want of %s", tcase_name(), what);
	note("skipped", text);
	return false;
}

bool test_need(const char *name)
{
	if (!test_need_that(proc_in_path(name), name))
		return false;
	note("used", name);
	return true;
}

const char *test_tmpdir(void)
{
	static struct str_vec paths; /* keeps them reachable: they are nobody's to free */
	char path[128];

	snprintf(path, sizeof(path), "%s/tmp.XXXXXX", session);
	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert_int_eq(chmod(path, 0755), 0);
	str_vec_add(&paths, path);
	return paths.items[paths.len - 1];
}

/* What tests are given lives as long as their process: to a leak checker it must look so,
 * too. Tests that free it may. */
static char *keep(char *s)
{
	static char *kept[1 << 16];
	static size_t count;

	kept[count++ % ARRAY_LEN(kept)] = s;
	return s;
}

char *test_path(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	return keep(s);
}

int test_run(struct buf *out, const char *const *argv)
{
	struct err e = {0};
	struct proc_end end = {0};
	_buf_ struct buf ignored = {0};

	if (out)
		buf_clear(out);
	ck_ok(proc_capture(argv, true, 16 << 20, out ? out : &ignored, &end, &e), &e);
	return end.signal ? 128 + end.signal : end.status;
}

int test_sh(struct buf *out, const char *fmt, ...)
{
	const char *argv[] = {"sh", "-c", NULL, NULL};
	_free_ char *script = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&script, fmt, ap) < 0)
		abort();
	va_end(ap);
	argv[2] = script;
	return test_run(out, argv);
}

int test_kiln(struct buf *out, const char *const *args)
{
	_str_vec_ struct str_vec argv = {0};

	str_vec_add(&argv, getenv("KILN"));
	for (; *args; args++)
		str_vec_add(&argv, *args);
	return test_run(out, (const char *const *)argv.items);
}

const char *test_source_dir(void)
{
	static char dir[4096];

	return getcwd(dir, sizeof(dir));
}

const char *test_build_dir(void)
{
	return getenv("KILN_BUILD");
}

void test_write(const char *path, const char *text)
{
	struct err e = {0};

	ck_ok(fs_publish(AT_FDCWD, path, text, strlen(text), 0644, &e), &e);
}

char *test_read(const char *path)
{
	_buf_ struct buf b = {0};
	struct err e = {0};

	ck_ok(fs_read(AT_FDCWD, path, 64 << 20, &b, &e), &e);
	return keep(buf_steal(&b));
}

/* Prints a note file's lines, each once. */
static void print_notes(const char *kind, const char *title)
{
	_free_ char *path = test_path("%s/%s", session, kind);
	_buf_ struct buf text = {0};
	_str_vec_ struct str_vec lines = {0};
	struct err e = {0};

	if (fs_read(AT_FDCWD, path, 1 << 20, &text, &e) < 0)
		return;
	str_split(&lines, text.data, "\n");
	str_vec_sort(&lines);
	printf("%s:\n", title);
	for (size_t i = 0; i < lines.len; i++)
		if (i == 0 || !str_eq(lines.items[i], lines.items[i - 1]))
			printf("  %s\n", lines.items[i]);
}

static bool is_asked_for(const char *suite)
{
	const char *asked = getenv("KILN_SUITE");
	_str_vec_ struct str_vec words = {0};

	str_split(&words, asked ? asked : "", " ,");
	if (!words.len)
		return true;
	if (words.items[0][0] != '-')
		return str_vec_has(&words, suite);
	for (size_t i = 0; i < words.len; i++)
		if (str_eq(words.items[i] + 1, suite))
			return false;
	return true;
}

int main(void)
{
	const char *base = getenv("TMPDIR");
	SRunner *runner = srunner_create(NULL);
	struct err e = {0};
	int failed;

	if (!getenv("KILN"))
		setenv("KILN", "./kiln", 1);
	if (!getenv("KILN_BUILD"))
		setenv("KILN_BUILD", "build", 1);
	snprintf(session, sizeof(session), "%s/kiln-tests.XXXXXX",
		base && strlen(base) < 32 ? base : "/tmp");
	if (!mkdtemp(session) || chmod(session, 0755) < 0) {
		perror(session);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		if (is_asked_for(suites[i].name + strlen("suite_")))
			srunner_add_suite(runner, suites[i].make());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	print_notes("used", "real programs used");
	print_notes("skipped", "skipped");
	/* Check's own summary once more as the last line: what went before is long. */
	printf("%d passed, %d failed\n", srunner_ntests_run(runner) - failed, failed);
	srunner_free(runner);
	if (fs_remove(AT_FDCWD, session, &e) < 0)
		fprintf(stderr, "%s\n", e.msg);
	return failed ? 1 : 0;
}
