/* tarmaker.h: tar archives byte by byte, so that they may be as wrong as a test wants. */
#ifndef KILN_TEST_TARMAKER_H
#define KILN_TEST_TARMAKER_H

#include "orchestrator/base/str.h"

/* One member with a good header. type is the ustar type flag; size is announced, and len
 * bytes of data follow, padded. */
struct tarmaker_member {
	char type;
	const char *name, *link;
	unsigned mode; /* 0: 0644 */
	const char *data;
	size_t len;
	unsigned long long size; /* 0: len */
};
void tarmaker_add(struct buf *tar, const struct tarmaker_member *m);
/* The usual ones. */
void tarmaker_file(struct buf *tar, const char *name, const char *data);
void tarmaker_dir(struct buf *tar, const char *name);
void tarmaker_link(struct buf *tar, char type, const char *name, const char *target);
/* GNU's long name ('L') or link ('K'), for the member that follows. */
void tarmaker_long(struct buf *tar, char type, const char *text);
/* A pax record for the member that follows. */
void tarmaker_pax(struct buf *tar, const char *key, const char *value);
/* The two blocks of zeros. */
void tarmaker_end(struct buf *tar);
/* Puts a good checksum into the header at this offset, after it was spoilt. */
void tarmaker_sum(struct buf *tar, size_t at);
/* Runs bytes through a program: "gzip -c". */
void tarmaker_filter(struct buf *tar, const char *command);

#endif
