#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/download.h"
#include "orchestrator/base/fs.h"
#include "tests/base/fault_server.h"
#include "tests/test.h"

static const struct download_timing hasty = {
	.connect_ms = 2000,
	.stall_seconds = 1,
	.stall_bytes = 1000,
	.backoff_ms = 1,
	.longest_wait_ms = 2000,
};

/* Of a file that never comes, unless what came of it counts as progress. */
enum { MOST_REQUESTS = 5 };

/* What a download knows beforehand. */
enum { NOTHING = 0, SIZE = 1, SHA256 = 2, BOTH = 3 };

static const struct fault {
	const char *path;
	int known;
	int code; /* 0: it succeeds, and the bytes are right */
	unsigned requests;
	const char *reason; /* behind the URL; with a "*" only its beginning */
} faults[] = {
	{"/ok", BOTH, 0, 1, NULL},
	{"/ok", NOTHING, 0, 1, NULL},
	{"/chunked", BOTH, 0, 1, NULL},
	{"/no-length", BOTH, 0, 1, NULL},
	{"/cut-once", BOTH, 0, 2, NULL},
	{"/cut-once", NOTHING, 0, 2, NULL},
	{"/cut-no-validator", SHA256, 0, 2, NULL},
	{"/cut-no-validator", NOTHING, 0, 2, NULL},
	{"/changed-on-resume", BOTH, 0, 2, NULL},
	{"/changed-on-resume", NOTHING, 0, 2, NULL},
	{"/changed-silently", BOTH, 0, 3, NULL},
	{"/range-refused", BOTH, 0, 3, NULL},
	{"/503-then-200", BOTH, 0, 2, NULL},
	{"/429-then-200", BOTH, 0, 2, NULL},
	{"/redirect", BOTH, 0, 2, NULL},
	{"/gzip-bomb", BOTH, 0, 1, NULL}, /* the bytes as they are sent, not unpacked */
	{"/chunked-cut", BOTH, 4, 5, "transfer closed *"},
	{"/no-length-cut", BOTH, 4, 5, "it ended after 1000 of 300000 bytes (5 tries)"},
	{"/no-length-cut", SHA256, 3, 1, "its sha256 is *"},
	{"/cut", BOTH, 4, 5,
		"transfer closed with 299000 bytes remaining to read (5 tries)"},
	{"/cut", NOTHING, 4, 5,
		"transfer closed with 299000 bytes remaining to read (5 tries)"},
	{"/reset", BOTH, 4, 5, "*"},
	{"/hang-up", BOTH, 4, 5, "Empty reply from server (5 tries)"},
	{"/garbage", BOTH, 4, 1, "*"},
	{"/length-short", BOTH, 4, 1,
		"the server has 299990 bytes, 300000 were expected"},
	{"/length-long", BOTH, 4, 1, "the server has 300010 bytes, 300000 were expected"},
	{"/length-huge", SHA256, 4, 1,
		"the server announces 9000000000000000000 bytes, the limit is 400000"},
	{"/length-negative", BOTH, 4, 1, "*"},
	{"/endless", NOTHING, 4, 1, "the server sends more than 400000 bytes"},
	{"/endless", BOTH, 4, 1, "the server sends more than 300000 bytes"},
	{"/endless-headers", BOTH, 4, 1, "*"},
	{"/other-bytes", BOTH, 3, 1,
		"its sha256 is "
		"886715e4051e827f4fe215df3053af3f85ad0d352db2c829c7487af6d78efe30, *"},
	{"/empty", BOTH, 4, 1, "the server has 0 bytes, 300000 were expected"},
	{"/empty", SHA256, 3, 1, "its sha256 is e3b0c44298fc1c149afbf4c8996fb924*"},
	{"/wrong-range", BOTH, 4, 5, "*"},
	{"/unasked-range", BOTH, 4, 5,
		"the server sent the range from 100, from 0 was asked for (5 tries)"},
	{"/503", BOTH, 4, 5, "503 service unavailable (5 tries)"},
	{"/429-long", BOTH, 4, 1,
		"429 too many requests, and asks to come back in 4000 s"},
	{"/redirect-loop", BOTH, 4, 5, "Maximum (4) redirects followed"},
	{"/redirect-to-file", BOTH, 4, 1, "it leads to another kind of URL, *"},
	{"/redirect-to-ftp", BOTH, 4, 1, "it leads to another kind of URL, *"},
	{"/redirect-to-gopher", BOTH, 4, 1, "it leads to another kind of URL, *"},
	{"/redirect-nowhere", BOTH, 4, 1, "302 unexpected answer"},
	{"/portal", NOTHING, 4, 1,
		"the answer is a web page, not the file (a login page or a proxy may "
		"stand in "
		"the way)"},
	{"/status-403", BOTH, 4, 1, "403 forbidden"},
	{"/status-404", BOTH, 4, 1, "404 not found"},
	{"/status-418", BOTH, 4, 1, "418 unexpected answer"},
	{"/status-500", BOTH, 4, 5, "500 unexpected answer (5 tries)"},
};

static void file_digest(char hex[65])
{
	digest_sha256(fault_file(), FAULT_FILE_SIZE, hex);
}

static int fetch(const char *dir, const char *url, int known, struct err *e)
{
	char hex[65];
	_close_ int dirfd = fs_open_dir(AT_FDCWD, dir, e);
	file_digest(hex);
	struct download d = {
		.urls = (const char *const[]){url, NULL},
		.dirfd = dirfd,
		.name = "file",
		.sha256 = known & SHA256 ? hex : NULL,
		.size = known & SIZE ? FAULT_FILE_SIZE : 0,
		.max_size = 400000,
	};
	return download_file(&d, e);
}

/* Whether the whole sentence is as it should be, up to a "*". */
static void check_sentence(const char *got, const char *url, const char *reason)
{
	_free_ char *want = test_path("file can't be fetched: %s: %s", url, reason);
	char *star = strchr(want, '*');
	if (star)
		ck_assert_msg(!strncmp(got, want, (size_t)(star - want)),
			"got  %s\nwant %s", got, want);
	else
		ck_assert_str_eq(got, want);
}

static void check_file(const char *dir)
{
	char hex[65], want[65];
	struct err e = {0};
	_free_ char *path = test_path("%s/file", dir);
	ck_ok(digest_file(AT_FDCWD, path, hex, NULL, &e), &e);
	file_digest(want);
	ck_assert_str_eq(hex, want);
	/* Nothing is left beside it. */
	_str_vec_ struct str_vec names = {0};
	ck_ok(fs_list(AT_FDCWD, dir, &names, &e), &e);
	ck_assert_uint_eq(names.len, 1);
}

static void check_fault(const struct fault *f, unsigned port)
{
	const char *dir = strdup(test_tmpdir());
	_free_ char *url = test_path("http://127.0.0.1:%u%s", port, f->path);
	_free_ char *final = test_path("%s/file", dir);
	struct err e = {0};
	fault_server_reset();
	int status = fetch(dir, url, f->known, &e);
	ck_assert_msg(e.code == f->code && !status == !f->code,
		"%s (knowing %d): code %d, %s", f->path, f->known, e.code, e.msg);
	ck_assert_msg(fault_server_requests() == f->requests,
		"%s (knowing %d): %u requests", f->path, f->known,
		fault_server_requests());
	ck_assert_msg(
		!f->code || fault_server_requests() <= MOST_REQUESTS, "%s", f->path);
	if (!f->code) {
		check_file(dir);
	} else {
		ck_assert_msg(!fs_exists(AT_FDCWD, final), "%s left a file", f->path);
		check_sentence(e.msg, url, f->reason);
	}
	free((char *)dir);
}

START_TEST(faults_of_servers)
{
	unsigned port = fault_server_start(NULL);
	download_set_timing(&hasty);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		check_fault(&faults[i], port);
}
END_TEST

/* Those that are slow to fail, side by side. */
static struct slow {
	const char *path, *reason;
	unsigned port;
	char dir[200];
	struct err e;
} slow[] = {
	{.path = "/drip", .reason = "Operation too slow*"},
	{.path = "/stall", .reason = "Operation too slow*"},
	{.path = "/silence", .reason = "Operation too slow*"},
};

static void *run_slow(void *arg)
{
	struct slow *s = arg;
	_free_ char *url = test_path("http://127.0.0.1:%u%s", s->port, s->path);
	fetch(s->dir, url, BOTH, &s->e);
	return NULL;
}

START_TEST(slow_servers)
{
	pthread_t threads[ARRAY_LEN(slow)];
	unsigned port = fault_server_start(NULL);
	download_set_timing(&hasty);
	fault_server_reset();
	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		slow[i].port = port;
		snprintf(slow[i].dir, sizeof(slow[i].dir), "%s", test_tmpdir());
		pthread_create(&threads[i], NULL, run_slow, &slow[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		_free_ char *url = test_path("http://127.0.0.1:%u%s", port, slow[i].path);
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(slow[i].e.code, ERR_NETWORK);
		check_sentence(slow[i].e.msg, url, slow[i].reason);
		ck_assert_uint_eq(fault_server_requests_of(slow[i].path), MOST_REQUESTS);
	}
}
END_TEST

/* The tables above are about everything that the server can do; these have tests of their
 * own. */
static const char *const elsewhere[] = {"/big-cut", "/big-creep", "/big-slow", "/www/"};

START_TEST(every_fault_is_met)
{
	const char *path;
	for (size_t i = 0; (path = fault_path(i)); i++) {
		bool met = false;
		for (size_t n = 0; n < ARRAY_LEN(faults); n++)
			met |= str_eq(faults[n].path, path);
		for (size_t n = 0; n < ARRAY_LEN(slow); n++)
			met |= str_eq(slow[n].path, path);
		for (size_t n = 0; n < ARRAY_LEN(elsewhere); n++)
			met |= str_eq(elsewhere[n], path);
		ck_assert_msg(met, "no test asks for %s", path);
	}
}
END_TEST

static int fetch_big(const char *dir, unsigned port, const char *path, struct err *e)
{
	static char hex[65];
	_free_ char *url = test_path("http://127.0.0.1:%u%s", port, path);
	_close_ int dirfd = fs_open_dir(AT_FDCWD, dir, e);
	digest_sha256(fault_big_file(), FAULT_BIG_SIZE, hex);
	struct download d = {
		.urls = (const char *const[]){url, NULL},
		.dirfd = dirfd,
		.name = "big",
		.sha256 = hex,
	};
	return download_file(&d, e);
}

START_TEST(twenty_cuts)
{
	struct err e = {0};
	unsigned port = fault_server_start(NULL);
	download_set_timing(&hasty);
	fault_server_reset();
	ck_ok(fetch_big(test_tmpdir(), port, "/big-cut", &e), &e);
	ck_assert_uint_eq(fault_server_requests(), 21);
	ck_assert_uint_le(fault_server_bytes() * 100, (uint64_t)FAULT_BIG_SIZE * 105);
}
END_TEST

/* Every try brings something, so none is one of five; but a hundred are all there are,
 * and the next call goes on from there. */
START_TEST(creeping)
{
	enum { ALL = (FAULT_BIG_SIZE + FAULT_CREEP_SIZE - 1) / FAULT_CREEP_SIZE };
	struct err e = {0};
	unsigned port = fault_server_start(NULL);
	_free_ char *dir = strdup(test_tmpdir()), *final = test_path("%s/big", dir);
	download_set_timing(&hasty);
	fault_server_reset();
	ck_assert_int_eq(fetch_big(dir, port, "/big-creep", &e), -1);
	ck_assert_int_eq(e.code, ERR_NETWORK);
	ck_assert_msg(strstr(e.msg, " (100 tries)"), "%s", e.msg);
	ck_assert_uint_eq(fault_server_requests(), 100);
	ck_assert(!fs_exists(AT_FDCWD, final));
	ck_ok(fetch_big(dir, port, "/big-creep", &e), &e);
	ck_assert_uint_eq(fault_server_requests(), ALL);
	ck_assert_uint_eq(fault_server_bytes(), FAULT_BIG_SIZE);
}
END_TEST

/* Twenty cuts by the reader being killed: another process goes on with what is there. */
START_TEST(twenty_kills)
{
	struct err e = {0};
	_free_ char *dir = strdup(test_tmpdir());
	unsigned port = fault_server_start(NULL), seed = 7, killed = 0;
	for (int i = 0; i < 20; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0)
			_exit(fetch_big(dir, port, "/big-slow", &e) ? 1 : 0);
		fault_pause_ms(5 + (unsigned)rand_r(&seed) % 25);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		killed += WIFSIGNALED(status) != 0;
		_free_ char *final = test_path("%s/big", dir);
		ck_assert(!fs_exists(AT_FDCWD, final) || !WIFSIGNALED(status));
	}
	ck_assert_uint_ge(killed, 1);
	ck_ok(fetch_big(dir, port, "/big-slow", &e), &e);
	_free_ char *final = test_path("%s/big", dir);
	char hex[65], want[65];
	ck_ok(digest_file(AT_FDCWD, final, hex, NULL, &e), &e);
	digest_sha256(fault_big_file(), FAULT_BIG_SIZE, want);
	ck_assert_str_eq(hex, want);
}
END_TEST

START_TEST(next_mirror)
{
	struct err e = {0};
	_free_ char *dir = strdup(test_tmpdir());
	unsigned port = fault_server_start(NULL);
	download_set_timing(&hasty);
	char hex[65];
	file_digest(hex);
	_free_ char *bad = test_path("http://user:secret@127.0.0.1:%u/other-bytes", port);
	_free_ char *gone = test_path("http://127.0.0.1:%u/status-404", port);
	_free_ char *good = test_path("http://127.0.0.1:%u/ok", port);
	_close_ int dirfd = fs_open_dir(AT_FDCWD, dir, &e);
	char got[65] = "";
	struct download d = {
		.urls = (const char *const[]){gone, bad, good, NULL},
		.dirfd = dirfd,
		.name = "file",
		.sha256 = hex,
		.got_sha256 = got,
	};
	ck_ok(download_file(&d, &e), &e);
	check_file(dir);
	ck_assert_str_eq(got, hex);
	/* A file that is there, and right, is not fetched again. */
	fault_server_reset();
	ck_ok(download_file(&d, &e), &e);
	ck_assert_uint_eq(fault_server_requests(), 0);
	/* Without the good one: each with its reason, no password, and "not what it
	 * should be" counts more than "not there". */
	d.urls = (const char *const[]){gone, bad, NULL};
	d.name = "other";
	_free_ char *want = test_path(
		"other can't be fetched: %s: 404 not found; "
		"http://127.0.0.1:%u/other-bytes: its "
		"sha256 is "
		"886715e4051e827f4fe215df3053af3f85ad0d352db2c829c7487af6d78efe30, %s "
		"was expected",
		gone, port, hex);
	ck_fails(download_file(&d, &e), &e, ERR_VERIFY, want);
}
END_TEST

START_TEST(side_by_side)
{
	enum { COUNT = 12 };
	struct err e = {0};
	_free_ char *dir = strdup(test_tmpdir());
	_close_ int dirfd = fs_open_dir(AT_FDCWD, dir, &e);
	unsigned port = fault_server_start(NULL);
	char hex[65], names[COUNT][8];
	struct download list[COUNT];
	_free_ char *url = test_path("http://127.0.0.1:%u/ok", port);
	_free_ char *missing = test_path("http://127.0.0.1:%u/status-404", port);
	const char *const urls[] = {url, NULL}, *const wrong[] = {missing, NULL};
	file_digest(hex);
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "f%zu", i);
		list[i] = (struct download){
			.urls = urls, .dirfd = dirfd, .name = names[i], .sha256 = hex};
	}
	ck_ok(download_files(list, COUNT, 4, &e), &e);
	for (size_t i = 0; i < COUNT; i++) {
		char got[65];
		ck_ok(digest_file(dirfd, names[i], got, NULL, &e), &e);
		ck_assert_str_eq(got, hex);
	}
	list[5].urls = wrong;
	list[5].name = "wrong";
	_free_ char *want =
		test_path("wrong can't be fetched: %s: 404 not found", missing);
	ck_fails(download_files(list, COUNT, 4, &e), &e, ERR_NETWORK, want);
}
END_TEST

static const struct {
	const char *what, *url, *reason;
	int code;
} file_urls[] = {
	{"a file", "%s/src", NULL, 0},
	{"an escaped name", "%s/with%%20space", NULL, 0},
	{"nothing", "%s/nothing", "No such file or directory", 4},
	{"a directory", "%s/dir", "not a regular file", 4},
	{"a FIFO", "%s/fifo", "not a regular file", 4},
	{"too long", "%s/long", "the file has 500000 bytes, 300000 were expected", 4},
};

START_TEST(files)
{
	struct err e = {0};
	_free_ char *src = strdup(test_tmpdir());
	test_sh(NULL,
		"cd '%s' && mkdir dir && mkfifo fifo && head -c 500000 /dev/zero > long",
		src);
	_free_ char *path = test_path("%s/src", src);
	_close_ int fd = open(path, O_WRONLY | O_CREAT, 0644);
	ck_ok(fs_write_all(fd, fault_file(), FAULT_FILE_SIZE, &e), &e);
	test_sh(NULL, "cd '%s' && cp src 'with space'", src);
	for (size_t i = 0; i < ARRAY_LEN(file_urls); i++) {
		_free_ char *dir = strdup(test_tmpdir());
		_buf_ struct buf url = {0};
		const char *gap = strstr(file_urls[i].url, "%s");
		buf_addf(&url, "file://%s", src);
		for (const char *c = gap + 2; *c; c += c[0] == '%' && c[1] == '%' ? 2 : 1)
			buf_addc(&url, *c);
		e = (struct err){0};
		fetch(dir, url.data, BOTH, &e);
		ck_assert_msg(
			e.code == file_urls[i].code, "%s: %s", file_urls[i].what, e.msg);
		if (e.code)
			check_sentence(e.msg, url.data, file_urls[i].reason);
		else
			check_file(dir);
	}
}
END_TEST

START_TEST(text)
{
	struct err e = {0};
	_buf_ struct buf out = {0};
	unsigned port = fault_server_start(NULL);
	_free_ char *url = test_path("http://127.0.0.1:%u/ok", port);
	ck_ok(download_text(url, FAULT_FILE_SIZE, &out, &e), &e);
	ck_assert_uint_eq(out.len, FAULT_FILE_SIZE);
	ck_assert_mem_eq(out.data, fault_file(), FAULT_FILE_SIZE);
	_free_ char *want =
		test_path("%s can't be fetched: %s: the server announces 300000 "
			  "bytes, the limit is 1000",
			url, url);
	ck_fails(download_text(url, 1000, &out, &e), &e, ERR_NETWORK, want);
}
END_TEST

/* A full disk: nothing stands under the final name, and the code is that of I/O. */
START_TEST(full_disk)
{
	struct err e = {0};
	unsigned port = fault_server_start(NULL);
	_free_ char *dir = strdup(test_tmpdir());
	_free_ char *url = test_path("http://127.0.0.1:%u/ok", port);
	const struct rlimit small = {100000, 100000};
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &small);
		fetch(dir, url, BOTH, &e);
		_exit(e.code);
	}
	int status;
	waitpid(pid, &status, 0);
	ck_assert_int_eq(WEXITSTATUS(status), ERR_IO);
	_free_ char *final = test_path("%s/file", dir);
	ck_assert(!fs_exists(AT_FDCWD, final));
}
END_TEST

Suite *suite_download(void);
Suite *suite_download(void)
{
	Suite *s = suite_create("download");
	test_case(s, "faults", 60, faults_of_servers, slow_servers, every_fault_is_met);
	test_case(s, "resume", 60, twenty_cuts, creeping, twenty_kills);
	test_case(s, "mirrors", 30, next_mirror, side_by_side, files, text, full_disk);
	return s;
}
