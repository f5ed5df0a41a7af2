/* archive_stream.h: the bytes below a tar reader: file, .deb member, one decompressor. */
#ifndef KILN_ARCHIVE_STREAM_H
#define KILN_ARCHIVE_STREAM_H

#include <stdint.h>
#include <sys/types.h>
#include "orchestrator/base/archive.h"

struct archive_stream; /* opaque; archive_stream_free */
struct archive_stream *archive_stream_new(int fd);
void archive_stream_free(struct archive_stream *s);
/* Positions a .deb at its data member, the only bytes that are read from then on. */
int archive_stream_deb(struct archive_stream *s, struct err *e);
int archive_stream_open(
	struct archive_stream *s, const struct archive_policy *policy, struct err *e);
/* The next unpacked bytes, valid until the next call; 0 at the end; -1 and the reason is
 * kept for archive_stream_failed. */
ssize_t archive_stream_read(struct archive_stream *s, const void **data);
/* Whether reading failed; then e is set. */
bool archive_stream_failed(const struct archive_stream *s, struct err *e);
/* Refuses unpacked bytes (announced or come) that are out of proportion to packed ones.
 */
int archive_stream_check_ratio(
	struct archive_stream *s, uint64_t announced, struct err *e);
/* Reads to the end: after `end` only zeros may come, and nothing behind the last
 * compressed stream. */
int archive_stream_drain(struct archive_stream *s, uint64_t end, struct err *e);

#endif
