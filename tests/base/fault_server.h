/* fault_server.h: a web server on 127.0.0.1 that errs in one way per path. */
#ifndef KILN_TEST_FAULT_SERVER_H
#define KILN_TEST_FAULT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The file that every path means to serve: the same bytes in every process. */
#define FAULT_FILE_SIZE 300000u
const unsigned char *fault_file(void);
/* A larger one, for cuts. */
#define FAULT_BIG_SIZE 12000000u
const unsigned char *fault_big_file(void);
/* What one answer of /big-creep brings of it. */
#define FAULT_CREEP_SIZE (64u << 10)

/* Starts the server in a child that dies with this process. root (may be NULL) is served
 * below /www/. Returns the port. */
unsigned fault_server_start(const char *root);
/* Since the last call of fault_server_reset: requests, and bytes of bodies. */
unsigned fault_server_requests(void);
unsigned fault_server_requests_of(const char *path);
uint64_t fault_server_bytes(void);
void fault_server_reset(void);
/* The i-th path that errs in a way of its own; NULL behind the last. */
const char *fault_path(size_t i);

/* ---- between fault_server.c and fault_answers.c */
struct fault_conn {
	int fd;
	char path[512];
	bool ranged;
	uint64_t from;	    /* of Range */
	char if_range[128]; /* "" without */
	unsigned nth;	    /* request since the last reset, from 1 */
	unsigned port;
	const char *root;
};
void fault_send(struct fault_conn *c, const void *data, size_t len);
void fault_body(struct fault_conn *c, const void *data, size_t len); /* counted */
void fault_sendf(struct fault_conn *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void fault_pause_ms(unsigned ms);
void fault_answer(struct fault_conn *c);
size_t fault_index(const char *path); /* of fault_path(); behind the last: unknown */

#endif
