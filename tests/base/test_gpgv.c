#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "orchestrator/base/fs.h"
#include "orchestrator/base/gpgv.h"
#include "orchestrator/base/pgpkey.h"
#include "tests/base/pgp_keys.h"
#include "tests/test.h"

/* What the cases share: one set of keys, one text. */
static char *dir;

static const struct {
	const char *name, *algo, *expires, *made;
} keys[] = {
	{"auto", "rsa2048", "never", NULL},
	{"dev", "rsa2048", "never", NULL},
	{"curve", "ed25519", "never", NULL},
	{"nist", "nistp256", "never", NULL},
	{"old", "rsa2048", "20200301T000000", "20200101T000000"},
	{"revoked", "rsa2048", "never", NULL},
	{"short", "rsa1024", "never", NULL},
	{"dsa", "dsa2048", "never", NULL},
	{"stranger", "rsa2048", "never", NULL},
	{"early", "rsa2048", "never", "20200101T000000"},
	{"subkey", "rsa2048 cert", "never", NULL},
};
static char *prints[ARRAY_LEN(keys)];

static const char *fingerprint(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (str_eq(keys[i].name, name))
			return prints[i];
	return NULL;
}

/* How each file is made, from "text". */
static const char recipes[] =
	"set -e; g() { gpg --batch --yes --quiet --passphrase '' \"$@\"; }\n"
	"clear() { k=$1; shift; g -u $k@test.invalid --output $k.asc \"$@\" --clearsign "
	"text; }\n"
	"det() { k=$1; shift; g -u $k@test.invalid --output $k.sig \"$@\" --detach-sign "
	"text; }\n"
	"for k in auto dev curve nist short dsa stranger revoked subkey; do\n"
	"	clear $k; det $k; done\n"
	"clear old --faked-system-time 20200201T000000!\n"
	"det old --faked-system-time 20200201T000000!\n"
	"clear early --faked-system-time 20210101T000000! --default-sig-expire 1d\n"
	"g -u auto@test.invalid --digest-algo SHA1 --output sha1.asc --clearsign text\n"
	"g -u auto@test.invalid --digest-algo SHA1 --output sha1.sig --detach-sign text\n"
	"g -u auto@test.invalid --armor --output armored.sig --detach-sign text\n"
	"g -u auto@test.invalid --output inline.asc --armor --sign text\n"
	"g -u auto@test.invalid -u stranger@test.invalid --output two.asc --clearsign "
	"text\n"
	"g -u stranger@test.invalid -u auto@test.invalid --output two.sig --detach-sign "
	"text\n"
	"g -u stranger@test.invalid -u dev@test.invalid --output none.sig --detach-sign "
	"text\n"
	"sed 's/^one$/ONE/' auto.asc > tampered.asc\n"
	"(echo before; cat auto.asc) > before.asc\n"
	"(cat auto.asc; echo behind) > behind.asc\n"
	"cat auto.asc auto.asc > twice.asc\n"
	"cat stranger.asc auto.asc > mixed.asc\n"
	"sed 's/^one$/-----BEGIN PGP SIGNED MESSAGE-----/' auto.asc > nested.asc\n"
	"(printf '\\n\\n'; cat auto.asc; printf '\\n \\n') > blank.asc\n"
	"sed '/END PGP SIGNATURE/d' auto.asc > cut.asc\n"
	"sed '/BEGIN PGP SIGNATURE/,$d' auto.asc > unended.asc\n"
	"sed 's/$/\\r/' auto.asc > crlf.asc\n"
	"tr 'o' '\\0' < auto.asc > nul.asc\n"
	": > empty.asc; : > empty.sig\n"
	"cp text unsigned.asc; cp text unsigned.sig; cp auto.asc text.sig\n"
	"sed 's/^one$/ONE/' text > other\n"
	"g -u auto@test.invalid --output other.sig --detach-sign other\n"
	"g -u dev@test.invalid --output other-dev.sig --detach-sign other\n"
	"cat auto.sig other-dev.sig > good-and-bad.sig\n"
	"head -c 100 auto.sig > cut.sig\n"
	"g --armor --export auto@test.invalid > key.sig\n";

static void setup(void)
{
	dir = xstrdup(test_tmpdir());
	pgp_start();
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		prints[i] = pgp_key(
			keys[i].name, keys[i].algo, keys[i].expires, keys[i].made);
	pgp_run("--quick-add-key %s rsa2048 sign never", fingerprint("subkey"));
	_free_ char *text = test_path("%s/text", dir);
	test_write(text, "one\n- two\n\nthree\n");
}

static void make_files(void)
{
	_buf_ struct buf out = {0};
	int status = test_sh(&out, "cd '%s' && %s", dir, recipes);
	ck_assert_msg(status == 0, "%s", buf_str(&out));
	pgp_revoke("revoked");
	const char *const names[] = {"auto", "dev", "curve", "nist", "old", "revoked",
		"short", "dsa", "early", "subkey", NULL};
	_free_ char *all = test_path("%s/all.gpg", dir);
	_free_ char *armored = test_path("%s/all.asc", dir);
	pgp_export(all, names);
	pgp_export(armored, names);
}

static void teardown(void)
{
	pgp_end();
	unsetenv("GNUPGHOME");
	free(dir);
}

/* Which keys count in a role, NULL-ended; an empty list: every key of the ring. */
static const char *const autos[] = {"auto", NULL}, *const devs[] = {"dev", NULL},
			 *const everyone[] = {NULL};

static const struct verification {
	const char *file; /* ".asc": clearsigned; else detached, over "text" */
	const char *const *who;
	const char *signer;   /* NULL: refused */
	const char *sentence; /* $name: its fingerprint; "*": the rest may be anything */
} verifications[] = {
	{"auto.asc", everyone, "auto", NULL}, {"auto.asc", autos, "auto", NULL},
	{"curve.asc", everyone, "curve", NULL}, {"nist.asc", everyone, "nist", NULL},
	{"subkey.asc", everyone, "subkey", NULL}, {"blank.asc", everyone, "auto", NULL},
	{"crlf.asc", everyone, "auto", NULL}, {"two.asc", everyone, "auto", NULL},
	{"auto.sig", autos, "auto", NULL}, {"armored.sig", autos, "auto", NULL},
	{"curve.sig", everyone, "curve", NULL}, {"subkey.sig", everyone, "subkey", NULL},
	{"two.sig", autos, "auto", NULL},
	{"tampered.asc", everyone, NULL,
		"tampered.asc: the signature by the key * does not fit the data: it was "
		"changed"},
	{"before.asc", everyone, NULL,
		"before.asc:1: text stands before the signed block"},
	{"behind.asc", everyone, NULL,
		"behind.asc:*: text stands behind the signed block"},
	{"twice.asc", everyone, NULL, "twice.asc:*: text stands behind the signed block"},
	{"mixed.asc", everyone, NULL, "mixed.asc:*: text stands behind the signed block"},
	{"nested.asc", everyone, NULL,
		"nested.asc:4: a second block stands inside the signed one"},
	{"cut.asc", everyone, NULL, "cut.asc: the signed block has no end"},
	{"unended.asc", everyone, NULL, "unended.asc: the signed block has no end"},
	{"nul.asc", everyone, NULL, "nul.asc holds a NUL byte: not a signed text"},
	{"empty.asc", everyone, NULL, "empty.asc is empty, not a signed text"},
	{"unsigned.asc", everyone, NULL,
		"unsigned.asc:1: text stands before the signed block"},
	{"inline.asc", everyone, NULL,
		"inline.asc:1: text stands before the signed block"},
	{"old.asc", everyone, NULL,
		"old.asc: no signature counts for the tester: the key $old (old "
		"<old@test.invalid>) has expired"},
	{"revoked.asc", everyone, NULL,
		"revoked.asc: no signature counts for the tester: the key $revoked "
		"(revoked "
		"<revoked@test.invalid>) was revoked"},
	{"early.asc", everyone, NULL,
		"early.asc: no signature counts for the tester: the signature by the key "
		"$early "
		"(early <early@test.invalid>) has expired"},
	{"sha1.asc", everyone, NULL,
		"sha1.asc: no signature counts for the tester: the key $auto (auto "
		"<auto@test.invalid>) signed with SHA-1, which proves nothing any more"},
	{"short.asc", everyone, NULL,
		"short.asc: no signature counts for the tester: the key $short (short "
		"<short@test.invalid>) has only 1024 bits, 2048 are the least"},
	{"dsa.asc", everyone, NULL,
		"dsa.asc: no signature counts for the tester: the key $dsa (dsa "
		"<dsa@test.invalid>) uses algorithm 17, which does not count"},
	{"stranger.asc", everyone, NULL,
		"stranger.asc: no signature counts for the tester: the key $stranger is "
		"not "
		"among the trusted keys"},
	{"dev.asc", autos, NULL,
		"dev.asc: no signature counts for the tester: the key $dev (dev "
		"<dev@test.invalid>) may not sign as tester"},
	{"auto.sig", devs, NULL,
		"auto.sig: no signature counts for the tester: the key $auto (auto "
		"<auto@test.invalid>) may not sign as tester"},
	{"old.sig", everyone, NULL,
		"old.sig: no signature counts for the tester: the key $old (old "
		"<old@test.invalid>) has expired"},
	{"revoked.sig", everyone, NULL,
		"revoked.sig: no signature counts for the tester: the key $revoked "
		"(revoked "
		"<revoked@test.invalid>) was revoked"},
	{"sha1.sig", everyone, NULL,
		"sha1.sig: no signature counts for the tester: the key $auto (auto "
		"<auto@test.invalid>) signed with SHA-1, which proves nothing any more"},
	{"short.sig", everyone, NULL, "short.sig: no signature counts for the tester: *"},
	{"stranger.sig", everyone, NULL,
		"stranger.sig: no signature counts for the tester: the key $stranger is "
		"not "
		"among the trusted keys"},
	{"none.sig", autos, NULL,
		"none.sig: no signature counts for the tester: the key $stranger is not "
		"among "
		"the trusted keys; the key $dev (dev <dev@test.invalid>) may not sign as "
		"tester"},
	{"other.sig", everyone, NULL,
		"other.sig: the signature by the key * does not fit the data: it was "
		"changed"},
	{"good-and-bad.sig", everyone, NULL,
		"good-and-bad.sig: the signature by the key * does not fit the data: it "
		"was "
		"changed"},
	{"empty.sig", everyone, NULL,
		"empty.sig holds no signature that gpgv can read *"},
	{"unsigned.sig", everyone, NULL,
		"unsigned.sig holds no signature that gpgv can read *"},
	{"cut.sig", everyone, NULL, "cut.sig holds no signature that gpgv can read *"},
	{"key.sig", everyone, NULL, "key.sig holds no signature that gpgv can read *"},
	{"text.sig", everyone, NULL, "text.sig*"}, /* a clearsigned text as a signature */
};

/* The sentence with fingerprints instead of $names. */
static char *expand(const char *sentence)
{
	_buf_ struct buf out = {0};
	for (const char *c = sentence; *c;) {
		size_t n = *c == '$' ? strspn(c + 1, "abcdefghijklmnopqrstuvwxyz") : 0;
		_free_ char *name = xstrndup(c + 1, n);
		if (n)
			buf_adds(&out, fingerprint(name));
		else
			buf_addc(&out, *c);
		c += n + 1;
	}
	return buf_steal(&out);
}

/* Compares piece by piece around each "*". */
static bool matches(const char *got, const char *want)
{
	const char *star = strchr(want, '*');
	if (!star)
		return str_eq(got, want);
	size_t head = (size_t)(star - want);
	if (strncmp(got, want, head))
		return false;
	if (!star[1])
		return true;
	const char *tail = strstr(got + head, star + 1);
	return tail && str_eq(tail, star + 1);
}

static void check_one(const struct verification *v, const char *ring)
{
	const char *prints_of[4] = {NULL};
	for (size_t i = 0; v->who[i]; i++)
		prints_of[i] = fingerprint(v->who[i]);
	_free_ char *keyring = test_path("%s/%s", dir, ring);
	_free_ char *path = test_path("%s/%s", dir, v->file);
	_free_ char *text = test_path("%s/text", dir);
	struct gpgv_role role = {"tester", keyring, v->who[0] ? prints_of : NULL};
	struct gpgv_result result = {0};
	struct err e = {0};
	_buf_ struct buf out = {0};
	_close_ int data = open(text, O_RDONLY);
	int status = str_ends(v->file, ".asc")
			     ? gpgv_clearsigned(path, &role, &out, &result, &e)
			     : gpgv_detached(path, data, &role, &result, &e);
	if (v->signer) {
		ck_assert_msg(status == 0, "%s: %s", v->file, e.msg);
		ck_assert_str_eq(result.fingerprint, fingerprint(v->signer));
		_free_ char *uid =
			test_path("%s <%s@test.invalid>", v->signer, v->signer);
		ck_assert_str_eq(result.uid, uid);
		if (str_eq(v->file, "crlf.asc")) /* gpgv hands line ends through */
			ck_assert_str_eq(out.data, "one\r\n- two\r\n\r\nthree\r\n");
		else if (str_ends(v->file, ".asc"))
			ck_assert_str_eq(out.data, "one\n- two\n\nthree\n");
		return;
	}
	_free_ char *want = expand(v->sentence);
	ck_assert_msg(
		status == -1 && e.code == ERR_VERIFY, "%s: code %d", v->file, e.code);
	ck_assert_msg(matches(e.msg, want), "got  %s\nwant %s", e.msg, want);
	ck_assert_uint_eq(out.len, 0);
}

START_TEST(table)
{
	if (!test_need("gpg") || !test_need("gpgv"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(verifications); i++) {
		check_one(&verifications[i], "all.gpg");
		check_one(&verifications[i], "all.asc");
	}
}
END_TEST

/* What gpg itself says of the ring is what the reader finds in it. */
START_TEST(ring)
{
	_buf_ struct buf want = {0};
	struct err e = {0};
	_pgp_ring_ struct pgp_ring r = {0};
	_buf_ struct buf got = {0};
	if (!test_need("gpg"))
		return;
	_free_ char *path = test_path("%s/all.asc", dir);
	ck_ok(pgp_ring_read(path, &r, &e), &e);
	for (size_t i = 0; i < r.count; i++)
		buf_addf(&got, "%u %s\n", r.keys[i].algo, r.keys[i].fingerprint);
	ck_assert_int_eq(
		test_sh(&want,
			"gpg --batch --with-colons --with-subkey-fingerprint --show-keys "
			"'%s' | awk -F: '/^(pub|sub):/ {a = $4} /^fpr:/ {print a, $10}'",
			path),
		0);
	ck_assert_str_eq(got.data, want.data);
	ck_assert_uint_eq(pgp_ring_find(&r, fingerprint("short"))->bits, 1024);
	ck_assert_uint_eq(pgp_ring_find(&r, fingerprint("auto"))->bits, 2048);
	ck_assert_ptr_null(pgp_ring_find(&r, fingerprint("stranger")));
}
END_TEST

static const struct {
	const char *text, *sentence;
} bad_rings[] = {
	{"", "not a keyring of OpenPGP public keys (make one with gpg --export)"},
	{"just words\n",
		"not a keyring of OpenPGP public keys (make one with gpg --export)"},
	{"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBF!!\n"
	 "-----END PGP PUBLIC KEY BLOCK-----\n",
		"the armor of a key is damaged"},
	{"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBF\n", "a key block has no end"},
	{"\x99\xff\xff",
		"not a keyring of OpenPGP public keys (make one with gpg --export)"},
};

START_TEST(rings_that_are_none)
{
	_free_ char *path = test_path("%s/ring", test_tmpdir());
	for (size_t i = 0; i < ARRAY_LEN(bad_rings); i++) {
		struct err e = {0};
		_pgp_ring_ struct pgp_ring r = {0};
		test_write(path, bad_rings[i].text);
		_free_ char *want = test_path("%s: %s", path, bad_rings[i].sentence);
		ck_fails(pgp_ring_read(path, &r, &e), &e, ERR_VERIFY, want);
	}
}
END_TEST

/* Cut anywhere, or with a byte changed: refused, or read without another key's print. */
START_TEST(damaged_rings)
{
	struct err e = {0};
	_pgp_ring_ struct pgp_ring whole = {0};
	_free_ char *path = test_path("%s/ring", test_tmpdir());
	unsigned seed = 3;
	if (!test_need("gpg"))
		return;
	_free_ char *full = test_path("%s/all.gpg", dir);
	ck_ok(pgp_ring_read(full, &whole, &e), &e);
	for (size_t i = 0; i < 400; i++) {
		_pgp_ring_ struct pgp_ring r = {0};
		_buf_ struct buf data = {0};
		size_t at = (size_t)rand_r(&seed) % whole.binary.len;
		bool cut = i % 2;
		buf_add(&data, whole.binary.data, cut ? at : whole.binary.len);
		if (!cut)
			data.data[at] = (char)(data.data[at] ^ (1 << i / 2 % 8));
		_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		ck_ok(fs_write_all(fd, buf_str(&data), data.len, &e), &e);
		if (pgp_ring_read(path, &r, &e))
			ck_assert_int_eq(e.code, ERR_VERIFY);
		for (size_t k = 0; cut && k < r.count; k++)
			ck_assert_ptr_nonnull(
				pgp_ring_find(&whole, r.keys[k].fingerprint));
	}
}
END_TEST

/* The data may come through a pipe whose reader leaves before its end. */
START_TEST(reader_leaves)
{
	struct err e = {0};
	struct gpgv_result result;
	int fds[2];
	if (!test_need("gpgv"))
		return;
	_free_ char *keyring = test_path("%s/all.gpg", dir);
	_free_ char *path = test_path("%s/unsigned.sig", dir);
	struct gpgv_role role = {"tester", keyring, NULL};
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	struct gpgv *g = gpgv_start(path, fds[0], &role, &e);
	ck_assert_ptr_nonnull(g);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	static char zeros[65536];
	while (write(fds[1], zeros, sizeof(zeros)) > 0)
		;
	close(fds[1]);
	ck_assert_int_eq(gpgv_end(g, &result, &e), -1);
	ck_assert_int_eq(e.code, ERR_VERIFY);
}
END_TEST

static void setup_all(void)
{
	if (!proc_in_path("gpg")) {
		dir = xstrdup("");
		return;
	}
	setup();
	make_files();
}

Suite *suite_gpgv(void);
Suite *suite_gpgv(void)
{
	Suite *s = suite_create("gpgv");
	const TTest *tests[] = {
		table, ring, rings_that_are_none, damaged_rings, reader_leaves};
	TCase *tc = tcase_create("signatures");
	tcase_add_unchecked_fixture(tc, setup_all, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}
