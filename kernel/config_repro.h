/* config_repro.h: options that make every build of a kernel another one. */
#ifndef KILN_CONFIG_REPRO_H
#define KILN_CONFIG_REPRO_H

#include "kernel/config_text.h"
#include "kernel/kbuild.h"

/* What a build says that was asked to sign and has nothing to sign with: behind the place
 * that asked. */
#define CONFIG_SIGNING_NEEDS_KEY                                                         \
	"CONFIG_MODULE_SIG=y needs a signing key; give one with --module-key FILE, or "  \
	"unset the symbol"

/* Adds one line for each such option that the request asks for: where, what it does to
 * the result, and what kiln does about it. Reads only the request's files. */
int config_nondeterminism(
	const struct config_request *request, struct str_vec *lines, struct err *e);
/* ERR_USAGE, with file and line, if the request asks for signed modules: for a build to
 * which no key was given. Reads only the request's files. */
int config_without_key(const struct config_request *request, struct err *e);

#endif
