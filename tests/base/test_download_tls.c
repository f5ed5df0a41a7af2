/* https against openssl s_server: which certificates count, and where a redirect may go.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
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

/* Starts openssl s_server in dir, which holds whole answers as files; returns its port.
 */
static unsigned tls_server(const char *dir, pid_t *pid)
{
	struct err e = {0};
	_free_ char *log = test_path("%s/log", dir);
	_close_ int out = open(log, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	const char *const argv[] = {"openssl", "s_server", "-accept", "127.0.0.1:0",
		"-key", "key.pem", "-cert", "cert.pem", "-HTTP", NULL};
	struct proc_spec spec = {
		.argv = argv, .cwd = dir, .in = -1, .out = out, .err = out};
	*pid = proc_start(&spec, &e);
	ck_ok(*pid, &e);
	for (int i = 0; i < 500; i++) {
		_free_ char *text = test_read(log);
		const char *line = strstr(text, "ACCEPT ");
		const char *colon = line ? strchr(line, ':') : NULL;
		if (colon && strchr(colon, '\n'))
			return (unsigned)atoi(colon + 1);
		fault_pause_ms(10);
	}
	ck_abort_msg("openssl s_server does not start");
	return 0;
}

static int fetch(const char *dir, unsigned port, const char *path, struct err *e)
{
	_free_ char *url = test_path("https://127.0.0.1:%u/%s", port, path);
	_close_ int dirfd = fs_open_dir(AT_FDCWD, dir, e);
	struct download d = {
		.urls = (const char *const[]){url, NULL}, .dirfd = dirfd, .name = "got"};
	*e = (struct err){0};
	return download_file(&d, e);
}

static void make_answers(const char *dir, unsigned plain)
{
	_free_ char *hello = test_path("%s/hello", dir),
		    *away = test_path("%s/away", dir);
	_free_ char *answer =
		test_path("HTTP/1.1 302 Found\r\nLocation: "
			  "http://127.0.0.1:%u/ok\r\nContent-Length: 0\r\n\r\n",
			plain);
	test_write(hello, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	test_write(away, answer);
}

START_TEST(certificates_and_downgrade)
{
	struct err e = {0};
	pid_t pid;
	if (!test_need("openssl"))
		return;
	_free_ char *dir = xstrdup(test_tmpdir()), *got = test_path("%s/got", dir);
	_free_ char *cert = test_path("%s/cert.pem", dir);
	unsigned plain = fault_server_start(NULL);
	ck_assert_int_eq(
		test_sh(NULL,
			"cd '%s' && openssl req -x509 -newkey rsa:2048 -nodes -keyout "
			"key.pem -out cert.pem -days 30 -subj /CN=127.0.0.1 -addext "
			"subjectAltName=IP:127.0.0.1",
			dir),
		0);
	make_answers(dir, plain);
	unsigned port = tls_server(dir, &pid);
	download_set_timing(&hasty);
	/* Self-signed: refused, at the first try. */
	ck_assert_int_eq(fetch(dir, port, "hello", &e), -1);
	ck_assert_int_eq(e.code, ERR_NETWORK);
	ck_assert_msg(
		strstr(e.msg, "certificate") && !strstr(e.msg, "tries"), "%s", e.msg);
	/* Named as an authority: fine. */
	setenv("SSL_CERT_FILE", cert, 1);
	ck_ok(fetch(dir, port, "hello", &e), &e);
	_free_ char *text = test_read(got);
	ck_assert_str_eq(text, "hello");
	unlink(got);
	/* But https does not lead to http, and the other server is not even asked. */
	fault_server_reset();
	ck_assert_int_eq(fetch(dir, port, "away", &e), -1);
	ck_assert_int_eq(e.code, ERR_NETWORK);
	ck_assert_msg(
		strstr(e.msg, "another kind of URL, which is refused"), "%s", e.msg);
	ck_assert_uint_eq(fault_server_requests(), 0);
	ck_assert(!fs_exists(AT_FDCWD, got));
	proc_kill(pid);
	waitpid(pid, NULL, 0);
}
END_TEST

Suite *suite_download_tls(void);
Suite *suite_download_tls(void)
{
	Suite *s = suite_create("download_tls");
	test_case(s, "tls", 30, certificates_and_downgrade);
	return s;
}
