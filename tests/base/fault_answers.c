/* One function per way to err; the table below says which path errs how. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "orchestrator/base/mem.h"
#include "tests/base/fault_server.h"

#define ETAG "\"one\""
#define HALF (FAULT_FILE_SIZE / 2)

static void head(
	struct fault_conn *c, const char *status, const char *more, long long len)
{
	fault_sendf(c, "HTTP/1.1 %s\r\nConnection: close\r\n%s", status, more);
	if (len >= 0)
		fault_sendf(c, "Content-Length: %lld\r\n", len);
	fault_sendf(c, "\r\n");
}

static void range_head(
	struct fault_conn *c, uint64_t from, uint64_t total, const char *more)
{
	fault_sendf(c,
		"HTTP/1.1 206 Partial Content\r\nConnection: close\r\n%s"
		"Content-Length: %llu\r\nContent-Range: bytes %llu-%llu/%llu\r\n\r\n",
		more, (unsigned long long)(total - from), (unsigned long long)from,
		(unsigned long long)total - 1, (unsigned long long)total);
}

static void ok(struct fault_conn *c)
{
	head(c, "200 OK", "", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), FAULT_FILE_SIZE);
}

static void chunked(struct fault_conn *c)
{
	head(c, "200 OK", "Transfer-Encoding: chunked\r\n", -1);
	fault_sendf(c, "%x\r\n", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), FAULT_FILE_SIZE);
	fault_sendf(c, "\r\n0\r\n\r\n");
}

static void chunked_cut(struct fault_conn *c)
{
	head(c, "200 OK", "Transfer-Encoding: chunked\r\n", -1);
	fault_sendf(c, "%x\r\n", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), 1000);
}

static void no_length(struct fault_conn *c)
{
	head(c, "200 OK", "", -1);
	fault_body(c, fault_file(), FAULT_FILE_SIZE);
}

static void no_length_cut(struct fault_conn *c)
{
	head(c, "200 OK", "", -1);
	fault_body(c, fault_file(), 1000);
}

static void cut(struct fault_conn *c)
{
	head(c, "200 OK", "", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), 1000);
}

/* Cuts the first answer in half and continues with what was asked for. */
static void cut_once(struct fault_conn *c)
{
	if (c->ranged && !strcmp(c->if_range, ETAG)) {
		range_head(c, c->from, FAULT_FILE_SIZE, "ETag: " ETAG "\r\n");
		fault_body(c, fault_file() + c->from, FAULT_FILE_SIZE - c->from);
		return;
	}
	head(c, "200 OK", "ETag: " ETAG "\r\n", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), HALF);
}

/* Without a validator: only a known digest allows to continue. */
static void cut_no_validator(struct fault_conn *c)
{
	if (c->ranged) {
		range_head(c, c->from, FAULT_FILE_SIZE, "");
		fault_body(c, fault_file() + c->from, FAULT_FILE_SIZE - c->from);
		return;
	}
	head(c, "200 OK", "", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), c->nth == 1 ? HALF : FAULT_FILE_SIZE);
}

/* The file changes between the two halves, and the server says so. */
static void changed_on_resume(struct fault_conn *c)
{
	_free_ unsigned char *old = xcalloc(1, HALF);
	if (c->nth == 1) {
		head(c, "200 OK", "ETag: \"old\"\r\n", FAULT_FILE_SIZE);
		fault_body(c, old, HALF);
	} else {
		head(c, "200 OK", "ETag: \"new\"\r\n", FAULT_FILE_SIZE);
		fault_body(c, fault_file(), FAULT_FILE_SIZE);
	}
}

/* It changes, and the server continues as if nothing had happened. */
static void changed_silently(struct fault_conn *c)
{
	_free_ unsigned char *old = xcalloc(1, HALF);
	if (c->nth == 1) {
		head(c, "200 OK", "ETag: " ETAG "\r\n", FAULT_FILE_SIZE);
		fault_body(c, old, HALF);
	} else if (c->ranged) {
		range_head(c, c->from, FAULT_FILE_SIZE, "ETag: " ETAG "\r\n");
		fault_body(c, fault_file() + c->from, FAULT_FILE_SIZE - c->from);
	} else {
		ok(c);
	}
}

static void range_refused(struct fault_conn *c)
{
	if (c->ranged)
		head(c, "416 Range Not Satisfiable", "Content-Range: bytes */5\r\n", 0);
	else if (c->nth == 1)
		cut_once(c);
	else
		ok(c);
}

static void wrong_range(struct fault_conn *c)
{
	if (!c->ranged) {
		cut_once(c);
		return;
	}
	range_head(c, c->from + 7, FAULT_FILE_SIZE, "ETag: " ETAG "\r\n");
	fault_body(c, fault_file() + c->from + 7, FAULT_FILE_SIZE - c->from - 7);
}

static void unasked_range(struct fault_conn *c)
{
	range_head(c, 100, FAULT_FILE_SIZE, "");
	fault_body(c, fault_file() + 100, FAULT_FILE_SIZE - 100);
}

static void length_short(struct fault_conn *c)
{
	head(c, "200 OK", "", FAULT_FILE_SIZE - 10);
	fault_body(c, fault_file(), FAULT_FILE_SIZE);
}

static void length_long(struct fault_conn *c)
{
	head(c, "200 OK", "", FAULT_FILE_SIZE + 10);
	fault_body(c, fault_file(), FAULT_FILE_SIZE);
}

static void length_huge(struct fault_conn *c)
{
	head(c, "200 OK", "", 9000000000000000000);
	fault_body(c, fault_file(), 1000);
}

static void length_negative(struct fault_conn *c)
{
	head(c, "200 OK", "Content-Length: -5\r\n", -1);
	fault_body(c, fault_file(), 1000);
}

static void endless(struct fault_conn *c)
{
	head(c, "200 OK", "", -1);
	while (c->fd >= 0)
		fault_body(c, fault_file(), FAULT_FILE_SIZE);
}

static void endless_headers(struct fault_conn *c)
{
	fault_sendf(c, "HTTP/1.1 200 OK\r\n");
	while (c->fd >= 0)
		fault_sendf(c, "X-Long: %01000d\r\n", 0);
}

static void other_bytes(struct fault_conn *c)
{
	_free_ unsigned char *zero = xcalloc(1, FAULT_FILE_SIZE);
	head(c, "200 OK", "", FAULT_FILE_SIZE);
	fault_body(c, zero, FAULT_FILE_SIZE);
}

static void empty_file(struct fault_conn *c)
{
	head(c, "200 OK", "", 0);
}

static void unavailable_once(struct fault_conn *c)
{
	if (c->nth == 1)
		head(c, "503 Service Unavailable", "", 0);
	else
		ok(c);
}

static void unavailable(struct fault_conn *c)
{
	head(c, "503 Service Unavailable", "", 7);
	fault_sendf(c, "not now");
}

static void retry_after_once(struct fault_conn *c)
{
	if (c->nth == 1)
		head(c, "429 Too Many Requests", "Retry-After: 1\r\n", 0);
	else
		ok(c);
}

static void retry_after_long(struct fault_conn *c)
{
	head(c, "429 Too Many Requests", "Retry-After: 4000\r\n", 0);
}

static void redirect(struct fault_conn *c)
{
	static const struct {
		const char *path, *location;
	} where[] = {
		{"/redirect", "/ok"},
		{"/redirect-loop", "/redirect-loop"},
		{"/redirect-to-file", "file:///etc/passwd"},
		{"/redirect-to-ftp", "ftp://127.0.0.1:1/x"},
		{"/redirect-to-gopher", "gopher://127.0.0.1:1/x"},
		{"/redirect-nowhere", ""},
	};
	_free_ char *header = NULL;
	for (size_t i = 0; i < ARRAY_LEN(where); i++)
		if (!strcmp(where[i].path, c->path) && *where[i].location)
			header = xasprintf("Location: %s\r\n", where[i].location);
	head(c, "302 Found", header ? header : "", 0);
}

static void portal(struct fault_conn *c)
{
	static const char page[] =
		"\n<!DOCTYPE html><html><body>Log in first</body></html>";
	head(c, "200 OK", "Content-Type: text/html\r\n", (long long)sizeof(page) - 1);
	fault_body(c, page, sizeof(page) - 1);
}

static void drip(struct fault_conn *c)
{
	head(c, "200 OK", "", FAULT_FILE_SIZE);
	for (size_t i = 0; i < FAULT_FILE_SIZE && c->fd >= 0; i++) {
		fault_body(c, fault_file() + i, 1);
		fault_pause_ms(50);
	}
}

static void stall(struct fault_conn *c)
{
	head(c, "200 OK", "", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), 1000);
	fault_pause_ms(20000);
}

static void silence(struct fault_conn *c)
{
	(void)c;
	fault_pause_ms(20000);
}

/* What gunzip would make of it is 100 MiB; nobody asked for it to be unpacked. */
static void gzip_bomb(struct fault_conn *c)
{
	head(c, "200 OK", "Content-Encoding: gzip\r\n", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), FAULT_FILE_SIZE);
}

static void garbage(struct fault_conn *c)
{
	fault_send(c, fault_file(), 1000);
}

static void hang_up(struct fault_conn *c)
{
	close(steal_fd(&c->fd));
}

static void reset(struct fault_conn *c)
{
	const struct linger now = {.l_onoff = 1};
	head(c, "200 OK", "", FAULT_FILE_SIZE);
	fault_body(c, fault_file(), 1000);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(steal_fd(&c->fd));
}

static void status(struct fault_conn *c)
{
	_free_ char *line = xasprintf("%s Nothing For You", c->path + strlen("/status-"));
	head(c, line, "", 7);
	fault_sendf(c, "go away");
}

/* The large file, each answer cut after a fortieth of it or somewhat more. */
static void big_cut(struct fault_conn *c)
{
	unsigned seed = c->nth;
	size_t left = FAULT_BIG_SIZE - c->from;
	size_t len = FAULT_BIG_SIZE / 40 + (size_t)rand_r(&seed) % (FAULT_BIG_SIZE / 40);
	if (c->nth > 20 || len > left)
		len = left;
	if (c->ranged && !strcmp(c->if_range, ETAG))
		range_head(c, c->from, FAULT_BIG_SIZE, "ETag: " ETAG "\r\n");
	else
		head(c, "200 OK", "ETag: " ETAG "\r\n", FAULT_BIG_SIZE);
	fault_body(c, fault_big_file() + (c->ranged ? c->from : 0), len);
}

/* The large file, and no more of an answer than just counts as progress. */
static void big_creep(struct fault_conn *c)
{
	const size_t left = FAULT_BIG_SIZE - c->from;
	if (c->ranged && !strcmp(c->if_range, ETAG))
		range_head(c, c->from, FAULT_BIG_SIZE, "ETag: " ETAG "\r\n");
	else
		head(c, "200 OK", "ETag: " ETAG "\r\n", FAULT_BIG_SIZE);
	fault_body(c, fault_big_file() + c->from,
		left < FAULT_CREEP_SIZE ? left : FAULT_CREEP_SIZE);
}

/* The large file, slowly, so that its reader can be killed in between. */
static void big_slow(struct fault_conn *c)
{
	if (c->ranged)
		range_head(c, c->from, FAULT_BIG_SIZE, "ETag: " ETAG "\r\n");
	else
		head(c, "200 OK", "ETag: " ETAG "\r\n", FAULT_BIG_SIZE);
	for (size_t at = c->from; at < FAULT_BIG_SIZE && c->fd >= 0; at += 40000) {
		size_t left = FAULT_BIG_SIZE - at;
		fault_body(c, fault_big_file() + at, left < 40000 ? left : 40000);
		fault_pause_ms(1);
	}
}

/* A file below the root that the test gave. */
static void www(struct fault_conn *c)
{
	_free_ char *path = xasprintf("%s/%s", c->root, c->path + strlen("/www/"));
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		head(c, "404 Not Found", "", 0);
		return;
	}
	_free_ char *data = xmalloc((size_t)st.st_size + 1);
	if (read(fd, data, (size_t)st.st_size) != st.st_size)
		return;
	head(c, "200 OK", "", st.st_size);
	fault_body(c, data, (size_t)st.st_size);
}

static const struct {
	const char *path; /* "/x/": everything below */
	void (*answer)(struct fault_conn *c);
} answers[] = {
	{"/ok", ok},
	{"/chunked", chunked},
	{"/chunked-cut", chunked_cut},
	{"/no-length", no_length},
	{"/no-length-cut", no_length_cut},
	{"/cut", cut},
	{"/cut-once", cut_once},
	{"/cut-no-validator", cut_no_validator},
	{"/changed-on-resume", changed_on_resume},
	{"/changed-silently", changed_silently},
	{"/range-refused", range_refused},
	{"/wrong-range", wrong_range},
	{"/unasked-range", unasked_range},
	{"/length-short", length_short},
	{"/length-long", length_long},
	{"/length-huge", length_huge},
	{"/length-negative", length_negative},
	{"/endless", endless},
	{"/endless-headers", endless_headers},
	{"/other-bytes", other_bytes},
	{"/empty", empty_file},
	{"/503-then-200", unavailable_once},
	{"/503", unavailable},
	{"/429-then-200", retry_after_once},
	{"/429-long", retry_after_long},
	{"/redirect", redirect},
	{"/redirect-loop", redirect},
	{"/redirect-to-file", redirect},
	{"/redirect-to-ftp", redirect},
	{"/redirect-to-gopher", redirect},
	{"/redirect-nowhere", redirect},
	{"/portal", portal},
	{"/drip", drip},
	{"/stall", stall},
	{"/silence", silence},
	{"/gzip-bomb", gzip_bomb},
	{"/garbage", garbage},
	{"/hang-up", hang_up},
	{"/reset", reset},
	{"/status-403", status},
	{"/status-404", status},
	{"/status-418", status},
	{"/status-500", status},
	{"/big-cut", big_cut},
	{"/big-creep", big_creep},
	{"/big-slow", big_slow},
	{"/www/", www},
};

const char *fault_path(size_t i)
{
	return i < ARRAY_LEN(answers) ? answers[i].path : NULL;
}

size_t fault_index(const char *path)
{
	size_t i = 0;
	for (; i < ARRAY_LEN(answers); i++) {
		size_t n = strlen(answers[i].path);
		bool below = answers[i].path[n - 1] == '/';
		if (below ? !strncmp(path, answers[i].path, n)
			  : !strcmp(path, answers[i].path))
			break;
	}
	return i;
}

void fault_answer(struct fault_conn *c)
{
	size_t i = fault_index(c->path);
	if (i < ARRAY_LEN(answers))
		answers[i].answer(c);
	else
		head(c, "404 Not Found", "", 0);
}
