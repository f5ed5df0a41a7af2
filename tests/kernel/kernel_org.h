/* kernel_org.h: a small kernel.org in a directory, signed by keys made for it. */
#ifndef KILN_TEST_KERNEL_ORG_H
#define KILN_TEST_KERNEL_ORG_H

struct kernel_org {
	char *dir;  /* v6.x/ and projects/rt/6.1/ are below */
	char *keys; /* a directory with sums.asc and developers.asc */
};

/* Makes linux-6.1.8, 6.1.9, 6.1.10 and 6.12 (tiny trees), the queues 6.1.9-rt3 and, below
 * older/, 6.1.8-rt1, their signatures by "dev" and sums by "auto". Needs gpg and xz. */
void kernel_org_make(struct kernel_org *k);
/* Lists and signs again what is in dir ("v6.x"), by a key, with further gpg options. */
void kernel_org_sign_sums(const struct kernel_org *k, const char *dir, const char *key,
	const char *options);
void kernel_org_free(struct kernel_org *k);

#endif
