/* publish.h: from image results to the tags of a layout. */
#ifndef KILN_PUBLISH_H
#define KILN_PUBLISH_H

#include "orchestrator/session.h"

struct publish_options {
	const char *layout; /* directory */
	const char *org;    /* NULL: linuxkit */
	const char *image;  /* NULL: kernel */
};

/* The image's name as people write it ("linuxkit/kernel") and in full
 * ("docker.io/linuxkit/kernel"); the caller frees. */
char *publish_short_name(const struct publish_options *o, bool perf);
char *publish_full_name(const struct publish_options *o, bool perf);

/* Puts every target's images under their tags: <tag>, <tag>-<hash>, and both with the
 * arch behind. What stands there already is left alone. */
int publish(const struct session *s, const struct publish_options *o, struct err *e);
/* Prints names, tags, digests and sizes to stdout. */
int publish_report(
	const struct session *s, const struct publish_options *o, struct err *e);

#endif
