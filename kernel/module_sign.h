/* module_sign.h: keys for module signatures, and the check of every signature made. */
#ifndef KILN_MODULE_SIGN_H
#define KILN_MODULE_SIGN_H

#include "orchestrator/base/digest.h"
#include "orchestrator/base/err.h"

/* SHA-256 of the certificate (DER) in a PEM that holds a private key and its certificate,
 * as CONFIG_MODULE_SIG_KEY wants it: what a step's key reads instead of the secret.
 * ERR_USAGE where either is missing or they are no pair. */
int module_key_fingerprint(const char *pem, char hex[SHA256_HEX_LEN + 1], struct err *e);
/* Every module below out/modules carries a signature by the certificate that vmlinux has
 * built in. ERR_BUILD names the module. */
int module_sign_check(int out, const char *vmlinux, struct err *e);

#endif
