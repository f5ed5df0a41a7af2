/* pgpkey.h: what a ring of OpenPGP keys holds: gpgv does not tell a key's size. */
#ifndef KILN_PGPKEY_H
#define KILN_PGPKEY_H

#include <stddef.h>
#include "orchestrator/base/err.h"
#include "orchestrator/base/str.h"

enum pgp_algo { PGP_RSA = 1, PGP_DSA = 17, PGP_ECDSA = 19, PGP_EDDSA = 22 };

struct pgp_key {
	char fingerprint[65]; /* upper-case hex */
	char primary[65];     /* of the primary key, for subkeys */
	unsigned algo, bits;  /* bits: of RSA and DSA keys, else 0 */
	char uid[256];	      /* the first user id of the primary key, printable */
};

struct pgp_ring {
	struct pgp_key *keys; /* version 4 only: gpgv 2.2 counts no other */
	size_t count;
	struct buf binary; /* the ring without armor, as gpgv wants it */
};
#define _pgp_ring_ __attribute__((cleanup(pgp_ring_free)))

/* Reads a keyring file, binary or armored (several blocks, and text around them, are
 * fine). ERR_VERIFY when it is none or holds no key. */
int pgp_ring_read(const char *path, struct pgp_ring *ring, struct err *e);
/* NULL: not in the ring. */
const struct pgp_key *pgp_ring_find(const struct pgp_ring *ring, const char *fingerprint);
void pgp_ring_free(struct pgp_ring *ring);

#endif
