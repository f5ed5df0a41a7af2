/* gpgv.h: OpenPGP signatures by gpgv, decided by its status lines, never by its exit
 * code. */
#ifndef KILN_GPGV_H
#define KILN_GPGV_H

#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

/* Who may sign: a keyring file (binary or armored) and the full fingerprints of primary
 * keys that count in this role, ended by NULL; a NULL list: every key of the ring. */
struct gpgv_role {
	const char *name;    /* "autosigner", "developer", "Debian archive": for errors */
	const char *keyring; /* path */
	const char *const *fingerprints;
};

struct gpgv_result {
	char fingerprint[65]; /* of the primary key that counted */
	char uid[256];	      /* its user id, printable */
	long long signed_at;  /* seconds since the epoch */
};

/* Verifies a clearsigned text; out receives exactly the signed bytes. The file is that
 * one signed block and nothing else. ERR_VERIFY says which key and why. */
int gpgv_clearsigned(const char *path, const struct gpgv_role *role, struct buf *out,
	struct gpgv_result *result, struct err *e);
/* Verifies a detached signature over what can be read from data_fd (a pipe will do). */
int gpgv_detached(const char *signature, int data_fd, const struct gpgv_role *role,
	struct gpgv_result *result, struct err *e);

/* The same beside other work: gpgv_start before threads are made, gpgv_end when all data
 * was written and the write end of data_fd's pipe is closed. gpgv_end frees g; gpgv_kill
 * (NULL is fine) instead gives up. A writer must be ready for EPIPE: a signature file
 * that is none ends gpgv early, and gpgv_end then says so. */
struct gpgv;
struct gpgv *gpgv_start(
	const char *signature, int data_fd, const struct gpgv_role *role, struct err *e);
int gpgv_end(struct gpgv *g, struct gpgv_result *result, struct err *e);
void gpgv_kill(struct gpgv *g);

#endif
