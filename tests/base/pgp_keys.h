/* pgp_keys.h: keys, and what they sign, made by gpg when a test runs. */
#ifndef KILN_TEST_PGP_KEYS_H
#define KILN_TEST_PGP_KEYS_H

/* Makes a GNUPGHOME below a fresh directory, used by all gpg calls of this process. */
void pgp_start(void);
/* Ends its agent. */
void pgp_end(void);
/* A new key, e.g. pgp_key("dev", "rsa2048", "never"); returns its fingerprint (freed by
 * the caller). when is a --faked-system-time or NULL. */
char *pgp_key(const char *name, const char *algo, const char *expires, const char *when);
void pgp_revoke(const char *name);
/* Writes a ring of these names (NULL-ended), armored if the path ends in ".asc". */
void pgp_export(const char *path, const char *const *names);
/* gpg with these words, e.g. "--clearsign -u dev -o out in". */
void pgp_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
