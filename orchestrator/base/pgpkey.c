/* pgpkey.c: a ring of OpenPGP keys, armored or not, as a list. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "orchestrator/base/digest.h"
#include "orchestrator/base/fs.h"
#include "orchestrator/base/mem.h"
#include "orchestrator/base/pgpkey.h"

enum { RING_LIMIT = 16 << 20 };
enum { TAG_PUBLIC_KEY = 6, TAG_USER_ID = 13, TAG_PUBLIC_SUBKEY = 14 };

static const char armor_begin[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
static const char armor_end[] = "-----END PGP PUBLIC KEY BLOCK-----";

static int base64_value(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Decodes a line; -1 when it is no base64. bits carries over from line to line. */
static int base64_line(const char *line, unsigned *word, unsigned *bits, struct buf *out)
{
	for (; *line && *line != '='; line++) {
		int value = base64_value(*line);
		if (value < 0)
			return -1;
		*word = (*word << 6 | (unsigned)value) & 0xffffff;
		*bits += 6;
		if (*bits >= 8) {
			*bits -= 8;
			buf_addc(out, (char)(*word >> *bits & 0xff));
		}
	}
	return 0;
}

/* One block's lines, from behind its headers to its end. */
static int armor_block(char **pos, struct buf *out, const char *path, struct err *e)
{
	unsigned word = 0, bits = 0;
	bool body = false;
	char *line;
	while ((line = str_next_line(pos))) {
		line = str_trim(line);
		if (str_eq(line, armor_end))
			return 0;
		if (!*line)
			body = true;
		else if (body && *line != '=' && base64_line(line, &word, &bits, out))
			return err_set(
				e, ERR_VERIFY, "%s: the armor of a key is damaged", path);
	}
	return err_set(e, ERR_VERIFY, "%s: a key block has no end", path);
}

static int armor_decode(char *text, struct buf *out, const char *path, struct err *e)
{
	char *line, *pos = text;
	while ((line = str_next_line(&pos)))
		if (str_eq(str_trim(line), armor_begin) &&
			armor_block(&pos, out, path, e))
			return -1;
	return 0;
}

/* What is left to read of a ring; every get says whether there was enough. */
struct slice {
	const unsigned char *data;
	size_t len;
};

static bool get(struct slice *s, size_t count, unsigned long *value)
{
	if (s->len < count)
		return false;
	*value = 0;
	for (size_t i = 0; i < count; i++)
		*value = *value << 8 | s->data[i];
	s->data += count;
	s->len -= count;
	return true;
}

static bool new_length(struct slice *s, unsigned long *len)
{
	unsigned long low;
	if (!get(s, 1, len))
		return false;
	if (*len < 192)
		return true;
	if (*len == 255)
		return get(s, 4, len);
	if (*len > 223 || !get(s, 1, &low))
		return false; /* partial lengths: never in keys */
	*len = ((*len - 192) << 8) + low + 192;
	return true;
}

/* The next packet; false at the end or at what is no packet (s->len tells). */
static bool next_packet(struct slice *s, unsigned *tag, struct slice *body)
{
	struct slice at = *s;
	unsigned long head, len;
	if (!get(&at, 1, &head) || !(head & 0x80))
		return false;
	if (head & 0x40) {
		*tag = head & 0x3f;
		if (!new_length(&at, &len))
			return false;
	} else {
		*tag = head >> 2 & 0xf;
		if ((head & 3) == 3 || !get(&at, (size_t)1 << (head & 3), &len))
			return false;
	}
	if (len > at.len)
		return false;
	*body = (struct slice){at.data, len};
	*s = (struct slice){at.data + len, at.len - len};
	return true;
}

static void fingerprint_v4(struct slice body, char hex[65])
{
	unsigned char head[3] = {
		0x99, (unsigned char)(body.len >> 8), (unsigned char)body.len};
	struct digest *d = digest_new(DIGEST_SHA1);
	digest_add(d, head, sizeof(head));
	digest_add(d, body.data, body.len);
	digest_end(d, hex);
	for (char *c = hex; *c; c++)
		if (*c >= 'a' && *c <= 'f')
			*c = (char)(*c - 'a' + 'A');
}

/* Version, creation time, algorithm, and for RSA and DSA a first number whose bits count.
 */
static void add_key(struct pgp_ring *ring, struct slice body, bool primary)
{
	struct slice s = body;
	unsigned long version, created, algo, bits = 0;
	if (body.len > 0xffff || !get(&s, 1, &version) || version != 4 ||
		!get(&s, 4, &created) || !get(&s, 1, &algo))
		return;
	if ((algo <= 3 || algo == PGP_DSA) && !get(&s, 2, &bits))
		return;
	ring->keys = xrealloc(ring->keys, (ring->count + 1) * sizeof(*ring->keys));
	struct pgp_key *key = &ring->keys[ring->count++];
	*key = (struct pgp_key){.algo = (unsigned)algo, .bits = (unsigned)bits};
	fingerprint_v4(body, key->fingerprint);
	const char *of = key->fingerprint;
	if (!primary && ring->count > 1)
		of = ring->keys[ring->count - 2].primary;
	memmove(key->primary, of, sizeof(key->primary));
}

static void add_uid(struct pgp_ring *ring, struct slice body)
{
	if (!ring->count || *ring->keys[ring->count - 1].uid)
		return;
	_free_ char *text = xstrndup((const char *)body.data, body.len);
	_free_ char *safe = str_printable(text);
	struct pgp_key *key = &ring->keys[ring->count - 1];
	snprintf(key->uid, sizeof(key->uid), "%s", safe);
}

static int parse(struct pgp_ring *ring, const char *path, struct err *e)
{
	struct slice rest = {(const unsigned char *)ring->binary.data, ring->binary.len};
	struct slice body;
	unsigned tag;
	while (next_packet(&rest, &tag, &body)) {
		if (tag == TAG_PUBLIC_KEY || tag == TAG_PUBLIC_SUBKEY)
			add_key(ring, body, tag == TAG_PUBLIC_KEY);
		else if (tag == TAG_USER_ID)
			add_uid(ring, body);
	}
	if (rest.len || !ring->count)
		return err_set(e, ERR_VERIFY,
			"%s: not a keyring of OpenPGP public keys (make one with gpg "
			"--export)",
			path);
	return 0;
}

int pgp_ring_read(const char *path, struct pgp_ring *ring, struct err *e)
{
	*ring = (struct pgp_ring){0};
	_buf_ struct buf raw = {0};
	if (fs_read(AT_FDCWD, path, RING_LIMIT, &raw, e))
		return -1;
	if (raw.len && (unsigned char)raw.data[0] & 0x80) {
		ring->binary = raw;
		raw = (struct buf){0};
	} else if (raw.len && armor_decode(raw.data, &ring->binary, path, e)) {
		return -1;
	}
	return parse(ring, path, e);
}

const struct pgp_key *pgp_ring_find(const struct pgp_ring *ring, const char *fingerprint)
{
	for (size_t i = 0; i < ring->count; i++)
		if (str_eq(ring->keys[i].fingerprint, fingerprint))
			return &ring->keys[i];
	return NULL;
}

void pgp_ring_free(struct pgp_ring *ring)
{
	free(ring->keys);
	buf_free(&ring->binary);
	*ring = (struct pgp_ring){0};
}
