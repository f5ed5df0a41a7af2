/* download_int.h: what the files of download*.c share; nobody else includes it. */
#ifndef KILN_DOWNLOAD_INT_H
#define KILN_DOWNLOAD_INT_H

#include "orchestrator/base/digest.h"
#include "orchestrator/base/download.h"

#define DOWNLOAD_TRIES	  5
#define DOWNLOAD_MAX_SIZE (UINT64_C(4) << 30)
/* With the first request as many as there are tries, so that a loop gets no more. */
#define DOWNLOAD_REDIRECTS (DOWNLOAD_TRIES - 1)
/* A try that brought this much is no failed one: the next starts the count again. */
#define DOWNLOAD_PROGRESS (UINT64_C(64) << 10)
/* But this is the end, whatever came: the next call goes on from there. */
#define DOWNLOAD_MOST_TRIES 100

/* What has come so far, in a file <name>.part that a lock protects, or in memory. */
struct part {
	int dirfd;
	char *name; /* of the .part file; NULL: a memory file */
	int fd;
	uint64_t len;
	struct digest *digest; /* over the first len bytes */
	/* Where the bytes come from, so that they are continued with the same file only.
	 */
	char *url, *validator;
};

int part_open(struct part *p, int dirfd, const char *name, struct err *e);
int part_open_memory(struct part *p, struct err *e);
int part_append(struct part *p, const void *data, size_t len, struct err *e);
int part_reset(struct part *p, struct err *e);
/* Remembers, beside the file if there is one, where the bytes come from. */
void part_set_origin(struct part *p, const char *url, const char *validator);
/* Ends the digest: afterwards the part is published, discarded or reset. */
void part_digest(struct part *p, char hex[SHA256_HEX_LEN + 1]);
/* Syncs, and gives it its final name. */
int part_publish(struct part *p, const char *name, struct err *e);
/* Throws the file away. */
void part_discard(struct part *p);
void part_close(struct part *p);
#define _part_ __attribute__((cleanup(part_close)))

/* How one request ended. */
enum try_end {
	TRY_DONE,
	TRY_AGAIN,   /* the same request may succeed later */
	TRY_MISSING, /* there is no such file */
	TRY_REFUSED, /* this URL will not do better */
	TRY_WRONG,   /* what came is not what was asked for */
	TRY_LOCAL,   /* this host's fault: space, I/O; err is set */
	TRY_STOPPED, /* another download failed */
};

/* What one try needs, and what came of it. */
struct attempt {
	const struct download *d;
	struct part *part;
	const char *url;
	const bool *stop; /* another thread failed; may be NULL */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
	/* results */
	bool resumed;	  /* the server continued what was there */
	unsigned wait_ms; /* Retry-After */
	char reason[512];
	struct err err; /* with TRY_LOCAL */
};

extern struct download_timing download_timing;

struct http; /* a connection that may serve several files of one thread */
struct http *http_new(void);
void http_free(struct http *h);
enum try_end http_try(struct http *h, struct attempt *a);
/* file:// URLs. */
enum try_end file_try(struct attempt *a);
uint64_t download_limit(const struct download *d);

#endif
