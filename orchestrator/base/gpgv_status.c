/* gpgv_status.c: what gpgv's status lines mean for a role. GnuPG's doc/DETAILS describes
 * them; only what is listed here counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "orchestrator/base/gpgv_int.h"
#include "orchestrator/base/mem.h"

enum { MOST_SIGNATURES = 16, LEAST_RSA_BITS = 2048 };

enum state {
	NONE,
	GOOD,
	BAD,
	SIG_EXPIRED,
	KEY_EXPIRED,
	KEY_REVOKED,
	KEY_UNKNOWN,
	UNCHECKED
};
enum { NO_PUBLIC_KEY = 9 }; /* ERRSIG's reason */

/* One signature: the lines from NEWSIG to the next. */
struct signature {
	enum state state;
	bool valid;    /* VALIDSIG came, and with it the next fields */
	char key[65];  /* key id or fingerprint, as far as gpgv knows it */
	char uid[256]; /* printable */
	char signer[65], primary[65];
	unsigned hash, class;
	long long signed_at;
};

struct verdict {
	struct signature list[MOST_SIGNATURES];
	size_t count;
	unsigned texts; /* PLAINTEXT lines */
	bool too_many;
};

static const struct {
	const char *word;
	enum state state;
} states[] = {
	{"GOODSIG", GOOD},
	{"BADSIG", BAD},
	{"EXPSIG", SIG_EXPIRED},
	{"EXPKEYSIG", KEY_EXPIRED},
	{"REVKEYSIG", KEY_REVOKED},
	{"ERRSIG", UNCHECKED},
};

static const char *hash_name(unsigned hash)
{
	static const struct {
		unsigned id;
		const char *name;
	} weak[] = {{1, "MD5"}, {2, "SHA-1"}, {3, "RIPEMD-160"}, {11, "SHA-224"}};
	for (size_t i = 0; i < ARRAY_LEN(weak); i++)
		if (weak[i].id == hash)
			return weak[i].name;
	return "an unknown digest";
}

/* SHA-256, -384, -512, SHA3-256, SHA3-512. */
static bool hash_counts(unsigned hash)
{
	return hash == 8 || hash == 9 || hash == 10 || hash == 12 || hash == 14;
}

static struct signature *last(struct verdict *v)
{
	return v->count ? &v->list[v->count - 1] : NULL;
}

static void new_signature(struct verdict *v)
{
	if (v->count == MOST_SIGNATURES)
		v->too_many = true;
	else
		v->count++;
}

static void take_state(struct signature *s, enum state state, const char *rest)
{
	size_t key = strcspn(rest, " ");
	/* A second verdict on one signature is none. */
	s->state = s->state == NONE ? state : BAD;
	snprintf(s->key, sizeof(s->key), "%.*s", (int)key, rest);
	if (state == UNCHECKED)
		return;
	_free_ char *safe = str_printable(rest + key + (rest[key] == ' '));
	snprintf(s->uid, sizeof(s->uid), "%s", safe);
}

/* ERRSIG <key id> <algo> <hash> <class> <time> <reason> [fingerprint] */
static void take_errsig(struct signature *s, const char *rest)
{
	char fingerprint[65] = "-";
	int reason = 0;
	sscanf(rest, "%*s %*u %u %*s %*s %d %64s", &s->hash, &reason, fingerprint);
	if (*fingerprint != '-')
		snprintf(s->key, sizeof(s->key), "%s", fingerprint);
	if (reason == NO_PUBLIC_KEY)
		s->state = KEY_UNKNOWN;
}

/* VALIDSIG <fingerprint> <date> <time> <expires> <version> <reserved> <algo> <hash>
 * <class> <primary fingerprint> */
static void take_valid(struct signature *s, const char *rest)
{
	unsigned algo;
	if (sscanf(rest, "%64s %*s %lld %*s %*s %*s %u %u %x %64s", s->signer,
		    &s->signed_at, &algo, &s->hash, &s->class, s->primary) == 6)
		s->valid = true;
}

static void take_line(struct verdict *v, char *line)
{
	static const char prefix[] = "[GNUPG:] ";
	if (!str_starts(line, prefix))
		return;
	char *rest = line + strlen(prefix), *word = strsep(&rest, " ");
	rest = rest ? rest : word + strlen(word);
	if (str_eq(word, "NEWSIG"))
		new_signature(v);
	v->texts += str_eq(word, "PLAINTEXT");
	struct signature *s = last(v);
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_eq(word, states[i].word))
			take_state(s, states[i].state, rest);
	if (str_eq(word, "VALIDSIG"))
		take_valid(s, rest);
	if (str_eq(word, "ERRSIG"))
		take_errsig(s, rest);
}

static bool in_role(const struct gpgv_role *role, const char *primary)
{
	const char *const *f = role->fingerprints;
	for (; f && *f; f++)
		if (!strcmp(*f, primary))
			return true;
	return !f;
}

/* Who signed, as far as is known: "the key 647F… (Name <mail>)". */
static void describe_key(
	const struct gpgv_question *q, const struct signature *s, char *to, size_t size)
{
	const struct pgp_key *key =
		pgp_ring_find(q->ring, *s->primary ? s->primary : s->key);
	const char *uid = key ? key->uid : s->uid;
	const char *id = s->valid ? s->primary : *s->key ? s->key : "unknown";
	if (*uid)
		snprintf(to, size, "the key %s (%s)", id, uid);
	else
		snprintf(to, size, "the key %s", id);
}

static int refuse_state(const char *who, const struct signature *s, struct buf *why)
{
	static const char *const sentences[] = {
		[NONE] = "%s signed it in a way that gpgv does not judge",
		[BAD] = "the signature by %s does not fit the data: it was changed",
		[SIG_EXPIRED] = "the signature by %s has expired",
		[KEY_EXPIRED] = "%s has expired",
		[KEY_REVOKED] = "%s was revoked",
		[KEY_UNKNOWN] = "%s is not among the trusted keys",
		[UNCHECKED] =
			"gpgv can't check the signature by %s (algorithm or digest)",
	};
	const char *sentence = sentences[s->state], *gap = strstr(sentence, "%s");
	buf_addf(why, "%.*s%s%s", (int)(gap - sentence), sentence, who, gap + 2);
	return -1;
}

/* 0 when this signature counts for the role; else why not. */
static int judge(
	const struct gpgv_question *q, const struct signature *s, struct buf *why)
{
	char who[512];
	describe_key(q, s, who, sizeof(who));
	const struct pgp_key *key = s->valid ? pgp_ring_find(q->ring, s->signer) : NULL;
	if (s->state != GOOD)
		return refuse_state(who, s, why);
	if (!key || strcmp(key->primary, s->primary))
		buf_addf(why, "%s is of a kind that kiln does not know", who);
	else if (!in_role(q->role, s->primary))
		buf_addf(why, "%s may not sign as %s", who, q->role->name);
	else if (!hash_counts(s->hash))
		buf_addf(why, "%s signed with %s, which proves nothing any more", who,
			hash_name(s->hash));
	else if (key->algo == PGP_RSA && key->bits < LEAST_RSA_BITS)
		buf_addf(why, "%s has only %u bits, %d are the least", who, key->bits,
			LEAST_RSA_BITS);
	else if (key->algo != PGP_RSA && key->algo != PGP_ECDSA && key->algo != PGP_EDDSA)
		buf_addf(why, "%s uses algorithm %u, which does not count", who,
			key->algo);
	else if (s->class > 1)
		buf_addf(why, "%s made a signature of class %02x, not over a document",
			who, s->class);
	else
		return 0;
	return -1;
}

static void take_result(const struct gpgv_question *q, const struct signature *s,
	struct gpgv_result *result)
{
	const struct pgp_key *key = pgp_ring_find(q->ring, s->primary);
	*result = (struct gpgv_result){.signed_at = s->signed_at};
	snprintf(result->fingerprint, sizeof(result->fingerprint), "%s", s->primary);
	snprintf(result->uid, sizeof(result->uid), "%s", key ? key->uid : s->uid);
}

/* What gpgv said on stderr, when its status lines say nothing of use. */
static int fail_without(const struct gpgv_question *q, struct err *e)
{
	_free_ char *copy = xstrdup(q->errors);
	char *pos = copy, *line = str_next_line(&pos);
	_free_ char *safe = str_printable(line ? line : "");
	return err_set(e, ERR_VERIFY, "%s holds no signature that gpgv can read (%s%s%s)",
		q->name, safe, *safe ? "; " : "", proc_describe(q->end));
}

int gpgv_decide(const struct gpgv_question *q, char *status, struct gpgv_result *result,
	struct err *e)
{
	_buf_ struct buf why = {0};
	struct verdict v = {0};
	const struct signature *counts = NULL;
	char *line;
	while ((line = str_next_line(&status)))
		take_line(&v, line);
	if (!v.count)
		return fail_without(q, e);
	if (v.too_many)
		return err_set(e, ERR_VERIFY, "%s holds more than %d signatures", q->name,
			MOST_SIGNATURES);
	if (v.texts != (q->clearsigned ? 1u : 0u))
		return err_set(e, ERR_VERIFY, "%s holds %u signed texts, not %d", q->name,
			v.texts, q->clearsigned);
	for (size_t i = 0; i < v.count; i++) {
		const struct signature *s = &v.list[i];
		_buf_ struct buf one = {0};
		bool refused = judge(q, s, &one) != 0;
		if (s->state == BAD) /* whatever else is there: the data was changed */
			return err_set(e, ERR_VERIFY, "%s: %s", q->name, buf_str(&one));
		if (refused)
			buf_addf(&why, "%s%s", why.len ? "; " : "", buf_str(&one));
		else if (!counts)
			counts = s;
	}
	if (!counts)
		return err_set(e, ERR_VERIFY, "%s: no signature counts for the %s: %s",
			q->name, q->role->name, buf_str(&why));
	take_result(q, counts, result);
	return 0;
}

static const char begin_text[] = "-----BEGIN PGP SIGNED MESSAGE-----";
static const char begin_signature[] = "-----BEGIN PGP SIGNATURE-----";
static const char end_signature[] = "-----END PGP SIGNATURE-----";

/* gpgv skips what stands around a block, and people read it as if it were signed: the
 * frame of the whole file is checked here. */
int gpgv_check_frame(const char *name, const char *text, size_t len, struct err *e)
{
	static const char *const marks[] = {begin_text, begin_signature, end_signature};
	size_t seen = 0, number = 0;
	if (strlen(text) != len)
		return err_set(
			e, ERR_VERIFY, "%s holds a NUL byte: not a signed text", name);
	_free_ char *copy = xstrdup(text);
	char *line, *pos = copy;
	while ((line = str_next_line(&pos))) {
		number++;
		size_t end = strlen(line);
		while (end && strchr(" \t\r", line[end - 1]))
			line[--end] = '\0';
		bool is_mark = seen < ARRAY_LEN(marks) && str_eq(line, marks[seen]);
		if (is_mark)
			seen++;
		else if (seen == 0 && *line)
			return err_set(e, ERR_VERIFY,
				"%s:%zu: text stands before the signed block", name,
				number);
		else if (seen == ARRAY_LEN(marks) && *line)
			return err_set(e, ERR_VERIFY,
				"%s:%zu: text stands behind the signed block", name,
				number);
		else if (str_starts(line, "-----"))
			return err_set(e, ERR_VERIFY,
				"%s:%zu: a second block stands inside the signed one",
				name, number);
	}
	if (seen == 0)
		return err_set(e, ERR_VERIFY, "%s is empty, not a signed text", name);
	if (seen < ARRAY_LEN(marks))
		return err_set(e, ERR_VERIFY, "%s: the signed block has no end", name);
	return 0;
}
