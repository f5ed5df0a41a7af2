/* given.h: a file or a directory that the workspace names itself, by URL or by path, in a
 * line of build-args: KERNEL_SOURCE, INTEL_UCODE. */
#ifndef KILN_GIVEN_H
#define KILN_GIVEN_H

#include <stdbool.h>
#include <stdint.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

struct given {
	const char *key;     /* "KERNEL_SOURCE": what sentences call it */
	const char *place;   /* a URL, or a path of this host; NULL: not given */
	const char *pin_key; /* "KERNEL_SHA256" */
	const char *pin;     /* sha256 of the file, or NULL; a URL has to have one */
};

bool given_is_url(const char *place);
/* ERR_USAGE for a pin that is none, and for a URL without one. No network. */
int given_check(const struct given *g, struct err *e);

/* What a local one is, as text for a key: "git:<commit>" of a clean checkout,
 * "content:<sha256>@<newest mtime>" of any other directory, "sha256:<hex>" of a file; ""
 * for a URL, which its pin tells. The caller frees. newest (may be NULL) receives that
 * mtime, of "content" alone. ERR_USAGE if there is none, ERR_VERIFY if the pin says
 * otherwise. */
int given_identity(
	const struct given *g, char **identity, int64_t *newest, struct err *e);
/* The same again, ERR_USAGE unless it still is what identity says. */
int given_unchanged(
	const struct given *g, const char *identity, int64_t *newest, struct err *e);

/* Brings a URL's file into the directory cache, under given_cache_name, if it is not
 * there; nothing is fetched when offline. */
int given_bring(const struct given *g, int cache, bool offline, struct err *e);
/* The caller frees. */
char *given_cache_name(const struct given *g);
/* Whether given_bring would need the network. */
bool given_is_missing(const struct given *g, int cache);

/* Runs git in the checkout, its output appended; false when it fails, with nothing said.
 */
bool given_git(const char *checkout, const char *const *words, struct buf *out);

#endif
