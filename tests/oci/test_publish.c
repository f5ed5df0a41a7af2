/* Publishing: tags grow platform by platform, and nothing that was published gets lost.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "tests/oci/oci_test.h"

Suite *suite_oci_publish(void);

static char *new_layout(void)
{
	return test_path("%s/out", test_tmpdir());
}

static void ck_platforms(const char *layout, const char *tag, const char *want)
{
	_free_ char *got = oci_test_platforms(layout, tag);

	ck_assert_str_eq(got, want);
}

START_TEST(a_tag_grows_by_platform)
{
	const char *amd = oci_test_tiny("amd64", "one"),
		   *arm = oci_test_tiny("arm64", "two");
	const char *newer = oci_test_tiny("arm64", "three");
	_free_ char *layout = new_layout(), *a = oci_test_manifest(amd);
	_free_ char *b = oci_test_manifest(arm), *c = oci_test_manifest(newer);
	_free_ char *first = test_path("linux/amd64=%s", a);
	_free_ char *both = test_path("linux/amd64=%s,linux/arm64=%s", a, b);
	_free_ char *rebuilt = test_path("linux/amd64=%s,linux/arm64=%s", a, c);
	_free_ char *alone = test_path("linux/arm64=%s", c);

	oci_test_publish(amd, layout, "6.12", false);
	ck_platforms(layout, "6.12", first);
	oci_test_publish(arm, layout, "6.12", false);
	ck_platforms(layout, "6.12", both);
	oci_test_publish(newer, layout, "6.12", false);
	ck_platforms(layout, "6.12", rebuilt);
	oci_test_publish(arm, layout, "6.12-arm64", true);
	oci_test_publish(newer, layout, "6.12-arm64", true);
	ck_platforms(layout, "6.12-arm64", alone);
	ck_platforms(layout, "6.12", rebuilt);
	oci_test_sound(layout);
}
END_TEST

START_TEST(published_is_known)
{
	const char *amd = oci_test_tiny("amd64", "one"),
		   *arm = oci_test_tiny("arm64", "two");
	const struct oci_tag tags[] = {{"6.12", false}, {"6.12-amd64", true}};
	_free_ char *layout = new_layout();
	struct err e = {0};

	ck_assert(!oci_published(amd, layout, OCI_TEST_NAME, tags, 2));
	ck_ok(oci_publish(amd, layout, OCI_TEST_NAME, tags, 1, &e), &e);
	ck_assert(oci_published(amd, layout, OCI_TEST_NAME, tags, 1));
	ck_assert(!oci_published(amd, layout, OCI_TEST_NAME, tags, 2));
	ck_ok(oci_publish(amd, layout, OCI_TEST_NAME, tags, 2, &e), &e);
	ck_assert(oci_published(amd, layout, OCI_TEST_NAME, tags, 2));
	ck_assert(!oci_published(amd, layout, "docker.io/other/name", tags, 2));
	ck_assert(!oci_published(arm, layout, OCI_TEST_NAME, tags, 1));
	/* A blob that went away is noticed. */
	ck_assert_int_eq(
		test_sh(NULL, "cd %s/blobs/sha256 && rm $(grep -l kernel $(ls))", layout),
		0);
	ck_assert(!oci_published(amd, layout, OCI_TEST_NAME, tags, 2));
}
END_TEST

/* Publishing the same again changes no byte, and the order of publishing changes none. */
START_TEST(order_changes_nothing)
{
	const char *amd = oci_test_tiny("amd64", "one"),
		   *arm = oci_test_tiny("arm64", "two");
	_free_ char *x = new_layout(), *y = new_layout();

	oci_test_publish(amd, x, "1", false);
	oci_test_publish(arm, x, "1", false);
	oci_test_publish(arm, x, "2", false);
	oci_test_publish(amd, x, "1", false);
	oci_test_publish(arm, y, "2", false);
	oci_test_publish(arm, y, "1", false);
	oci_test_publish(amd, y, "1", false);
	ck_assert_int_eq(test_sh(NULL, "cmp %s/index.json %s/index.json", x, y), 0);
}
END_TEST

START_TEST(images_with_one_tag)
{
	static const char *const names[] = {"docker.io/linuxkit/kernel",
		"docker.io/linuxkit/kernel-perf", "docker.io/linuxkit/kernel-perf",
		"docker.io/other/kernel-perf", "docker.io/third/kernel-perf"};
	const char *amd = oci_test_tiny("amd64", "one");
	const struct oci_tag tags[] = {{"6.12", false}};
	_free_ char *layout = new_layout();
	_buf_ struct buf out = {0};
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_ok(oci_publish(amd, layout, names[i], tags, 1, &e), &e);
	oci_test_sound(layout);
	ck_assert_int_eq(
		test_sh(&out, "grep -o 'ref.name\":\"[^\"]*' %s/index.json", layout), 0);
	ck_assert_str_eq(out.data, "ref.name\":\"kernel-perf:6.12\nref.name\":\"6.12\n"
				   "ref.name\":\"docker.io/other/kernel-perf:6.12\n"
				   "ref.name\":\"docker.io/third/kernel-perf:6.12\n");
}
END_TEST

/* What another tool put into the layout stays, with every field. */
START_TEST(foreign_entries_stay)
{
	const char *amd = oci_test_tiny("amd64", "one");
	_free_ char *layout = new_layout();
	_buf_ struct buf out = {0};

	if (!test_need("umoci"))
		return;
	ck_assert_int_eq(
		test_sh(NULL,
			"umoci init --layout %s && umoci new --image %s:theirs && "
			"umoci tag --image %s:theirs second",
			layout, layout, layout),
		0);
	oci_test_publish(amd, layout, "1", false);
	ck_assert_int_eq(test_sh(&out, "umoci ls --layout %s | sort", layout), 0);
	ck_assert_str_eq(out.data, "1\nsecond\ntheirs\n");
	ck_assert_int_eq(test_sh(NULL, "umoci gc --layout %s", layout), 0);
	oci_test_sound(layout);
}
END_TEST

/* A damaged blob of the right size in the layout is replaced, never built upon. */
START_TEST(damage_is_repaired)
{
	const char *amd = oci_test_tiny("amd64", "one");
	const char *same = oci_test_tiny("amd64", "one");
	_free_ char *layout = new_layout();

	oci_test_publish(amd, layout, "1", false);
	/* A copy first: the image's own blobs are linked into the layout. */
	ck_assert_int_eq(
		test_sh(NULL,
			"cd %s/blobs/sha256 && for b in *; do if ! grep -q '^{' $b; then "
			"cp $b c && mv c $b && printf x | dd of=$b bs=1 seek=30 "
			"conv=notrunc "
			"2>/dev/null; fi; done",
			layout),
		0);
	oci_test_publish(same, layout, "2", false);
	oci_test_sound(layout);
}
END_TEST

/* On another file system there is no linking: copied, and proved. */
START_TEST(copies_across_file_systems)
{
	const char *amd = oci_test_tiny("amd64", "one");
	char shm[] = "/dev/shm/kiln-test.XXXXXX";
	_free_ char *layout = NULL;
	const struct oci_tag tag = {"1", false};
	struct stat a, b;
	struct err e = {0};

	if (!test_need_that(mkdtemp(shm) != NULL, "/dev/shm"))
		return;
	layout = test_path("%s/l", shm);
	ck_assert_int_eq(stat(amd, &a) | stat(shm, &b), 0);
	if (test_need_that(a.st_dev != b.st_dev, "a second file system")) {
		oci_test_publish(amd, layout, "1", false);
		oci_test_sound(layout);
		/* A damaged source gives no layout. */
		ck_assert_int_eq(test_sh(NULL,
					 "for b in %s/blobs/sha256/*; do grep -q '^{' "
					 "$b || printf x | dd of=$b bs=1 seek=30 "
					 "conv=notrunc 2>/dev/null; done",
					 amd),
			0);
		ck_ok(fs_remove(AT_FDCWD, layout, &e), &e);
		ck_assert_int_eq(
			oci_publish(amd, layout, OCI_TEST_NAME, &tag, 1, &e), -1);
		ck_assert_int_eq(e.code, ERR_STORE);
	}
	ck_ok(fs_remove(AT_FDCWD, shm, &e), &e);
}
END_TEST

START_TEST(no_place_for_a_layout)
{
	static const struct {
		const char *make, *path;
		int code;
		const char *msg;
	} cases[] = {
		{"mkdir d && touch d/x", "d", ERR_STORE,
			"d/oci-layout: the file is missing: d is no OCI image layout "
			"(give an "
			"empty or a new directory for a new layout)"},
		{"touch f", "f", ERR_IO, "f: the layout can't be made: Not a directory"},
		{"mkdir v && echo '{\"imageLayoutVersion\":\"2\"}' >v/oci-layout", "v",
			ERR_STORE,
			"v/oci-layout: imageLayoutVersion is not 1.0.0, the only one "
			"there is "
			"(give an empty or a new directory for a new layout)"},
	};
	const char *amd = oci_test_tiny("amd64", "one"), *dir = test_tmpdir();
	const struct oci_tag tag = {"1", false};

	ck_assert_int_eq(chdir(dir), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};

		ck_assert_int_eq(test_sh(NULL, "%s", cases[i].make), 0);
		ck_fails(oci_publish(amd, cases[i].path, OCI_TEST_NAME, &tag, 1, &e), &e,
			cases[i].code, cases[i].msg);
		ck_assert_int_eq(test_sh(NULL, "! ls -d *.tmp.*"), 0);
	}
}
END_TEST

#define PUBLISHERS 32

static pid_t start_publisher(const char *from, const char *layout, int number)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		_free_ char *tag = test_path("t%d", number);
		const struct oci_tag tags[] = {{"shared", false}, {tag, true}};
		struct err e = {0};

		_exit(oci_publish(from, layout, OCI_TEST_NAME, tags, 2, &e) == 0 ? 0 : 1);
	}
	return pid;
}

START_TEST(publishers_at_once)
{
	static const char *const arches[] = {"amd64", "arm64", "riscv64", "s390x"};
	_free_ char *layout = new_layout();
	const char *images[PUBLISHERS];
	pid_t pids[PUBLISHERS];
	int status;

	for (int i = 0; i < PUBLISHERS; i++) {
		_free_ char *text = test_path("kernel %d", i);

		images[i] = oci_test_tiny(arches[i % 4], text);
	}
	for (int i = 0; i < PUBLISHERS; i++)
		pids[i] = start_publisher(images[i], layout, i);
	for (int i = 0; i < PUBLISHERS; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	oci_test_sound(layout);
	for (int i = 0; i < PUBLISHERS; i++) {
		_free_ char *tag = test_path("t%d", i),
			    *hex = oci_test_manifest(images[i]);
		_free_ char *want = test_path("linux/%s=%s", arches[i % 4], hex);

		ck_platforms(layout, tag, want);
	}
	/* One entry for each arch is left of the tag that all of them set. */
	{
		_free_ char *shared = oci_test_platforms(layout, "shared");
		int commas = 0;

		for (const char *p = shared; *p; p++)
			commas += *p == ',';
		ck_assert_int_eq(commas, 3);
	}
}
END_TEST

#define KILLS 100

/* Publishes for ever, a new layout first, and says each tag that is done. */
static void publish_endlessly(
	const char *const *images, const char *layout, int round, int say)
{
	_free_ char *fresh = test_path("%s.%d", layout, round);

	oci_test_publish(images[0], fresh, "1", false);
	for (int i = 0;; i++) {
		_free_ char *tag = test_path("r%d.%d", round, i);
		const struct oci_tag tags[] = {{tag, true}, {"all", false}};
		_free_ char *line = test_path("%s\n", tag);
		struct err e = {0};

		if (oci_publish(images[i % 4], layout, OCI_TEST_NAME, tags, 2, &e) < 0 ||
			write(say, line, strlen(line)) < 0)
			_exit(1);
	}
}

/* How long publishing takes here and now, in microseconds: moments are chosen by it. */
static long time_publishing(const char *from, const char *layout)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 4; i++)
		oci_test_publish(from, layout, i % 2 ? "first" : "all", i % 2);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((end.tv_sec - start.tv_sec) * 1000000 +
		       (end.tv_nsec - start.tv_nsec) / 1000) /
		       4 +
	       1000;
}

START_TEST(killed_at_any_moment)
{
	_free_ char *layout = new_layout();
	const char *images[4];
	int done[2], status, dirty = 0;
	long usual;
	_buf_ struct buf said = {0};
	struct err e = {0};
	char *line, *pos;

	for (int i = 0; i < 4; i++) {
		_free_ char *text = test_path("kernel %d", i);

		images[i] = oci_test_tiny(i % 2 ? "amd64" : "arm64", text);
	}
	ck_assert_int_eq(pipe2(done, O_CLOEXEC), 0);
	usual = time_publishing(images[0], layout);
	srandom(1);
	for (int round = 0; round < KILLS; round++) {
		_free_ char *fresh = NULL;
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			publish_endlessly(images, layout, round, done[1]);
		usleep((useconds_t)(random() % (6 * usual)));
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		oci_test_sound(layout);
		fresh = test_path("%s.%d", layout, round);
		if (fs_exists(AT_FDCWD, fresh))
			oci_test_sound(fresh);
		dirty += test_sh(NULL, "ls %s | grep -q tmp", layout) == 0;
	}
	close(done[1]);
	ck_ok(fs_read_fd(done[0], "pipe", 1 << 20, &said, &e), &e);
	ck_assert_uint_gt(said.len, 0);
	ck_assert_msg(
		dirty > 0, "no kill met a publisher at work: the test shows nothing");
	for (pos = said.data; (line = str_next_line(&pos));) {
		_free_ char *platforms = *line ? oci_test_platforms(layout, line) : NULL;

		ck_assert_msg(!platforms || platforms[0], "%s is gone", line);
	}
	/* The next publisher sweeps what the killed ones left. */
	oci_test_publish(images[0], layout, "last", false);
	ck_assert_int_eq(test_sh(NULL, "ls %s | grep tmp", layout), 1);
	oci_test_sound(layout);
}
END_TEST

Suite *suite_oci_publish(void)
{
	Suite *s = suite_create("oci_publish");

	test_case(s, "tags", 60, a_tag_grows_by_platform, published_is_known,
		order_changes_nothing, images_with_one_tag, foreign_entries_stay,
		damage_is_repaired, copies_across_file_systems, no_place_for_a_layout);
	test_case(s, "many", 240, publishers_at_once, killed_at_any_moment);
	return s;
}
