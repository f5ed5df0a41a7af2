#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "orchestrator/base/mem.h"
#include "tests/base/fault_server.h"
#include "tests/test.h"

enum { MOST_PATHS = 100 };

/* Shared with the server's process. */
static struct counters {
	unsigned requests;
	unsigned of[MOST_PATHS]; /* parallel to fault_path() */
	uint64_t bytes;
} * counters;

static unsigned char *pattern(size_t size, uint32_t seed)
{
	unsigned char *data = xmalloc(size);
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525u + 1013904223u;
		data[i] = (unsigned char)(seed >> 24);
	}
	return data;
}

const unsigned char *fault_file(void)
{
	static unsigned char *data;
	if (!data)
		data = pattern(FAULT_FILE_SIZE, 1);
	return data;
}

const unsigned char *fault_big_file(void)
{
	static unsigned char *data;
	if (!data)
		data = pattern(FAULT_BIG_SIZE, 2);
	return data;
}

void fault_pause_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&t, NULL);
}

void fault_send(struct fault_conn *c, const void *data, size_t len)
{
	const char *bytes = data;
	while (len && c->fd >= 0) {
		ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
		if (n <= 0) {
			close(steal_fd(&c->fd));
			return;
		}
		bytes += n;
		len -= (size_t)n;
	}
}

void fault_body(struct fault_conn *c, const void *data, size_t len)
{
	__atomic_add_fetch(&counters->bytes, len, __ATOMIC_SEQ_CST);
	fault_send(c, data, len);
}

void fault_sendf(struct fault_conn *c, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fault_send(c, text, (size_t)n);
}

static void parse_request(struct fault_conn *c, const char *text)
{
	unsigned long long from;
	const char *line = text;
	if (sscanf(text, "GET %511s", c->path) != 1)
		return;
	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (!strncasecmp(line, "Range:", 6) &&
			sscanf(line + 6, " bytes=%llu-", &from) == 1) {
			c->ranged = true;
			c->from = from;
		}
		if (!strncasecmp(line, "If-Range:", 9))
			sscanf(line + 9, " %127[^\r\n]", c->if_range);
	}
}

static void *serve_one(void *arg)
{
	struct fault_conn *c = arg;
	char text[8192];
	size_t len = 0;
	while (len < sizeof(text) - 1) {
		ssize_t n = recv(c->fd, text + len, sizeof(text) - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, "\r\n\r\n"))
			break;
	}
	text[len] = '\0';
	parse_request(c, text);
	c->nth = __atomic_add_fetch(&counters->requests, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&counters->of[fault_index(c->path)], 1, __ATOMIC_SEQ_CST);
	fault_answer(c);
	if (c->fd >= 0) {
		shutdown(c->fd, SHUT_WR);
		close(c->fd);
	}
	free(c);
	return NULL;
}

static void serve(int listener, unsigned port, const char *root)
{
	for (;;) {
		struct fault_conn *c = xcalloc(1, sizeof(*c));
		pthread_t thread;
		c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		c->port = port;
		c->root = root;
		if (c->fd < 0 || pthread_create(&thread, NULL, serve_one, c))
			_exit(1);
		pthread_detach(thread);
	}
}

unsigned fault_server_start(const char *root)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	unsigned port = ntohs(address.sin_port);
	counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(counters, MAP_FAILED);
	fault_file();
	fault_big_file();
	pid_t parent = getpid(), pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			serve(listener, port, root);
		_exit(0);
	}
	close(listener);
	return port;
}

unsigned fault_server_requests(void)
{
	return __atomic_load_n(&counters->requests, __ATOMIC_SEQ_CST);
}

unsigned fault_server_requests_of(const char *path)
{
	return __atomic_load_n(&counters->of[fault_index(path)], __ATOMIC_SEQ_CST);
}

uint64_t fault_server_bytes(void)
{
	return __atomic_load_n(&counters->bytes, __ATOMIC_SEQ_CST);
}

void fault_server_reset(void)
{
	__atomic_store_n(&counters->requests, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&counters->bytes, 0, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < MOST_PATHS; i++)
		__atomic_store_n(&counters->of[i], 0, __ATOMIC_SEQ_CST);
}
